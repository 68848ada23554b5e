//! How rules see the fields of a struct that no ORM describes at run time: by their Rust types.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Field, GenericArgument, Ident, PathArguments, Type};

use super::options::{EventName, Options};

/// How rules see a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By its type's `AsField`.
    Plain,
    /// By its `Display`.
    Text,
    /// By its serde form.
    Json,
    /// Not at all.
    Skipped,
}

impl Kind {
    /// `#[follow(text)]` and its kin.
    pub(super) fn read(meta: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        if meta.path.is_ident("text") {
            Ok(Self::Text)
        } else if meta.path.is_ident("json") {
            Ok(Self::Json)
        } else if meta.path.is_ident("skip") {
            Ok(Self::Skipped)
        } else {
            Err(meta.error(
                "unknown option of `follow` on a field; there are `text` (compared as its `Display`), `json` (as its \
                 serde form) and `skip` (no rule may name it)",
            ))
        }
    }

    /// The value of `place`, a reference to something of this type; `adapter` is the crate that the expansion names.
    pub(super) fn value(
        self,
        adapter: &TokenStream,
        ty: &Type,
        place: &TokenStream,
    ) -> TokenStream {
        let private = quote!(#adapter::__private);
        let of = match self {
            Self::Text => quote!(#private::text),
            Self::Json => quote!(#private::json),
            // Spanned so that a type without it is an error at the type.
            Self::Plain | Self::Skipped => {
                return quote_spanned!(ty.span()=> #adapter::AsField::value(#place));
            }
        };
        match option_of(ty) {
            Some(_) => quote!(#private::nullable(#place, |value| #of(value))),
            None => quote!(#of(#place)),
        }
    }

    /// The definition of a field of this type.
    pub(super) fn definition(self, adapter: &TokenStream, name: &str, ty: &Type) -> TokenStream {
        let private = quote!(#adapter::__private);
        let nullable = option_of(ty).is_some();
        let (of, nullable) = match self {
            Self::Text => (quote!(#private::FieldType::Text), quote!(#nullable)),
            Self::Json => (quote!(#private::FieldType::Json), quote!(#nullable)),
            Self::Plain | Self::Skipped => {
                let as_field = quote_spanned!(ty.span()=> <#ty as #adapter::AsField>);
                (quote!(#as_field::field_type()), quote!(#as_field::NULLABLE))
            }
        };
        quote! {
            #private::FieldDef {
                name: ::std::string::String::from(#name),
                ty: #of,
                nullable: #nullable,
            }
        }
    }
}

/// `Order::STATUS` and so on.
pub(super) fn constant(
    adapter: &TokenStream,
    model: &Ident,
    field: &Field,
    name: &str,
) -> TokenStream {
    let constant = format_ident!("{}", name.to_uppercase(), span = field.ident.span());
    let doc = format!("The field `{name}`, for rules.");
    let vis = &field.vis;
    quote! {
        #[doc = #doc]
        #vis const #constant: #adapter::__private::Field<#model> =
            #adapter::__private::Field::new(#name);
    }
}

/// The body of a function that gives the model's definition, built once a process.
pub(super) fn model_definition(
    adapter: &TokenStream,
    name: &str,
    fields: &[TokenStream],
    options: &Options,
) -> TokenStream {
    let private = quote!(#adapter::__private);
    let code_rules = options.code_rules.as_ref().map(|function| {
        quote! {
            .with_rules(::core::convert::Into::<#private::CoreRules>::into(#function()))
        }
    });
    let events = options.events.as_ref().map(|events| {
        let names = events.iter().map(|event| match event {
            EventName::Text(text) => quote!(#text),
            EventName::Type(path) => quote!(<#path as #private::Event>::TOPIC),
        });
        quote!(.allow_events::<&str>([#(#names),*]))
    });
    let history = options.history.as_ref().map(
        |fields| quote!(.with_history(#private::History::of_rules_and::<&str>([#(#fields),*]))),
    );
    quote! {
        static DEFINITION: ::std::sync::LazyLock<#private::ModelDef> = ::std::sync::LazyLock::new(|| {
            #private::ModelDef::new(#name, ::std::vec![#(#fields),*]) #code_rules #events #history
        });
        &DEFINITION
    }
}

/// A rules field of another type is an error at that type, with the remedy.
pub(super) fn rules_type_check(adapter: &TokenStream, rules: &Field) -> TokenStream {
    let ty = &rules.ty;
    quote_spanned! {ty.span()=>
        const _: () = {
            const fn rules_column<T: #adapter::__private::RulesColumn>() {}
            rules_column::<#ty>()
        };
    }
}

/// What is in an `Option`.
pub(super) fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == "Option")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}
