//! `#[subscribe]`'s arguments.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::{Error, Ident, LitBool, LitStr, Path, Result, Type};

use super::values::{self, Rate, Seconds};
use crate::args;

/// What stands in `#[subscribe(…)]`. An option is `None` when it is not given.
pub(super) struct SubscribeArgs {
    pub(super) pattern: LitStr,
    pub(super) name: Option<LitStr>,
    pub(super) krate: Path,
    version: Option<u32>,
    autoretry_for: Vec<Type>,
    dont_autoretry_for: Vec<Type>,
    /// The fields of `HandlerOptions` that are given, with their values.
    fields: Vec<(Ident, TokenStream)>,
}

/// What is read before the crate's path is known.
#[derive(Default)]
struct Read {
    name: Option<LitStr>,
    krate: Option<Path>,
    version: Option<u32>,
    autoretry_for: Vec<Type>,
    dont_autoretry_for: Vec<Type>,
    options: Vec<(Ident, OptionValue)>,
}

/// The value of one option.
enum OptionValue {
    Flag(bool),
    Retries(Option<u32>),
    Backoff(Option<u32>),
    Delay(Seconds),
    Limit(Seconds),
    Rate(Rate),
    Priority(u8),
    Queue(LitStr),
}

const KNOWN: &[&str] = &[
    "name",
    "version",
    "autoretry_for",
    "dont_autoretry_for",
    "max_retries",
    "default_retry_delay",
    "retry_backoff",
    "retry_backoff_max",
    "retry_jitter",
    "time_limit",
    "soft_time_limit",
    "rate_limit",
    "priority",
    "acks_late",
    "reject_on_worker_lost",
    "queue",
    "crate",
];

impl SubscribeArgs {
    pub(super) fn from_input(input: ParseStream<'_>) -> Result<Self> {
        let mut read = Read::default();
        let pattern = args::parse(input, KNOWN, |key, input| read.argument(key, input))?;
        args::check_pattern(&pattern)?;
        read.check_limits()?;
        let krate = args::crate_path(read.krate);
        let fields = read.options.into_iter().map(|(key, value)| {
            let value = value.tokens(&krate);
            (key, value)
        });
        Ok(Self {
            pattern,
            name: read.name,
            version: read.version,
            autoretry_for: read.autoretry_for,
            dont_autoretry_for: read.dont_autoretry_for,
            fields: fields.collect(),
            krate,
        })
    }

    /// A `VersionSpec`.
    pub(super) fn version_spec(&self) -> TokenStream {
        let krate = &self.krate;
        match self.version {
            None => quote!(#krate::handler::VersionSpec::Latest),
            Some(number) => quote!(#krate::handler::VersionSpec::AtLeast(#number)),
        }
    }

    /// A `HandlerOptions`.
    pub(super) fn handler_options(&self) -> TokenStream {
        let krate = &self.krate;
        let assignments = self
            .fields
            .iter()
            .map(|(key, value)| quote!(options.#key = #value;));
        quote! {{
            #[allow(unused_mut)]
            let mut options = #krate::handler::HandlerOptions::default();
            #(#assignments)*
            options
        }}
    }

    /// An `AutoRetry`.
    pub(super) fn auto_retry(&self) -> TokenStream {
        let krate = &self.krate;
        let tests = |types: &[Type]| {
            let tests = types.iter().map(|ty| match ty {
                Type::TraitObject(_) => quote!(#krate::__private::any_error),
                ty => quote!(#krate::__private::is_error::<#ty>),
            });
            quote!(&[#(#tests),*])
        };
        let (on, not_on) = (tests(&self.autoretry_for), tests(&self.dont_autoretry_for));
        quote!(#krate::__private::AutoRetry { on: #on, not_on: #not_on })
    }
}

impl Read {
    fn argument(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<()> {
        match key.to_string().as_str() {
            "name" => self.name = Some(args::text(input, key, "billing.on_paid")?),
            "version" => self.version = version(input, key)?,
            "autoretry_for" => self.autoretry_for = error_types(input)?,
            "dont_autoretry_for" => self.dont_autoretry_for = error_types(input)?,
            "crate" => self.krate = Some(input.call(Path::parse_mod_style)?),
            option => {
                let value = option_value(option, key, input)?;
                self.options.push((key.clone(), value));
            }
        }
        Ok(())
    }

    /// A soft limit behind the hard one would never be reached.
    fn check_limits(&self) -> Result<()> {
        let limit = |name: &str| {
            self.options.iter().find_map(|(key, value)| match value {
                OptionValue::Limit(seconds) if key == name => Some((key, seconds)),
                _ => None,
            })
        };
        match (limit("soft_time_limit"), limit("time_limit")) {
            (Some((key, soft)), Some((_, hard))) if soft.0 >= hard.0 => {
                let text =
                    "the soft limit comes before the hard one: make it less than `time_limit`";
                Err(Error::new(key.span(), text))
            }
            _ => Ok(()),
        }
    }
}

fn version(input: ParseStream<'_>, key: &Ident) -> Result<Option<u32>> {
    let version = args::text(input, key, "v1")?;
    if version.value() == "latest" {
        return Ok(None);
    }
    args::version_number(&version).map(Some).map_err(|error| {
        Error::new(
            error.span(),
            "`version` is `v` and a number (that one and newer), or `latest` (all)",
        )
    })
}

fn error_types(input: ParseStream<'_>) -> Result<Vec<Type>> {
    let types: Vec<Type> = args::list(input)?;
    for ty in &types {
        if let Type::TraitObject(object) = ty {
            let words = object.to_token_stream().to_string();
            if !words.split_whitespace().any(|word| word == "Error") {
                let text = "the only trait object here is `dyn std::error::Error`: every error";
                return Err(Error::new_spanned(ty, text));
            }
        }
    }
    Ok(types)
}

fn option_value(option: &str, key: &Ident, input: ParseStream<'_>) -> Result<OptionValue> {
    Ok(match option {
        "max_retries" => OptionValue::Retries(values::count_or_none(input, key)?),
        "retry_backoff" => OptionValue::Backoff(values::factor(input, key)?),
        "default_retry_delay" | "retry_backoff_max" => {
            OptionValue::Delay(values::seconds(input, key)?)
        }
        "time_limit" | "soft_time_limit" => OptionValue::Limit(values::limit(input, key)?),
        "rate_limit" => OptionValue::Rate(values::rate(input, key)?),
        "priority" => OptionValue::Priority(values::priority(input, key)?),
        "queue" => OptionValue::Queue(args::text(input, key, "billing-reports")?),
        _ => OptionValue::Flag(flag(input, key)?),
    })
}

fn flag(input: ParseStream<'_>, key: &Ident) -> Result<bool> {
    let flag: Result<LitBool> = input.parse();
    let wrong = |e: Error| Error::new(e.span(), format!("`{key}` is `true` or `false`"));
    flag.map(|flag| flag.value).map_err(wrong)
}

impl OptionValue {
    fn tokens(&self, krate: &Path) -> TokenStream {
        let optional = |value: &Option<u32>| match value {
            Some(value) => quote!(::core::option::Option::Some(#value)),
            None => quote!(::core::option::Option::None),
        };
        match self {
            Self::Flag(flag) => quote!(#flag),
            Self::Retries(count) | Self::Backoff(count) => optional(count),
            Self::Delay(seconds) => seconds.tokens(),
            Self::Limit(seconds) => {
                let seconds = seconds.tokens();
                quote!(::core::option::Option::Some(#seconds))
            }
            Self::Rate(rate) => {
                let (count, per) = (rate.count, rate.per);
                quote! {
                    ::core::option::Option::Some(#krate::handler::RateLimit {
                        count: #count,
                        per: ::core::time::Duration::from_secs(#per),
                    })
                }
            }
            Self::Priority(priority) => quote!(::core::option::Option::Some(#priority)),
            Self::Queue(name) => {
                quote!(::core::option::Option::Some(::std::string::String::from(#name)))
            }
        }
    }
}
