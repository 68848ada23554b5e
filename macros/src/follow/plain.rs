//! The plain mode: a struct that the user stores as the user likes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DeriveInput, Field, FieldsNamed, LitStr};

use super::field::{self, Kind};
use super::options::Options;

/// The key unless told.
const KEY: &str = "id";

pub(super) fn expand(
    input: &DeriveInput,
    named: &FieldsNamed,
    options: &Options,
) -> syn::Result<TokenStream> {
    if let Some(generic) = input.generics.params.first() {
        return Err(syn::Error::new_spanned(
            generic,
            "a struct that is followed has no parameters: all of its rows are of one model",
        ));
    }
    options.refuse_of_orms()?;
    let fields = fields(named)?;
    let rules = rules_field(input, &fields, options)?;
    let keys = keys(input, &fields, options)?;
    let seen: Vec<_> = fields
        .iter()
        .filter(|field| field.kind != Kind::Skipped && field.name != rules.name)
        .collect();
    options.check_history(seen.iter().map(|field| &field.name))?;
    let constants = seen
        .iter()
        .map(|each| field::constant(&adapter(), &input.ident, each.field, &each.name));
    let check = field::rules_type_check(&adapter(), rules.field);
    let model = &input.ident;
    let follow = follow_impl(input, &seen, rules, &keys, options);
    Ok(quote! {
        #[automatically_derived]
        #[allow(dead_code)]
        impl #model { #(#constants)* }
        #check
        #follow
    })
}

struct PlainField<'a> {
    field: &'a Field,
    /// As Rust says it, without `r#`.
    name: String,
    kind: Kind,
}

impl PlainField<'_> {
    fn value_in_self(&self) -> TokenStream {
        let ident = &self.field.ident;
        self.kind
            .value(&adapter(), &self.field.ty, &quote!(&self.#ident))
    }
}

fn fields(named: &FieldsNamed) -> syn::Result<Vec<PlainField<'_>>> {
    named.named.iter().map(plain_field).collect()
}

fn plain_field(field: &Field) -> syn::Result<PlainField<'_>> {
    let name = field.ident.as_ref().map(|ident| ident.unraw().to_string());
    let mut kind = Kind::Plain;
    for attr in &field.attrs {
        if attr.path().is_ident("follow") {
            attr.parse_nested_meta(|meta| {
                kind = Kind::read(&meta)?;
                Ok(())
            })?;
        }
    }
    Ok(PlainField {
        field,
        name: name.unwrap_or_default(),
        kind,
    })
}

fn rules_field<'f, 'a>(
    input: &DeriveInput,
    fields: &'f [PlainField<'a>],
    options: &Options,
) -> syn::Result<&'f PlainField<'a>> {
    let name = options.rules.value();
    let found = fields.iter().find(|field| field.name == name);
    found.ok_or_else(|| {
        let told = options.rules.span().source_text().is_some();
        syn::Error::new(
            if told { options.rules.span() } else { input.ident.span() },
            format!(
                "no field `{name}` for the rules; add `{name}: celerysalt_plain::Rules`, or name another field with \
                 `#[follow(rules = \"…\")]`; a model of an ORM also needs `#[sea_orm(table_name = \"…\")]` or \
                 `#[diesel(table_name = …)]`"
            ),
        )
    })
}

fn keys<'f, 'a>(
    input: &DeriveInput,
    fields: &'f [PlainField<'a>],
    options: &Options,
) -> syn::Result<Vec<&'f PlainField<'a>>> {
    let default = [LitStr::new(KEY, input.ident.span())];
    let names = options.key.as_deref().unwrap_or(&default);
    let keys = names.iter().map(|name| {
        let found = fields.iter().find(|field| name.value() == field.name);
        found.ok_or_else(|| {
            syn::Error::new(
                name.span(),
                format!(
                    "no field `{}` for the key, which names a row and keeps its events in order; name the field with \
                     `#[follow(key = \"…\")]`, or several with `#[follow(key = [\"…\", \"…\"])]`",
                    name.value()
                ),
            )
        })
    });
    keys.collect()
}

fn follow_impl(
    input: &DeriveInput,
    seen: &[&PlainField<'_>],
    rules: &PlainField<'_>,
    keys: &[&PlainField<'_>],
    options: &Options,
) -> TokenStream {
    let adapter = adapter();
    let private = quote!(#adapter::__private);
    let model = &input.ident;
    let name = match &options.name {
        Some(name) => name.value(),
        None => snake_case(&input.ident.unraw().to_string()),
    };
    let definitions: Vec<_> = seen
        .iter()
        .map(|each| each.kind.definition(&adapter, &each.name, &each.field.ty))
        .collect();
    let definition = field::model_definition(&adapter, &name, &definitions, options);
    let values = seen.iter().map(|field| field.value_in_self());
    let key_parts = keys.iter().map(|field| field.value_in_self());
    let rules = &rules.field.ident;
    quote! {
        #[automatically_derived]
        impl #adapter::Follow for #model {
            const NAME: &'static str = #name;

            fn definition() -> &'static #private::ModelDef {
                #definition
            }

            fn key_text(&self) -> ::std::string::String {
                #private::key_text(&[#(#key_parts),*])
            }

            fn row(&self) -> #private::Row {
                #private::Row::new(::std::vec![#(#values),*])
            }

            fn rules(&self) -> &#private::CoreRules {
                &self.#rules
            }

            fn rules_mut(&mut self) -> &mut #private::CoreRules {
                &mut self.#rules
            }
        }
    }
}

/// The crate that the expansion names.
fn adapter() -> TokenStream {
    quote!(::celerysalt_plain)
}

/// `PurchaseOrder` is `purchase_order`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    let mut before_is_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && before_is_lower {
            snake.push('_');
        }
        before_is_lower = !letter.is_uppercase();
        snake.extend(letter.to_lowercase());
    }
    snake
}
