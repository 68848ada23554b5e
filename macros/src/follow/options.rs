//! `#[follow(rules = "…", events = […], code_rules = …, name = "…", hooks = "manual", changes = …, inserts = …,
//! key = "…", history("…"))]`.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, Expr, ExprArray, LitStr, Path, Token};

/// The column of rules unless told.
const RULES: &str = "on_change_rules";

/// What `#[follow(…)]` says.
pub(super) struct Options {
    /// The Rust name of the field that holds the rules, and where it was named.
    pub(super) rules: LitStr,
    /// The events that rules may emit; absent allows all.
    pub(super) events: Option<Vec<EventName>>,
    /// A function that gives the rules declared in code.
    pub(super) code_rules: Option<Path>,
    /// The model's name in rules, errors and aggregate keys.
    pub(super) name: Option<LitStr>,
    /// The user writes `ActiveModelBehavior` and calls the hooks there.
    pub(super) manual_hooks: bool,
    /// Diesel: the model whose columns this changeset changes.
    pub(super) changes: Option<Path>,
    /// Diesel: the model of which this is a new row.
    pub(super) inserts: Option<Path>,
    /// Plain structs: the fields that name a row.
    pub(super) key: Option<Vec<LitStr>>,
    /// The fields of which every change is kept; absent keeps no history.
    pub(super) history: Option<Vec<LitStr>>,
}

/// Whether the user means to write the hooks, also where the options cannot be read.
pub(super) fn mentions_hooks(input: &DeriveInput) -> bool {
    let mut follow = input.attrs.iter().filter(|a| a.path().is_ident("follow"));
    follow.any(|attr| attr.meta.to_token_stream().to_string().contains("hooks"))
}

/// An event in `events = […]`.
pub(super) enum EventName {
    /// By topic or type name.
    Text(LitStr),
    /// By its Rust type.
    Type(Path),
}

impl Options {
    pub(super) fn parse(input: &DeriveInput) -> syn::Result<Self> {
        let mut options = Self {
            rules: LitStr::new(RULES, Span::call_site()),
            events: None,
            code_rules: None,
            name: None,
            manual_hooks: false,
            changes: None,
            inserts: None,
            key: None,
            history: None,
        };
        for attr in &input.attrs {
            if attr.path().is_ident("follow") {
                attr.parse_nested_meta(|meta| options.read(&meta))?;
            }
        }
        Ok(options)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("rules") {
            self.rules = meta.value()?.parse()?;
        } else if meta.path.is_ident("events") {
            self.events = Some(events(&meta.value()?.parse::<ExprArray>()?.elems)?);
        } else if meta.path.is_ident("code_rules") {
            self.code_rules = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("hooks") {
            self.manual_hooks = hooks(&meta.value()?.parse()?)?;
        } else if meta.path.is_ident("changes") {
            self.changes = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("inserts") {
            self.inserts = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("key") {
            self.key = Some(key(&meta.value()?.parse()?)?);
        } else if meta.path.is_ident("history") {
            self.history = Some(history(meta)?);
        } else {
            return Err(meta.error(
                "unknown option of `follow`; there are `rules = \"field\"`, `events = [\"topic\", Type]`, \
                 `code_rules = path::to::function`, `name = \"…\"`, `history`, `history(\"field\", …)`, for SeaORM `hooks = \"manual\"`, for Diesel \
                 `changes = Model` and `inserts = Model`, and for plain structs `key = \"field\"`",
            ));
        }
        Ok(())
    }

    /// Changesets and new rows are of a model, which keeps the history.
    pub(super) fn refuse_history(&self, input: &DeriveInput) -> syn::Result<()> {
        match &self.history {
            None => Ok(()),
            Some(fields) => Err(syn::Error::new(
                fields
                    .first()
                    .map_or_else(|| input.ident.span(), LitStr::span),
                "`history` is for models: put it on the struct that this one changes or inserts",
            )),
        }
    }

    /// Refuses the history of what is no field of the model; `names` are those that it can be kept of.
    pub(super) fn check_history<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> syn::Result<()> {
        let Some(fields) = self.history.as_ref().filter(|fields| !fields.is_empty()) else {
            return Ok(());
        };
        let known: Vec<S> = names.into_iter().collect();
        let is_known = |field: &&LitStr| known.iter().any(|name| name.as_ref() == field.value());
        match fields.iter().find(|field| !is_known(field)) {
            None => Ok(()),
            Some(unknown) => {
                let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
                Err(syn::Error::new(
                    unknown.span(),
                    format!(
                        "no history can be kept of `{}`: it is no field that rules see; those are {}",
                        unknown.value(),
                        known.join(", ")
                    ),
                ))
            }
        }
    }

    /// An ORM knows the key by itself.
    pub(super) fn refuse_of_plain(&self) -> syn::Result<()> {
        match self.key.iter().flatten().next() {
            Some(key) => Err(syn::Error::new_spanned(
                key,
                "`key` is for plain structs; the key of this model is the primary key that its ORM knows",
            )),
            None => Ok(()),
        }
    }

    /// A plain struct has no hooks and no changesets.
    pub(super) fn refuse_of_orms(&self) -> syn::Result<()> {
        match self.changes.as_ref().or(self.inserts.as_ref()) {
            Some(model) => Err(syn::Error::new_spanned(
                model,
                "`changes` and `inserts` are for Diesel; add `#[diesel(table_name = …)]`",
            )),
            None if self.manual_hooks => Err(syn::Error::new_spanned(
                &self.rules,
                "`hooks` is for SeaORM; add `#[sea_orm(table_name = \"…\")]`",
            )),
            None => Ok(()),
        }
    }
}

/// `history`, or `history("status", "amount")`.
fn history(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<LitStr>> {
    if !meta.input.peek(syn::token::Paren) {
        return match meta.input.is_empty() || meta.input.peek(Token![,]) {
            true => Ok(Vec::new()),
            false => Err(meta.error(HISTORY_FORM)),
        };
    }
    let list;
    syn::parenthesized!(list in meta.input);
    let fields = Punctuated::<LitStr, Token![,]>::parse_terminated(&list);
    let fields = fields.map_err(|error| syn::Error::new(error.span(), HISTORY_FORM))?;
    Ok(fields.into_iter().collect())
}

const HISTORY_FORM: &str = "`history` stands alone, or names the fields of which every change is kept: \
                            `history(\"status\", \"amount\")`";

/// `"id"`, or `["tenant", "id"]`.
fn key(value: &Expr) -> syn::Result<Vec<LitStr>> {
    match value {
        Expr::Array(list) if !list.elems.is_empty() => list.elems.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn text(value: &Expr) -> syn::Result<LitStr> {
    match value {
        Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) => Ok(text.clone()),
        other => Err(syn::Error::new_spanned(
            other,
            "`key` is the name of a field (`\"id\"`) or a list of them (`[\"tenant\", \"id\"]`)",
        )),
    }
}

fn events(list: &Punctuated<Expr, Token![,]>) -> syn::Result<Vec<EventName>> {
    list.iter().map(event).collect()
}

fn event(expr: &Expr) -> syn::Result<EventName> {
    match expr {
        Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) => Ok(EventName::Text(text.clone())),
        Expr::Path(path) => Ok(EventName::Type(path.path.clone())),
        other => Err(syn::Error::new_spanned(
            other,
            "an event is a topic (`\"order.paid\"`) or an event type (`OrderPaid`)",
        )),
    }
}

fn hooks(value: &LitStr) -> syn::Result<bool> {
    if value.value() == "manual" {
        return Ok(true);
    }
    Err(syn::Error::new_spanned(
        value,
        "`hooks` is \"manual\" (you write `impl ActiveModelBehavior` and call \
         `celerysalt_sea_orm::before_save` and its kin there) or is left out",
    ))
}
