//! What the derive reads of Diesel's own attributes, and of `#[follow(…)]` on fields.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{DeriveInput, Field, FieldsNamed, Ident, LitStr, Path, Token, Type};

use crate::follow::field::Kind;

/// `#[diesel(table_name = …, primary_key(…), treat_none_as_null = …)]`
pub(super) struct Table {
    pub(super) path: Path,
    pub(super) keys: Vec<Ident>,
    /// Whether `None` in a changeset writes NULL, instead of leaving the column alone.
    pub(super) none_is_null: bool,
}

impl Table {
    pub(super) fn of(input: &DeriveInput) -> syn::Result<Self> {
        let mut path = None;
        let mut keys = Vec::new();
        let mut none_is_null = false;
        for attr in input
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("diesel"))
        {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("table_name") {
                    path = Some(path_or_text(meta.value()?)?);
                } else if meta.path.is_ident("primary_key") {
                    meta.parse_nested_meta(|key| {
                        keys.push(key.path.require_ident()?.clone());
                        Ok(())
                    })?;
                } else if meta.path.is_ident("treat_none_as_null") {
                    none_is_null = meta.value()?.parse::<syn::LitBool>()?.value;
                } else {
                    skip(&meta)?;
                }
                Ok(())
            })?;
        }
        let path = path.ok_or_else(|| {
            syn::Error::new(
                input.ident.span(),
                "FollowActions needs the table: `#[diesel(table_name = …)]`",
            )
        })?;
        if keys.is_empty() {
            keys.push(Ident::new("id", Span::call_site()));
        }
        Ok(Self {
            path,
            keys,
            none_is_null,
        })
    }

    /// The table's own name.
    pub(super) fn name(&self) -> String {
        let last = self.path.segments.last();
        last.map(|segment| segment.ident.unraw().to_string())
            .unwrap_or_default()
    }
}

/// A field of the struct.
pub(super) struct FieldInfo<'a> {
    pub(super) field: &'a Field,
    /// As Rust says it, without `r#`.
    pub(super) name: String,
    /// The name in `table!`.
    pub(super) column: Ident,
    /// Whether it is read of that column as it stands.
    pub(super) is_column: bool,
    pub(super) kind: Kind,
    pub(super) none_is_null: Option<bool>,
    /// The database makes it; Diesel leaves it out of changes.
    pub(super) is_generated: bool,
    /// Diesel leaves it out of new rows.
    pub(super) is_made_on_insert: bool,
}

pub(super) fn fields(fields: &FieldsNamed) -> syn::Result<Vec<FieldInfo<'_>>> {
    fields.named.iter().map(FieldInfo::of).collect()
}

impl<'a> FieldInfo<'a> {
    fn of(field: &'a Field) -> syn::Result<Self> {
        let ident = field
            .ident
            .as_ref()
            .map_or_else(|| format_ident!("_"), Ident::unraw);
        let mut info = Self {
            field,
            name: ident.to_string(),
            column: field.ident.clone().unwrap_or(ident),
            is_column: true,
            kind: Kind::Plain,
            none_is_null: None,
            is_generated: false,
            is_made_on_insert: false,
        };
        for attr in &field.attrs {
            if attr.path().is_ident("diesel") {
                attr.parse_nested_meta(|meta| info.read_diesel(&meta))?;
            } else if attr.path().is_ident("follow") {
                attr.parse_nested_meta(|meta| info.read_follow(&meta))?;
            }
        }
        Ok(info)
    }

    fn read_diesel(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("column_name") {
            self.column = path_or_text(meta.value()?)?.require_ident()?.clone();
        } else if meta.path.is_ident("embed") {
            self.is_column = false;
            self.kind = Kind::Skipped;
        } else if meta.path.is_ident("select_expression") {
            self.is_column = false;
            skip(meta)?;
        } else if meta.path.is_ident("select_expression_type") {
            meta.value()?.parse::<Type>()?;
        } else if meta.path.is_ident("treat_none_as_null") {
            self.none_is_null = Some(meta.value()?.parse::<syn::LitBool>()?.value);
        } else if meta.path.is_ident("skip_update") {
            self.is_generated = true;
        } else if meta.path.is_ident("skip_insertion") {
            self.is_made_on_insert = true;
        } else {
            skip(meta)?;
        }
        Ok(())
    }

    fn read_follow(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        self.kind = Kind::read(meta)?;
        Ok(())
    }

    /// The value of `place`, a reference to something of this field's type, or of what is in its `Option`.
    pub(super) fn value(&self, ty: &Type, place: &TokenStream) -> TokenStream {
        self.kind.value(&adapter(), ty, place)
    }

    /// The field's definition.
    pub(super) fn definition(&self) -> TokenStream {
        self.kind.definition(&adapter(), &self.name, &self.field.ty)
    }
}

/// The crate that the expansion names.
pub(super) fn adapter() -> TokenStream {
    quote!(::celerysalt_diesel)
}

/// `orders`, `crate::schema::orders` or the same as text.
fn path_or_text(value: ParseStream<'_>) -> syn::Result<Path> {
    if value.peek(LitStr) {
        return value.parse::<LitStr>()?.parse();
    }
    value.parse()
}

/// Reads over the value of a key that is Diesel's business.
fn skip(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        let value = meta.value()?;
        while !value.is_empty() && !value.peek(Token![,]) {
            value.parse::<proc_macro2::TokenTree>()?;
        }
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}
