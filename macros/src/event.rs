//! `#[event]`, `#[event_response]`, `#[event_error]`.

mod arguments;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, Field, Fields, Generics, Ident, Item, ItemStruct, LitStr, Path, Result, Type,
};

use crate::args;
use crate::derives;
use arguments::{AnswerArgs, EventArgs, Rpc};

pub(crate) fn expand(tokens: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = EventArgs::parse(tokens).and_then(|args| {
        let item = event_struct(item.clone())?;
        Ok(expand_event(&args, item))
    });
    parsed.unwrap_or_else(|error| with_error(error, item))
}

pub(crate) fn expand_answer(tokens: TokenStream, item: TokenStream, role: &str) -> TokenStream {
    let role = Ident::new(role, Span::call_site());
    let parsed = AnswerArgs::parse(tokens).and_then(|args| {
        let item = answer_item(item.clone())?;
        Ok(expand_answer_item(&args, item, &role))
    });
    parsed.unwrap_or_else(|error| with_error(error, item))
}

/// The error and the item as it was, so that no use of the item adds errors of its own.
fn with_error(error: Error, item: TokenStream) -> TokenStream {
    let error = error.into_compile_error();
    quote!(#error #item)
}

/// The struct of an event: named fields, no parameters.
fn event_struct(item: TokenStream) -> Result<ItemStruct> {
    let item: Item = syn::parse2(item)?;
    let Item::Struct(item) = item else {
        let text = "an event is a struct with named fields, since it travels as a JSON object";
        return Err(Error::new(head(&item), text));
    };
    no_generics(&item.generics)?;
    item.fields.iter().try_for_each(owns_its_data)?;
    let remedy = match &item.fields {
        Fields::Named(_) => return Ok(item),
        Fields::Unit => format!("write `struct {} {{}}`", item.ident),
        Fields::Unnamed(_) => "name its fields".to_owned(),
    };
    let text = format!("an event has named fields, since it travels as a JSON object; {remedy}");
    Err(Error::new(item.ident.span(), text))
}

/// The struct or enum of a response or an error.
fn answer_item(item: TokenStream) -> Result<Item> {
    let item: Item = syn::parse2(item)?;
    match &item {
        Item::Struct(s) => no_generics(&s.generics)?,
        Item::Enum(e) => no_generics(&e.generics)?,
        other => {
            return Err(Error::new(
                head(other),
                "a response or error is a struct or an enum",
            ));
        }
    }
    Ok(item)
}

fn no_generics(generics: &Generics) -> Result<()> {
    if generics.params.is_empty() {
        return Ok(());
    }
    let text = "an event's type has no parameters: one topic has one schema";
    Err(Error::new(generics.span(), text))
}

/// What is borrowed could not be read from a message.
fn owns_its_data(field: &Field) -> Result<()> {
    let Type::Reference(borrowed) = &field.ty else {
        return Ok(());
    };
    let text = "an event owns its data, since it is read from a message; write `String` for text, `Vec<T>` for a slice";
    Err(Error::new(borrowed.span(), text))
}

/// The place to point to when the whole item is wrong: its name where it has one.
fn head(item: &Item) -> Span {
    match item {
        Item::Enum(e) => e.ident.span(),
        Item::Union(u) => u.ident.span(),
        Item::Fn(f) => f.sig.ident.span(),
        Item::Trait(t) => t.ident.span(),
        Item::Type(t) => t.ident.span(),
        other => other.span(),
    }
}

fn expand_event(args: &EventArgs, mut item: ItemStruct) -> TokenStream {
    let EventArgs {
        topic,
        version,
        krate,
        ..
    } = args;
    let ident = item.ident.clone();
    derives::plain_decimals(&mut item.fields, krate);
    let attrs = std::mem::take(&mut item.attrs);
    let derives = derives::missing(&attrs, krate);
    let cfgs = args::cfgs(&attrs);
    let name = type_name(args.name.as_ref(), &ident);
    let mode = match args.rpc {
        Some(_) => quote!(Rpc),
        None => quote!(Broadcast),
    };
    let entry = Entry {
        krate,
        topic,
        version,
        cfgs: &cfgs,
    };
    let own_entry = entry.submit(&ident, &name, &quote!(Event), &mode);
    let request = args.rpc.as_ref().map(|rpc| request(rpc, &ident, &entry));
    quote! {
        #derives
        #(#attrs)*
        #item

        #(#cfgs)*
        #[automatically_derived]
        impl #krate::event::Event for #ident {
            const TOPIC: &'static str = #topic;
            const VERSION: &'static str = #version;
            const NAME: &'static str = #name;
            const MODE: #krate::event::Mode = #krate::event::Mode::#mode;
        }
        #own_entry
        #request
    }
}

/// `impl Request`, and the answers' catalog entries: they need no macro of their own.
fn request(rpc: &Rpc, ident: &Ident, entry: &Entry<'_>) -> TokenStream {
    let Rpc { response, error } = rpc;
    let Entry { krate, cfgs, .. } = entry;
    let response_entry = entry.submit(
        response,
        &last_word(response),
        &quote!(Response),
        &quote!(Rpc),
    );
    let error_entry = entry.submit(error, &last_word(error), &quote!(Error), &quote!(Rpc));
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #krate::event::Request for #ident {
            type Response = #response;
            type Error = #error;
        }
        #response_entry
        #error_entry
    }
}

fn expand_answer_item(args: &AnswerArgs, mut item: Item, role: &Ident) -> TokenStream {
    let AnswerArgs {
        topic,
        version,
        krate,
        ..
    } = args;
    let (attrs, ident) = match &mut item {
        Item::Struct(s) => {
            derives::plain_decimals(&mut s.fields, krate);
            (std::mem::take(&mut s.attrs), s.ident.clone())
        }
        Item::Enum(e) => {
            e.variants
                .iter_mut()
                .for_each(|v| derives::plain_decimals(&mut v.fields, krate));
            (std::mem::take(&mut e.attrs), e.ident.clone())
        }
        other => return quote!(#other),
    };
    let derives = derives::missing(&attrs, krate);
    let cfgs = args::cfgs(&attrs);
    let name = type_name(args.name.as_ref(), &ident);
    let entry = Entry {
        krate,
        topic,
        version,
        cfgs: &cfgs,
    };
    let entry = entry.submit(&ident, &name, &role.to_token_stream(), &quote!(Rpc));
    let declared = (role == "Error").then(|| {
        quote! {
            #(#cfgs)*
            #[automatically_derived]
            impl #krate::event::DeclaredError for #ident {}
        }
    });
    quote! {
        #derives
        #(#attrs)*
        #item
        #declared
        #entry
    }
}

/// What the catalog entries of one attribute have in common.
struct Entry<'a> {
    krate: &'a Path,
    topic: &'a LitStr,
    version: &'a LitStr,
    cfgs: &'a [&'a Attribute],
}

impl Entry<'_> {
    fn submit(
        &self,
        ty: &impl ToTokens,
        name: &str,
        role: &TokenStream,
        mode: &TokenStream,
    ) -> TokenStream {
        let Self {
            krate,
            topic,
            version,
            cfgs,
        } = self;
        quote! {
            #(#cfgs)*
            #krate::__private::inventory::submit! {
                #krate::catalog::EventEntry {
                    topic: #topic,
                    version: #version,
                    name: #name,
                    role: #krate::catalog::Role::#role,
                    mode: #krate::event::Mode::#mode,
                    schema: #krate::__private::schema_of::<#ty>,
                    location: ::core::concat!(::core::file!(), ":", ::core::line!()),
                }
            }
        }
    }
}

fn type_name(given: Option<&LitStr>, ident: &Ident) -> String {
    given.map_or_else(|| ident.unraw().to_string(), LitStr::value)
}

/// A type's name as people say it: without its path.
fn last_word(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map(|s| s.to_token_stream().to_string()),
        _ => None,
    }
    .unwrap_or_else(|| ty.to_token_stream().to_string())
}
