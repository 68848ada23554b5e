//! The Diesel mode: `FollowActions` beside `Selectable`, `AsChangeset` or `Insertable`.

mod attributes;
mod changes;
mod insert;
mod model;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, FieldsNamed};

use self::attributes::Table;
use super::options::Options;

/// Whether the struct stands in a `#[diesel(…)]` table.
pub(super) fn is_diesel(input: &DeriveInput) -> bool {
    input
        .attrs
        .iter()
        .any(|attr| attr.path().is_ident("diesel"))
}

pub(super) fn expand(
    input: &DeriveInput,
    fields: &FieldsNamed,
    options: &Options,
) -> syn::Result<TokenStream> {
    let table = Table::of(input)?;
    if options.changes.is_none() && options.inserts.is_none() {
        return model::expand(input, fields, options, &table);
    }
    options.refuse_history(input)?;
    let changes = match &options.changes {
        Some(model) => changes::expand(input, fields, options, &table, model)?,
        None => TokenStream::new(),
    };
    let insert = match &options.inserts {
        Some(model) => insert::expand(input, fields, &table, model)?,
        None => TokenStream::new(),
    };
    Ok(quote! {
        #changes
        #insert
    })
}
