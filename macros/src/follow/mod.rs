//! `derive(FollowActions)`: one file a mode, chosen by the attributes that stand beside it.

mod diesel;
mod field;
mod options;
mod plain;
mod sea_orm;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, FieldsNamed};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    match syn::parse2::<DeriveInput>(item) {
        Ok(input) => expand_model(&input).unwrap_or_else(|error| refused(&input, &error)),
        Err(error) => error.to_compile_error(),
    }
}

/// The error, and what an entity would lack without the expansion, so that the compiler tells of nothing else.
fn refused(input: &DeriveInput, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    let needs_hooks = sea_orm::is_entity_model(input).unwrap_or(false)
        && !sea_orm::is_model_ex(input)
        && !options::mentions_hooks(input);
    let hooks = needs_hooks.then(sea_orm::no_hooks);
    quote!(#error #hooks)
}

fn expand_model(input: &DeriveInput) -> syn::Result<TokenStream> {
    if sea_orm::is_model_ex(input) {
        return Ok(TokenStream::new());
    }
    let fields = named_fields(input)?;
    let options = options::Options::parse(input)?;
    let is_sea_orm = sea_orm::is_entity_model(input)?;
    if !is_sea_orm && !diesel::is_diesel(input) {
        return plain::expand(input, fields, &options);
    }
    options.refuse_of_plain()?;
    if is_sea_orm {
        return sea_orm::expand(input, fields, &options);
    }
    diesel::expand(input, fields, &options)
}

fn named_fields(input: &DeriveInput) -> syn::Result<&FieldsNamed> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields),
            _ => Err(only_structs(input)),
        },
        _ => Err(only_structs(input)),
    }
}

fn only_structs(input: &DeriveInput) -> syn::Error {
    syn::Error::new_spanned(
        &input.ident,
        "FollowActions goes on a struct with named fields: the model whose saves are followed",
    )
}

#[cfg(test)]
mod tests;
