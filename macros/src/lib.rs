//! The macros of `celerysalt`; use them through that crate.

mod args;
mod derives;
mod event;
mod follow;
#[cfg(test)]
mod snapshots;
mod subscribe;

use proc_macro::TokenStream;

/// Makes a struct a typed event: it gets serde, a JSON Schema, `Debug` and `Clone`, an
/// `impl celerysalt::event::Event`, and an entry in the catalog before `main` runs.
///
/// ```
/// use celerysalt::event;
/// use celerysalt::event::Event;
///
/// /// An order was paid in full.
/// #[event("order.paid", version = "v2")]
/// pub struct OrderPaid {
///     pub order_id: u64,
///     pub note: Option<String>,
/// }
///
/// assert_eq!((OrderPaid::TOPIC, OrderPaid::VERSION), ("order.paid", "v2"));
/// ```
///
/// Only `celerysalt` need be a dependency. Derives that the struct has already, written **below** the
/// attribute, are left alone; so are `#[serde(…)]` attributes, which shape the schema too.
///
/// Fields of type `Decimal` (rust_decimal), `BigDecimal` and `Option` of either travel as text with all their
/// digits, and are read from text or numbers; `#[serde(with = "…")]` on the field turns that off.
///
/// # Arguments
///
/// First the topic: dotted words of letters, digits, `_` and `-`, at most 255 bytes. Then, in any order:
///
/// | argument | default | |
/// |---|---|---|
/// | `version = "v2"` | `"v1"` | the schema's version |
/// | `name = "…"` | the struct's name | by which a rule's `event_class` may also name it |
/// | `mode = "rpc"` | `"broadcast"` | a request, answered by one handler |
/// | `response = Type` | | what the RPC answers; implies `mode = "rpc"` |
/// | `error = Type` | `RpcError` | what the RPC declares as its error; implies `mode = "rpc"` |
/// | `crate = path` | `::celerysalt` | where celerysalt is, when it is re-exported |
///
/// ```
/// use celerysalt::{event, event_error, event_response};
///
/// #[event("math.add", response = Sum, error = Overflow)]
/// struct Add { a: u8, b: u8 }
///
/// #[event_response("math.add")]
/// struct Sum { sum: u8 }
///
/// #[event_error("math.add")]
/// struct Overflow { max: u8 }
/// ```
#[proc_macro_attribute]
pub fn event(args: TokenStream, item: TokenStream) -> TokenStream {
    event::expand(args.into(), item.into()).into()
}

/// Makes a struct or enum the response of an RPC: the same derives as [`macro@event`], and an entry in the
/// catalog. Takes the request's topic, and `version`, `name`, `crate` as there.
///
/// ```
/// #[celerysalt::event_response("math.add")]
/// struct Sum { sum: u8 }
/// ```
#[proc_macro_attribute]
pub fn event_response(args: TokenStream, item: TokenStream) -> TokenStream {
    event::expand_answer(args.into(), item.into(), "Response").into()
}

/// Makes a struct or enum the declared error of an RPC: as [`macro@event_response`], and a handler that
/// returns it as `Err` has answered; the event is done, whatever `autoretry_for` says.
///
/// ```
/// #[celerysalt::event_error("math.add")]
/// enum AddError {
///     Overflow { max: u8 },
/// }
/// ```
#[proc_macro_attribute]
pub fn event_error(args: TokenStream, item: TokenStream) -> TokenStream {
    event::expand_answer(args.into(), item.into(), "Error").into()
}

/// Subscribes a function to a topic, or to a pattern of topics: `*` is one word, `#` any number.
///
/// ```
/// use celerysalt::event;
/// use celerysalt::extract::{Retries, State};
/// use celerysalt::subscribe;
///
/// #[event("order.paid")]
/// struct OrderPaid { order_id: u64 }
///
/// #[derive(Clone)]
/// struct Mailer;
///
/// #[subscribe("order.paid", autoretry_for = [std::io::Error], max_retries = 5, retry_backoff = true)]
/// async fn send_receipt(event: OrderPaid, State(mailer): State<Mailer>, Retries(n): Retries) -> std::io::Result<()> {
///     Ok(())
/// }
/// ```
///
/// The function is `async`, or plain: a plain one runs on threads where blocking is allowed. It stays
/// callable under its name. Its arguments, at most eight, are extractors (`celerysalt::extract`).
///
/// # What it returns
///
/// | type | means |
/// |---|---|
/// | `()` | done |
/// | `R`, serialisable | done; the response when the event is an RPC's request |
/// | `Result<R, E>`, `E` declared by `#[event_error]`, or `RpcError` | an `Err` is the answer to the caller; done |
/// | `Result<R, E>`, `E` any error (`Error`, `Box<dyn Error>`, `anyhow::Error`, `String`) | an `Err` is a failure |
/// | `Result<R, HandlerError>` | as the `HandlerError` says: fail, retry, reject, declared |
///
/// A failure is retried only when the error, or one of its sources, is of a type in `autoretry_for`, and
/// none of a type in `dont_autoretry_for`. Otherwise the event becomes a dead letter.
///
/// # Arguments
///
/// First the pattern. Then, in any order, with Celery's names and (but for `acks_late` and `reject_on_worker_lost`) defaults:
///
/// | argument | default | |
/// |---|---|---|
/// | `name = "…"` | module path and function name | unique in a service |
/// | `version = "v1"` | `"latest"` | that version and newer; `latest` takes all |
/// | `autoretry_for = [A, B]` | none | or `(A, B)`; `dyn std::error::Error` is every error |
/// | `dont_autoretry_for = [A]` | none | wins |
/// | `max_retries = 5` | 3 | `none` is without end |
/// | `default_retry_delay = 30` | 180 | seconds, also `0.5` |
/// | `retry_backoff = true` | `false` | or the factor in seconds |
/// | `retry_backoff_max = 60` | 600 | seconds |
/// | `retry_jitter = false` | `true` | |
/// | `time_limit = 60` | none | seconds; then the handler is stopped |
/// | `soft_time_limit = 50` | none | seconds; then the handler is told by `SoftLimit` |
/// | `rate_limit = "100/m"` | none | starts a second `s`, minute `m` or hour `h`; a bare number a second |
/// | `priority = 5` | none | of messages that have none of their own |
/// | `acks_late = false` | `true` | |
/// | `reject_on_worker_lost = false` | `true` | |
/// | `queue = "…"` | the service's own | the queue that it takes its events from |
/// | `crate = path` | `::celerysalt` | where celerysalt is, when it is re-exported |
#[proc_macro_attribute]
pub fn subscribe(args: TokenStream, item: TokenStream) -> TokenStream {
    subscribe::expand(args.into(), item.into()).into()
}

/// Makes a model carry rules that fire on save: a SeaORM `Model` (`#[sea_orm(table_name = …)]`), a Diesel struct
/// (`#[diesel(table_name = …)]`), else a plain struct. The crates `celerysalt-sea-orm`, `celerysalt-diesel` and
/// `celerysalt-plain` export it, and show it at work.
///
/// The struct has a field `on_change_rules` of the adapter's type `Rules`, and gets a constant for each other field that
/// rules can look at: `Order::STATUS`, a name that the compiler checks.
///
/// # Arguments
///
/// | `#[follow(…)]` on the struct | for | says |
/// |---|---|---|
/// | `rules = "field"` | all | which field holds the rules; else `on_change_rules` |
/// | `name = "order"` | all | the model's name in errors, tables and aggregate keys (`order:17`); else the table's, or the struct's in snake case |
/// | `events = ["order.paid", OrderPaid]` | all | the only events that rules of this model may emit, by topic or type; else any |
/// | `code_rules = path::to::function` | all | a `fn() -> Rules` with the rules of every row |
/// | `history`, `history("field", …)` | all | keeps what rules fired, and every change of these fields |
/// | `hooks = "manual"` | SeaORM | you write `impl ActiveModelBehavior` and call the crate's hooks in it |
/// | `changes = Model` | Diesel | this struct changes some columns of the model's rows |
/// | `inserts = Model` | Diesel | this struct is a new row of the model |
/// | `key = "field"`, `key = ["a", "b"]` | plain structs | what names a row; else `id` |
///
/// | `#[follow(…)]` on a field | for | says |
/// |---|---|---|
/// | `text` | Diesel, plain structs | rules compare it by its `Display` |
/// | `json` | Diesel, plain structs | rules compare it as JSON, by serde |
/// | `skip` | Diesel, plain structs | rules do not see it |
#[proc_macro_derive(FollowActions, attributes(follow))]
pub fn derive_follow_actions(item: TokenStream) -> TokenStream {
    follow::expand(item.into()).into()
}
