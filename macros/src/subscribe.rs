//! `#[subscribe]`.

mod options;
mod values;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::Parser as _;
use syn::spanned::Spanned as _;
use syn::{Error, FnArg, Ident, ItemFn, Result, ReturnType, Signature, Type};

use crate::args;
use options::SubscribeArgs;

pub(crate) fn expand(tokens: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = SubscribeArgs::from_input
        .parse2(tokens)
        .and_then(|args| Ok((args, function(item.clone())?)));
    match parsed {
        Ok((args, function)) => expand_function(&args, &function),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

/// The most arguments that a handler may have.
const MOST_ARGUMENTS: usize = 8;

fn function(item: TokenStream) -> Result<ItemFn> {
    let head = item
        .clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |t| t.span());
    let function: ItemFn = syn::parse2(item)
        .map_err(|_| Error::new(head, "a subscriber is a function, `async` or blocking"))?;
    check_signature(&function.sig)?;
    Ok(function)
}

fn check_signature(signature: &Signature) -> Result<()> {
    if !signature.generics.params.is_empty() {
        let text = "a subscriber has no type parameters: the worker would not know which to call";
        return Err(Error::new(signature.generics.span(), text));
    }
    if let Some(unsafety) = &signature.unsafety {
        return Err(Error::new(
            unsafety.span(),
            "a subscriber is not unsafe: the worker calls it",
        ));
    }
    if signature.inputs.len() > MOST_ARGUMENTS {
        let text = format!(
            "a subscriber has at most {MOST_ARGUMENTS} arguments; `Context` holds everything"
        );
        return Err(Error::new(signature.inputs.span(), text));
    }
    signature.inputs.iter().try_for_each(check_argument)
}

fn check_argument(argument: &FnArg) -> Result<()> {
    match argument {
        FnArg::Receiver(this) => {
            let text =
                "a subscriber is a free function; what it needs of an object comes as `State<T>`";
            Err(Error::new(this.span(), text))
        }
        FnArg::Typed(typed) => match &*typed.ty {
            Type::Reference(reference) => Err(Error::new(
                reference.span(),
                "a subscriber takes its arguments by value; leave out the `&`",
            )),
            Type::ImplTrait(it) => Err(Error::new(
                it.span(),
                "name the argument's type: the worker has to make one",
            )),
            _ => Ok(()),
        },
    }
}

fn expand_function(args: &SubscribeArgs, function: &ItemFn) -> TokenStream {
    let ident = &function.sig.ident;
    let cfgs = args::cfgs(&function.attrs);
    let krate = &args.krate;
    let pattern = &args.pattern;
    let (version, options) = (args.version_spec(), args.handler_options());
    let name = match &args.name {
        Some(name) => quote!(#name),
        None => {
            let plain = ident.to_string();
            let plain = plain.trim_start_matches("r#");
            quote!(::core::concat!(::core::module_path!(), "::", #plain))
        }
    };
    let retry = args.auto_retry();
    let own_topics = argument_types(&function.sig)
        .into_iter()
        .filter(|ty| may_be_event(ty))
        .map(|ty| own_topic(args, ty));
    let cx = local("cx");
    let call = call(args, function, &cx);
    let missing_state = missing_state(args, function);
    quote! {
        #function

        #(#cfgs)*
        #[allow(clippy::all, deprecated, unused_imports, unused_qualifications, unused_variables)]
        const _: () = {
            use #krate::__private::outcome::{
                IsBoxable as _, IsDeclared as _, IsFallible as _, IsPlain as _, IsPointed as _, IsVerdict as _,
            };

            use #krate::__private::topic::NoEvent as _;

            #(#own_topics)*

            static RETRY: #krate::__private::AutoRetry = #retry;

            #krate::__private::inventory::submit! {
                #krate::catalog::SubscriberEntry {
                    make: || {
                        #krate::__private::def(#name, #pattern, #version, #options, #missing_state, |#cx| async move { #call })
                    },
                    location: ::core::concat!(::core::file!(), ":", ::core::line!()),
                }
            }
        };
    }
}

/// An event's type has no parameters.
fn may_be_event(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|segment| segment.arguments.is_empty())
}

/// Refuses an event that never comes by the pattern.
fn own_topic(args: &SubscribeArgs, ty: &Type) -> TokenStream {
    let (krate, pattern) = (&args.krate, &args.pattern);
    let written = quote!(#ty).to_string();
    let text = format!(
        "`{written}` is an event of another topic than `{}`: write the topic of its `#[event(…)]`, or take \
         `Payload<{written}>` to read events of other topics into it",
        pattern.value()
    );
    quote_spanned! {args::shown_at(ty.span())=>
        const _: () = ::core::assert!(
            #krate::__private::topic::brings(#pattern, <#krate::__private::topic::Argument<#ty>>::TOPIC),
            #text
        );
    }
}

/// The expansion's own variable, which hides no function of this name.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Makes the arguments, calls the function, and turns what it returns into what the worker wants.
fn call(args: &SubscribeArgs, function: &ItemFn, cx: &Ident) -> TokenStream {
    let ident = &function.sig.ident;
    let krate = &args.krate;
    let types = argument_types(&function.sig);
    let names: Vec<Ident> = (0..types.len())
        .map(|i| local(&format!("argument_{i}")))
        .collect();
    let extract = names.iter().zip(types).map(|(name, ty)| {
        let at = args::shown_at(ty.span());
        let from_context = quote_spanned!(at=> <#ty as #krate::extract::FromContext>::from_context);
        quote!(let #name = #from_context(&#cx)?;)
    });
    let at = args::shown_at(match &function.sig.output {
        ReturnType::Default => ident.span(),
        ReturnType::Type(_, ty) => ty.span(),
    });
    let value = Ident::new("value", Span::mixed_site().located_at(at));
    let finish = quote_spanned! {at=>
        (&&&&&&#krate::__private::outcome::probe(&#value)).kind().finish(#value, &RETRY)
    };
    let run = if function.sig.asyncness.is_some() {
        quote! {
            let #value = #ident(#(#names),*).await;
            #finish
        }
    } else {
        quote! {
            #krate::__private::run_blocking(move || {
                let #value = #ident(#(#names),*);
                #finish
            })
            .await
        }
    };
    quote!(#(#extract)* #run)
}

/// A function from the worker's state to what the arguments miss of it.
fn missing_state(args: &SubscribeArgs, function: &ItemFn) -> TokenStream {
    let krate = &args.krate;
    let state = local("state");
    let missing = argument_types(&function.sig).into_iter().map(|ty| {
        let at = args::shown_at(ty.span());
        let missing = quote_spanned!(at=> <#ty as #krate::extract::FromContext>::missing_state);
        quote!(#missing(#state))
    });
    quote! {
        |#state| {
            let missing: ::std::vec::Vec<::core::option::Option<&'static str>> = ::std::vec![#(#missing),*];
            missing.into_iter().flatten().collect()
        }
    }
}

fn argument_types(signature: &Signature) -> Vec<&Type> {
    let typed = signature
        .inputs
        .iter()
        .filter_map(|argument| match argument {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        });
    typed.collect()
}
