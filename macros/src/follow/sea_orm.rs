//! The SeaORM mode: `FollowActions` beside `DeriveEntityModel`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, Field, FieldsNamed, Ident};

use super::options::{EventName, Options};

/// `#[sea_orm::model]` copies derives and attributes onto the `ModelEx` that it makes beside `Model`;
/// that one has nothing to follow.
pub(super) fn is_model_ex(input: &DeriveInput) -> bool {
    input.ident == "ModelEx"
}

/// Whether the struct is a SeaORM entity's model: it has `#[sea_orm(table_name = …)]`.
pub(super) fn is_entity_model(input: &DeriveInput) -> syn::Result<bool> {
    let mut found = false;
    for attr in &input.attrs {
        found |= mentions(attr, "table_name")?;
    }
    Ok(found)
}

pub(super) fn expand(
    input: &DeriveInput,
    fields: &FieldsNamed,
    options: &Options,
) -> syn::Result<TokenStream> {
    let columns = columns(fields)?;
    let rules = rules_field(input, &columns, options)?;
    let others = columns.iter().filter(|field| field.ident != rules.ident);
    options.check_history(others.map(|field| rust_name(field)))?;
    let constants = constants(input, &columns, rules);
    let check = rules_type_check(rules);
    let entity = entity_impl(input, &columns, rules, options);
    let hooks = (!options.manual_hooks).then(behavior_impl);
    Ok(quote! {
        #constants
        #check
        #entity
        #hooks
    })
}

/// The fields that are columns, in order: SeaORM makes its `Column` enum of the same ones.
fn columns(fields: &FieldsNamed) -> syn::Result<Vec<&Field>> {
    let mut columns = Vec::new();
    for field in &fields.named {
        let mut ignored = false;
        for attr in &field.attrs {
            ignored |= mentions(attr, "ignore")?;
        }
        if !ignored {
            columns.push(field);
        }
    }
    Ok(columns)
}

fn rules_field<'a>(
    input: &DeriveInput,
    columns: &[&'a Field],
    options: &Options,
) -> syn::Result<&'a Field> {
    let name = options.rules.value();
    let found = columns.iter().find(|field| rust_name(field) == name);
    found.copied().ok_or_else(|| {
        syn::Error::new(
            if options.rules.span().source_text().is_some() {
                options.rules.span()
            } else {
                input.ident.span()
            },
            format!(
                "no column field `{name}` for the rules; add `pub {name}: celerysalt_sea_orm::Rules` \
                 (a JSON column, NOT NULL, default '[]'), or name another field with \
                 `#[follow(rules = \"…\")]`"
            ),
        )
    })
}

/// `Model::STATUS` and so on.
fn constants(input: &DeriveInput, columns: &[&Field], rules: &Field) -> TokenStream {
    let model = &input.ident;
    let constants = columns
        .iter()
        .filter(|field| field.ident != rules.ident)
        .map(|field| {
            let name = rust_name(field);
            let constant = format_ident!("{}", name.to_uppercase(), span = field.ident.span());
            let doc = format!("The field `{name}`, for rules.");
            let vis = &field.vis;
            quote! {
                #[doc = #doc]
                #vis const #constant: ::celerysalt_sea_orm::__private::Field<#model> =
                    ::celerysalt_sea_orm::__private::Field::new(#name);
            }
        });
    quote! {
        #[automatically_derived]
        #[allow(dead_code)]
        impl #model { #(#constants)* }
    }
}

/// A rules field of another type is an error at that type, with the remedy.
fn rules_type_check(rules: &Field) -> TokenStream {
    let ty = &rules.ty;
    quote_spanned! {ty.span()=>
        const _: () = {
            const fn rules_column<T: ::celerysalt_sea_orm::__private::RulesColumn>() {}
            rules_column::<#ty>()
        };
    }
}

fn entity_impl(
    input: &DeriveInput,
    columns: &[&Field],
    rules: &Field,
    options: &Options,
) -> TokenStream {
    let model = &input.ident;
    let rules_ident: &Option<Ident> = &rules.ident;
    let rules_name = rust_name(rules);
    let names = columns.iter().map(|field| rust_name(field));
    let idents = columns.iter().map(|field| &field.ident);
    let name = model_name(input, options);
    let events = allowed_events(options);
    let history = kept_history(options);
    let code_rules = options.code_rules.as_ref().map(|function| {
        quote! {
            fn code_rules() -> ::celerysalt_sea_orm::__private::CoreRules {
                ::core::convert::Into::into(#function())
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl ::celerysalt_sea_orm::Follow for Entity {
            const NAME: &'static str = #name;
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            const RULES: &'static str = #rules_name;
            #events
            #history
            #code_rules

            fn followed() -> &'static ::celerysalt_sea_orm::Followed<Self> {
                static FOLLOWED: ::std::sync::OnceLock<::celerysalt_sea_orm::Followed<Entity>> =
                    ::std::sync::OnceLock::new();
                FOLLOWED.get_or_init(::celerysalt_sea_orm::Followed::build)
            }

            fn rules(model: &#model) -> &::celerysalt_sea_orm::Rules {
                &model.#rules_ident
            }

            fn rules_mut(model: &mut #model) -> &mut ::celerysalt_sea_orm::Rules {
                &mut model.#rules_ident
            }

            fn active_rules_mut(
                model: &mut ActiveModel,
            ) -> &mut ::celerysalt_sea_orm::__private::ActiveValue<::celerysalt_sea_orm::Rules> {
                &mut model.#rules_ident
            }

            fn settle(model: &mut ActiveModel) {
                #(::celerysalt_sea_orm::__private::settle(&mut model.#idents);)*
            }
        }

        ::celerysalt_sea_orm::__private::inventory::submit! {
            ::celerysalt_sea_orm::FollowedEntry::of::<Entity>()
        }
    }
}

fn allowed_events(options: &Options) -> Option<TokenStream> {
    let names = options.events.as_ref()?.iter().map(|event| match event {
        EventName::Text(text) => quote!(#text),
        EventName::Type(path) => {
            quote!(<#path as ::celerysalt_sea_orm::__private::Event>::TOPIC)
        }
    });
    Some(quote! {
        const EVENTS: ::core::option::Option<&'static [&'static str]> =
            ::core::option::Option::Some(&[#(#names),*]);
    })
}

fn kept_history(options: &Options) -> Option<TokenStream> {
    let fields = options.history.as_ref()?;
    Some(quote! {
        const HISTORY: ::core::option::Option<&'static [&'static str]> =
            ::core::option::Option::Some(&[#(#fields),*]);
    })
}

/// The name told, else the table's.
fn model_name(input: &DeriveInput, options: &Options) -> TokenStream {
    if let Some(name) = &options.name {
        return quote!(#name);
    }
    let mut table = None;
    for attr in input.attrs.iter().filter(|a| a.path().is_ident("sea_orm")) {
        // Errors in SeaORM's attribute are reported by SeaORM's own derive.
        let _ = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("table_name") {
                table = Some(meta.value()?.parse::<syn::LitStr>()?);
            } else {
                skip(&meta)?;
            }
            Ok(())
        });
    }
    quote!(#table)
}

/// SeaORM wants the impl in any case.
pub(super) fn no_hooks() -> TokenStream {
    quote!(impl ::celerysalt_sea_orm::__private::ActiveModelBehavior for ActiveModel {})
}

fn behavior_impl() -> TokenStream {
    quote! {
        #[automatically_derived]
        #[::celerysalt_sea_orm::__private::async_trait]
        impl ::celerysalt_sea_orm::__private::ActiveModelBehavior for ActiveModel {
            async fn before_save<C>(
                self,
                db: &C,
                insert: bool,
            ) -> ::core::result::Result<Self, ::celerysalt_sea_orm::__private::DbErr>
            where
                C: ::celerysalt_sea_orm::__private::ConnectionTrait,
            {
                ::celerysalt_sea_orm::before_save(self, db, insert).await
            }

            async fn after_save<C>(
                model: Model,
                db: &C,
                insert: bool,
            ) -> ::core::result::Result<Model, ::celerysalt_sea_orm::__private::DbErr>
            where
                C: ::celerysalt_sea_orm::__private::ConnectionTrait,
            {
                ::celerysalt_sea_orm::after_save::<Self, C>(model, db, insert).await
            }

            async fn before_delete<C>(
                self,
                db: &C,
            ) -> ::core::result::Result<Self, ::celerysalt_sea_orm::__private::DbErr>
            where
                C: ::celerysalt_sea_orm::__private::ConnectionTrait,
            {
                ::celerysalt_sea_orm::before_delete(self, db).await
            }

            async fn after_delete<C>(
                self,
                db: &C,
            ) -> ::core::result::Result<Self, ::celerysalt_sea_orm::__private::DbErr>
            where
                C: ::celerysalt_sea_orm::__private::ConnectionTrait,
            {
                ::celerysalt_sea_orm::after_delete(self, db).await
            }
        }
    }
}

fn rust_name(field: &Field) -> String {
    field
        .ident
        .as_ref()
        .map(|ident| ident.unraw().to_string())
        .unwrap_or_default()
}

/// Whether a `#[sea_orm(…)]` attribute has this key.
fn mentions(attr: &Attribute, key: &str) -> syn::Result<bool> {
    if !attr.path().is_ident("sea_orm") {
        return Ok(false);
    }
    let mut found = false;
    attr.parse_nested_meta(|meta| {
        found |= meta.path.is_ident(key);
        skip(&meta)
    })?;
    Ok(found)
}

/// Reads over the value of a key that is SeaORM's business.
fn skip(meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}
