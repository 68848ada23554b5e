//! What inserts rows: the model itself, or a struct that has no key, or other columns.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, FieldsNamed, Path, parse_quote};

use super::attributes::{FieldInfo, Table, fields};
use crate::follow::field::option_of;

/// `#[follow(inserts = Model)]`
pub(super) fn expand(
    input: &DeriveInput,
    named: &FieldsNamed,
    table: &Table,
    model: &Path,
) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let (generics, arguments, filter) = input.generics.split_for_impl();
    let new_row = new_row(input, &fields(named)?, table);
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::celerysalt_diesel::FollowInsert for #name #arguments #filter {
            type Model = #model;
        }

        #new_row
    })
}

/// The key that a new row carries. It is generic over the model's key, so that only a database that has to know it asks
/// whether the struct's fields make one.
pub(super) fn new_row(input: &DeriveInput, fields: &[FieldInfo<'_>], table: &Table) -> TokenStream {
    let keys: Option<Vec<_>> = table.keys.iter().map(|key| carried(fields, key)).collect();
    let types: Vec<_> = (0..table.keys.len())
        .map(|at| format_ident!("__K{at}"))
        .collect();
    let mut generics = input.generics.clone();
    generics.params.extend(
        types
            .iter()
            .map(|ty| -> syn::GenericParam { parse_quote!(#ty) }),
    );
    let filter = generics.make_where_clause();
    let (key, value) = match (keys.as_deref(), types.as_slice()) {
        (Some([field]), [ty]) => (quote!(#ty), single(field, ty, filter)),
        (Some(keys), _) => (quote!((#(#types),*)), composite(keys, &types, filter)),
        (None, _) => {
            generics = input.generics.clone();
            generics.params.push(parse_quote!(__K));
            let filter = generics.make_where_clause();
            filter
                .predicates
                .push(parse_quote!(__K: ::celerysalt_diesel::AutoIncrement));
            (quote!(__K), quote!(::core::option::Option::None))
        }
    };
    let name = &input.ident;
    let (_, arguments, _) = input.generics.split_for_impl();
    let (generics, _, filter) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #generics ::celerysalt_diesel::NewRow<#key> for #name #arguments #filter {
            fn new_key(&self) -> ::core::option::Option<#key> {
                #value
            }
        }
    }
}

fn carried<'f, 'a>(fields: &'f [FieldInfo<'a>], key: &syn::Ident) -> Option<&'f FieldInfo<'a>> {
    fields
        .iter()
        .find(|field| field.column == *key && !field.is_made_on_insert)
}

/// A key of one column; Diesel leaves a `None` to the database.
fn single(field: &FieldInfo<'_>, key: &syn::Ident, filter: &mut syn::WhereClause) -> TokenStream {
    let (ident, ty) = (&field.field.ident, &field.field.ty);
    let carried = option_of(ty);
    let inner = carried.unwrap_or(ty);
    filter.predicates.push(parse_quote!(
        #inner: ::core::clone::Clone + ::core::convert::Into<#key>
    ));
    if carried.is_none() {
        return quote! {
            ::core::option::Option::Some(::core::convert::Into::into(
                ::core::clone::Clone::clone(&self.#ident),
            ))
        };
    }
    filter
        .predicates
        .push(parse_quote!(#key: ::celerysalt_diesel::AutoIncrement));
    quote! {
        ::core::option::Option::map(
            ::core::clone::Clone::clone(&self.#ident),
            ::core::convert::Into::into,
        )
    }
}

fn composite(
    keys: &[&FieldInfo<'_>],
    types: &[syn::Ident],
    filter: &mut syn::WhereClause,
) -> TokenStream {
    let values = std::iter::zip(keys, types).map(|(field, key)| {
        let (ident, ty) = (&field.field.ident, &field.field.ty);
        filter.predicates.push(parse_quote!(
            #ty: ::core::clone::Clone + ::core::convert::Into<#key>
        ));
        quote!(::core::convert::Into::into(::core::clone::Clone::clone(&self.#ident)))
    });
    let values: Vec<_> = values.collect();
    quote!(::core::option::Option::Some((#(#values),*)))
}
