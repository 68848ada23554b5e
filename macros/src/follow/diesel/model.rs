//! A model: the struct that is read from the table, with the rules column.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, FieldsNamed};

use super::attributes::{FieldInfo, Table, adapter, fields};
use super::{changes, insert};
use crate::follow::field::{self, Kind};
use crate::follow::options::Options;

pub(super) fn expand(
    input: &DeriveInput,
    named: &FieldsNamed,
    options: &Options,
    table: &Table,
) -> syn::Result<TokenStream> {
    if let Some(generic) = input.generics.params.first() {
        return Err(syn::Error::new_spanned(
            generic,
            "a model that is followed has no parameters: its rows outlive the query; a changeset may have some, with \
             `#[follow(changes = Model)]`",
        ));
    }
    let fields = fields(named)?;
    let rules = rules_field(input, &fields, options)?;
    let followed: Vec<_> = followed(&fields, rules).collect();
    options.check_history(followed.iter().map(|field| &field.name))?;
    let constants = constants(input, &followed);
    let check = field::rules_type_check(&adapter(), rules.field);
    let column_check = rules_column_check(rules, table);
    let model = model_impl(input, &fields, &followed, rules, options, table)?;
    let changes = changes::of_model(input, &followed, rules, table);
    let new_row = insert::new_row(input, &fields, table);
    Ok(quote! {
        #constants
        #check
        #column_check
        #model
        #changes
        #new_row
    })
}

/// The fields that rules may name.
pub(super) fn followed<'f, 'a>(
    fields: &'f [FieldInfo<'a>],
    rules: &'f FieldInfo<'a>,
) -> impl Iterator<Item = &'f FieldInfo<'a>> {
    fields
        .iter()
        .filter(|field| field.kind != Kind::Skipped && field.name != rules.name)
}

fn rules_field<'f, 'a>(
    input: &DeriveInput,
    fields: &'f [FieldInfo<'a>],
    options: &Options,
) -> syn::Result<&'f FieldInfo<'a>> {
    let name = options.rules.value();
    fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let told = options.rules.span().source_text().is_some();
        syn::Error::new(
            if told { options.rules.span() } else { input.ident.span() },
            format!(
                "no field `{name}` for the rules; add `{name}: celerysalt_diesel::Rules` (a JSON column, NOT NULL, \
                 default '[]'), name another field with `#[follow(rules = \"…\")]`, or, when this struct only changes \
                 or inserts rows of a model, name that with `#[follow(changes = Model)]` or \
                 `#[follow(inserts = Model)]`"
            ),
        )
    })
}

/// A rules column of another SQL type is an error at the field, with the remedy.
fn rules_column_check(rules: &FieldInfo<'_>, table: &Table) -> TokenStream {
    let (path, column) = (&table.path, &rules.column);
    quote_spanned! {rules.field.ty.span()=>
        const _: () = {
            const fn rules_column<T: ::celerysalt_diesel::__private::RulesSqlType>() {}
            rules_column::<
                <#path::#column as ::celerysalt_diesel::__private::diesel::Expression>::SqlType,
            >()
        };
    }
}

/// `Order::STATUS` and so on.
fn constants(input: &DeriveInput, followed: &[&FieldInfo<'_>]) -> TokenStream {
    let model = &input.ident;
    let constants = followed
        .iter()
        .map(|each| field::constant(&adapter(), model, each.field, &each.name));
    quote! {
        #[automatically_derived]
        #[allow(dead_code)]
        impl #model { #(#constants)* }
    }
}

fn model_impl(
    input: &DeriveInput,
    fields: &[FieldInfo<'_>],
    followed: &[&FieldInfo<'_>],
    rules: &FieldInfo<'_>,
    options: &Options,
    table: &Table,
) -> syn::Result<TokenStream> {
    let private = quote!(::celerysalt_diesel::__private);
    let model = &input.ident;
    let name = match &options.name {
        Some(name) => name.value(),
        None => table.name(),
    };
    let path = &table.path;
    let keys = keys(input, fields, table)?;
    let key_types: Vec<_> = keys.iter().map(|key| &key.field.ty).collect();
    let columns = fields.iter().filter(|field| field.is_column);
    let columns = columns.map(|field| &field.column);
    let key_columns = keys.iter().map(|key| &key.column);
    let (key_type, key_value) = key(&keys);
    let key_idents = keys.iter().map(|key| &key.field.ident);
    let key_values = keys.iter().map(|key| key.value_in_self());
    let rules_ident = &rules.field.ident;
    let rules_column = &rules.column;
    let definitions: Vec<_> = followed.iter().map(|field| field.definition()).collect();
    let definition = field::model_definition(&adapter(), &name, &definitions, options);
    let values = followed.iter().map(|field| field.value_in_self());
    Ok(quote! {
        #[automatically_derived]
        impl ::celerysalt_diesel::Follow for #model {
            const NAME: &'static str = #name;
            type Table = #path::table;
            type Key = #key_type;
            type KeyColumns = (#(#path::#key_columns,)*);
            type KeyParts = (#(#key_types,)*);
            type Target = #private::diesel::dsl::Find<#path::table, #key_type>;
            type RulesColumn = #path::#rules_column;
            const COLUMNS: &'static [&'static str] = &[
                #(<#path::#columns as #private::diesel::Column>::NAME),*
            ];

            fn target(key: Self::Key) -> Self::Target {
                #private::diesel::QueryDsl::find(#path::table, key)
            }

            fn definition() -> &'static #private::ModelDef {
                #definition
            }

            fn key(&self) -> Self::Key {
                #key_value
            }

            fn key_parts(&self) -> Self::KeyParts {
                (#(self.#key_idents.clone(),)*)
            }

            fn key_text(&self) -> ::std::string::String {
                #private::key_text(&[#(#key_values),*])
            }

            fn row(&self) -> #private::Row {
                #private::Row::new(::std::vec![#(#values),*])
            }

            fn rules(&self) -> &::celerysalt_diesel::Rules {
                &self.#rules_ident
            }
        }
    })
}

/// The key's type and value: those of one column, or of several a tuple.
fn key(keys: &[&FieldInfo<'_>]) -> (TokenStream, TokenStream) {
    let types = keys.iter().map(|key| &key.field.ty);
    let idents = keys.iter().map(|key| &key.field.ident);
    match keys {
        [_] => (quote!(#(#types)*), quote!(#(self.#idents.clone())*)),
        _ => (quote!((#(#types),*)), quote!((#(self.#idents.clone()),*))),
    }
}

fn keys<'f, 'a>(
    input: &DeriveInput,
    fields: &'f [FieldInfo<'a>],
    table: &Table,
) -> syn::Result<Vec<&'f FieldInfo<'a>>> {
    let keys = table.keys.iter().map(|key| {
        // As Diesel does, by the name of the column.
        let found = fields.iter().find(|field| field.column == *key);
        found.ok_or_else(|| {
            syn::Error::new(
                input.ident.span(),
                format!(
                    "no field for the primary key column `{key}`; add it, or name the key with \
                     `#[diesel(primary_key(…))]`"
                ),
            )
        })
    });
    keys.collect()
}

impl FieldInfo<'_> {
    /// The value in `self`.
    fn value_in_self(&self) -> TokenStream {
        let ident = &self.field.ident;
        self.value(&self.field.ty, &quote!(&self.#ident))
    }
}
