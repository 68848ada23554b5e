//! What changes columns of a model: the model itself, or a struct of some of its columns.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, FieldsNamed, Ident, Path};

use super::attributes::{FieldInfo, Table, fields};
use crate::follow::field::{Kind, option_of};
use crate::follow::options::Options;

/// `#[follow(changes = Model)]`
pub(super) fn expand(
    input: &DeriveInput,
    named: &FieldsNamed,
    options: &Options,
    table: &Table,
    model: &Path,
) -> syn::Result<TokenStream> {
    let fields = fields(named)?;
    let rules = fields
        .iter()
        .find(|field| field.name == options.rules.value());
    let followed = fields.iter().filter(|field| {
        let is_rules = rules.is_some_and(|rules| rules.name == field.name);
        !is_rules && field.kind != Kind::Skipped
    });
    let written = written(followed, table);
    let changes = changes_impl(input, &quote!(#model), &written, rules);
    let saves = saves_impl(input, &fields, table, model);
    Ok(quote! {
        #changes
        #saves
    })
}

/// A changeset that carries its row's key knows which row it is about; one that does not is told the key.
fn saves_impl(
    input: &DeriveInput,
    fields: &[FieldInfo<'_>],
    table: &Table,
    model: &Path,
) -> TokenStream {
    let name = &input.ident;
    let (generics, arguments, filter) = input.generics.split_for_impl();
    let carried = |key: &Ident| {
        let mut fields = fields.iter();
        let field = fields.find(|field| field.column == *key && field.is_column)?;
        let ident = &field.field.ident;
        let clone = quote!(::core::clone::Clone::clone(&self.#ident));
        let is_sure = option_of(&field.field.ty).is_none();
        is_sure.then(|| quote!(::core::convert::Into::into(#clone)))
    };
    let keys: Option<Vec<_>> = table.keys.iter().map(carried).collect();
    let key = match keys.as_deref() {
        Some([one]) => Some(one.clone()),
        Some(many) => Some(quote!((#(#many),*))),
        None => None,
    };
    let Some(key) = key else {
        return quote! {
            #[automatically_derived]
            impl #generics ::celerysalt_diesel::FollowUpdate for #name #arguments #filter {}
        };
    };
    quote! {
        #[automatically_derived]
        impl #generics ::celerysalt_diesel::FollowChanges for #name #arguments #filter {
            fn key(&self) -> <#model as ::celerysalt_diesel::Follow>::Key {
                #key
            }
        }
    }
}

/// A model writes all its columns but the key.
pub(super) fn of_model(
    input: &DeriveInput,
    followed: &[&FieldInfo<'_>],
    rules: &FieldInfo<'_>,
    table: &Table,
) -> TokenStream {
    let written = written(followed.iter().copied(), table);
    changes_impl(input, &quote!(Self), &written, Some(rules))
}

fn changes_impl(
    input: &DeriveInput,
    model: &TokenStream,
    written: &[TokenStream],
    rules: Option<&FieldInfo<'_>>,
) -> TokenStream {
    let private = quote!(::celerysalt_diesel::__private);
    let name = &input.ident;
    let (generics, arguments, filter) = input.generics.split_for_impl();
    let (callers, place) = rules_in(rules);
    quote! {
        #[automatically_derived]
        #[allow(clippy::question_mark, clippy::needless_borrow)]
        impl #generics ::celerysalt_diesel::Changes for #name #arguments #filter {
            type Model = #model;

            fn written(&self, old: &#private::Row) -> #private::Row {
                #[allow(unused_mut)]
                let mut row = ::core::clone::Clone::clone(old);
                #[allow(unused_variables)]
                let model = <<Self as ::celerysalt_diesel::Changes>::Model as ::celerysalt_diesel::Follow>::definition();
                #(#written)*
                row
            }

            fn callers_rules(&self) -> ::core::option::Option<&::celerysalt_diesel::Rules> {
                #callers
            }

            #[allow(unused_variables)]
            fn place_rules(
                &mut self,
                planned: ::core::option::Option<#private::CoreRules>,
                stored: &#private::CoreRules,
            ) -> ::core::option::Option<::celerysalt_diesel::Rules> {
                #place
            }
        }
    }
}

/// The rules that the changes set, and how theirs are replaced.
fn rules_in(rules: Option<&FieldInfo<'_>>) -> (TokenStream, TokenStream) {
    let none = quote!(::core::option::Option::None);
    let Some(field) = rules else {
        let rest = quote!(planned.map(::core::convert::Into::into));
        return (none, rest);
    };
    let ident = &field.field.ident;
    let held = quote! {
        planned.unwrap_or_else(|| ::core::clone::Clone::clone(stored))
    };
    if option_of(&field.field.ty).is_some() {
        let place = quote! {
            if planned.is_some() || self.#ident.is_some() {
                self.#ident = ::core::option::Option::Some(::core::convert::Into::into(#held));
            }
            #none
        };
        return (quote!(self.#ident.as_ref()), place);
    }
    let place = quote! {
        self.#ident = ::core::convert::Into::into(#held);
        #none
    };
    (quote!(::core::option::Option::Some(&self.#ident)), place)
}

/// What the changed fields make of the row. Diesel changes no key.
fn written<'f, 'a: 'f>(
    fields: impl Iterator<Item = &'f FieldInfo<'a>>,
    table: &Table,
) -> Vec<TokenStream> {
    fields
        .filter(|field| !field.is_generated && !table.keys.contains(&field.column))
        .map(|field| writes(field, table))
        .collect()
}

/// What a changed field makes of the row.
fn writes(field: &FieldInfo<'_>, table: &Table) -> TokenStream {
    let (ident, name) = (&field.field.ident, &field.name);
    let writes_null = field.none_is_null.unwrap_or(table.none_is_null);
    let set = |value: TokenStream| {
        quote! {
            if let ::core::option::Option::Some((at, _)) = model.field(#name) {
                row.set(at, #value);
            }
        }
    };
    match option_of(&field.field.ty) {
        // `None` leaves the column alone.
        Some(inner) if !writes_null => {
            let set = set(field.value(inner, &quote!(value)));
            quote! {
                if let ::core::option::Option::Some(value) = &self.#ident { #set }
            }
        }
        _ => set(field.value(&field.field.ty, &quote!(&self.#ident))),
    }
}
