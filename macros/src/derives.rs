//! The derives that an event needs beside those that it has.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Field, Fields, GenericArgument, Path, PathArguments, Token, Type};

use crate::args::path_text;

/// `#[derive]` and its helpers for what the item does not derive itself. Only attributes below the macro are
/// visible; a derive above it has run already.
pub(crate) fn missing(attrs: &[Attribute], krate: &Path) -> TokenStream {
    let present = derived(attrs);
    let lacks = |name: &str| !present.iter().any(|p| p == name);
    let private = path_text(krate) + "::__private";
    let mut out = TokenStream::new();
    let std_derives = [
        ("Debug", quote!(::core::fmt::Debug)),
        ("Clone", quote!(::core::clone::Clone)),
    ];
    for (name, path) in std_derives {
        if lacks(name) {
            out.extend(quote!(#[derive(#path)]));
        }
    }
    let serde = ["Serialize", "Deserialize"]
        .into_iter()
        .filter(|name| lacks(name));
    let serde: Vec<_> = serde.map(|name| quote::format_ident!("{name}")).collect();
    if !serde.is_empty() {
        out.extend(quote!(#[derive(#(#krate::__private::serde::#serde),*)]));
        out.extend(helper("serde", attrs, format!("{private}::serde")));
    }
    if lacks("JsonSchema") {
        out.extend(quote!(#[derive(#krate::__private::schemars::JsonSchema)]));
        out.extend(helper("schemars", attrs, format!("{private}::schemars")));
    }
    out
}

/// `#[serde(crate = "…")]` and its kin, unless the item says it itself.
fn helper(name: &str, attrs: &[Attribute], path: String) -> Option<TokenStream> {
    let told = |attr: &Attribute| {
        let tokens = attr
            .meta
            .require_list()
            .map(|list| list.tokens.clone())
            .unwrap_or_default();
        attr.path().is_ident(name)
            && tokens
                .into_iter()
                .any(|t| matches!(t, TokenTree::Ident(word) if word == "crate"))
    };
    let name = quote::format_ident!("{name}");
    (!attrs.iter().any(told)).then(|| quote!(#[#name(crate = #path)]))
}

/// The last words of all derived paths.
fn derived(attrs: &[Attribute]) -> Vec<String> {
    let derives = attrs.iter().filter(|a| a.path().is_ident("derive"));
    let paths = derives.filter_map(|attr| {
        attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
            .ok()
    });
    let last_words = paths
        .flatten()
        .filter_map(|p| Some(p.segments.last()?.ident.to_string()));
    last_words.collect()
}

/// Makes fields of type `Decimal`, `BigDecimal` and `Option` of either travel as plain digits.
pub(crate) fn plain_decimals(fields: &mut Fields, krate: &Path) {
    let module = path_text(krate) + "::__private::decimal";
    for field in fields
        .iter_mut()
        .filter(|f| is_decimal(&f.ty) && !travels_its_own_way(f))
    {
        let (to, from) = (
            format!("{module}::serialize"),
            format!("{module}::deserialize"),
        );
        let ty = &field.ty;
        let ty = quote!(#ty).to_string();
        let optional = inside_option(&field.ty).is_some() && !says(field, &["default"]);
        field
            .attrs
            .push(syn::parse_quote!(#[serde(serialize_with = #to, deserialize_with = #from)]));
        // schemars would otherwise take a function for "any JSON".
        field.attrs.push(syn::parse_quote!(#[schemars(with = #ty)]));
        if optional {
            // A function of its own takes away serde's rule that an absent Option is None.
            field.attrs.push(syn::parse_quote!(#[serde(default)]));
        }
    }
}

fn is_decimal(ty: &Type) -> bool {
    let Type::Path(path) = inside_option(ty).unwrap_or(ty) else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|s| s.arguments.is_none() && (s.ident == "BigDecimal" || s.ident == "Decimal"))
}

fn inside_option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|s| s.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// Whether the field's own attributes leave no room for ours.
fn travels_its_own_way(field: &Field) -> bool {
    let words = [
        "with",
        "serialize_with",
        "deserialize_with",
        "skip",
        "flatten",
    ];
    says(field, &words)
}

/// Whether one of the words stands in the field's `#[serde(…)]` or `#[schemars(…)]`.
fn says(field: &Field, words: &[&str]) -> bool {
    let of_ours = |a: &&Attribute| a.path().is_ident("serde") || a.path().is_ident("schemars");
    let lists = field
        .attrs
        .iter()
        .filter(of_ours)
        .filter_map(|a| a.meta.require_list().ok());
    lists
        .flat_map(|list| list.tokens.clone())
        .any(|t| matches!(t, TokenTree::Ident(ident) if words.iter().any(|word| ident == word)))
}
