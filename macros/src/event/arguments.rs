//! The arguments of `#[event]`, `#[event_response]`, `#[event_error]`.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Error, Ident, LitStr, Path, Result, Type};

use crate::args;

/// `#[event(…)]`'s arguments.
pub(super) struct EventArgs {
    pub(super) topic: LitStr,
    pub(super) version: LitStr,
    pub(super) name: Option<LitStr>,
    pub(super) rpc: Option<Rpc>,
    pub(super) krate: Path,
}

/// The answers of a request.
pub(super) struct Rpc {
    pub(super) response: Type,
    pub(super) error: Type,
}

impl EventArgs {
    const KNOWN: &[&str] = &["version", "name", "mode", "response", "error", "crate"];

    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        Self::from_input.parse2(tokens)
    }

    fn from_input(input: ParseStream<'_>) -> Result<Self> {
        let (mut common, mut mode) = (Common::default(), None);
        let (mut response, mut error) = (None, None);
        let topic = args::parse(input, Self::KNOWN, |key, input| {
            match key.to_string().as_str() {
                "mode" => mode = Some(args::text(input, key, "rpc")?),
                "response" => response = Some(args::ty(input, key)?),
                "error" => error = Some(args::ty(input, key)?),
                _ => common.argument(key, input)?,
            }
            Ok(())
        })?;
        args::check_topic(&topic)?;
        let krate = args::crate_path(common.krate);
        Ok(Self {
            rpc: Self::rpc(&topic, mode.as_ref(), response, error, &krate)?,
            topic,
            version: common.version.unwrap_or_else(v1),
            name: common.name,
            krate,
        })
    }

    fn rpc(
        topic: &LitStr,
        mode: Option<&LitStr>,
        response: Option<Type>,
        error: Option<Type>,
        krate: &Path,
    ) -> Result<Option<Rpc>> {
        let answers = response.is_some() || error.is_some();
        let rpc = match mode.map(LitStr::value).as_deref() {
            None => answers,
            Some("rpc") => true,
            Some("broadcast") if answers => {
                let text = "nobody answers a broadcast; leave out `response` and `error`, or write `mode = \"rpc\"`";
                return Err(Error::new(mode.span(), text));
            }
            Some("broadcast") => false,
            Some(other) => {
                let text = format!("`{other}` is no mode; there are `broadcast` and `rpc`");
                return Err(Error::new(mode.span(), text));
            }
        };
        if !rpc {
            return Ok(None);
        }
        let response = response.ok_or_else(|| {
            let text = "an RPC names its response: add `response = TheType` (`response = ()` when it only says that it is done)";
            Error::new(mode.map_or(topic.span(), LitStr::span), text)
        })?;
        let error = error.unwrap_or_else(|| syn::parse_quote!(#krate::event::RpcError));
        Ok(Some(Rpc { response, error }))
    }
}

/// `#[event_response(…)]`'s and `#[event_error(…)]`'s arguments.
pub(super) struct AnswerArgs {
    pub(super) topic: LitStr,
    pub(super) version: LitStr,
    pub(super) name: Option<LitStr>,
    pub(super) krate: Path,
}

impl AnswerArgs {
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        Self::from_input.parse2(tokens)
    }

    fn from_input(input: ParseStream<'_>) -> Result<Self> {
        let mut common = Common::default();
        let known = &["version", "name", "crate"];
        let topic = args::parse(input, known, |key, input| common.argument(key, input))?;
        args::check_topic(&topic)?;
        Ok(Self {
            topic,
            version: common.version.unwrap_or_else(v1),
            name: common.name,
            krate: args::crate_path(common.krate),
        })
    }
}

/// The arguments that all three macros have.
#[derive(Default)]
struct Common {
    version: Option<LitStr>,
    name: Option<LitStr>,
    krate: Option<Path>,
}

impl Common {
    fn argument(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<()> {
        match key.to_string().as_str() {
            "version" => {
                let version = args::text(input, key, "v2")?;
                args::version_number(&version)?;
                self.version = Some(version);
            }
            "name" => self.name = Some(args::text(input, key, "OrderPaid")?),
            _ => self.krate = Some(input.call(Path::parse_mod_style)?),
        }
        Ok(())
    }
}

fn v1() -> LitStr {
    LitStr::new("v1", Span::call_site())
}
