//! `derive(FollowActions)`: one file a mode, chosen by the attributes that stand beside it.

mod diesel;
mod options;
mod sea_orm;

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields, FieldsNamed};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    syn::parse2::<DeriveInput>(item)
        .and_then(|input| expand_model(&input))
        .unwrap_or_else(|error| error.to_compile_error())
}

fn expand_model(input: &DeriveInput) -> syn::Result<TokenStream> {
    if sea_orm::is_model_ex(input) {
        return Ok(TokenStream::new());
    }
    let fields = named_fields(input)?;
    let options = options::Options::parse(input)?;
    if sea_orm::is_entity_model(input)? {
        return sea_orm::expand(input, fields, &options);
    }
    if diesel::is_diesel(input) {
        return diesel::expand(input, fields, &options);
    }
    Err(syn::Error::new_spanned(
        &input.ident,
        "FollowActions does not know how this struct is saved; supported today: SeaORM 2 models, by \
         `#[derive(DeriveEntityModel, FollowActions)] #[sea_orm(table_name = \"…\")]` or by \
         `#[sea_orm::model]` above the same, and Diesel 2 models, by \
         `#[derive(Queryable, Selectable, FollowActions)] #[diesel(table_name = …)]`",
    ))
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
