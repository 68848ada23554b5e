//! The macros of `celerysalt`; use them through that crate.

mod args;
mod derives;
mod event;
mod follow;
mod subscribe;

use proc_macro::TokenStream;

/// Makes a struct a typed event.
#[proc_macro_attribute]
pub fn event(args: TokenStream, item: TokenStream) -> TokenStream {
    event::expand(args.into(), item.into()).into()
}

/// Makes a struct or enum an RPC's response.
#[proc_macro_attribute]
pub fn event_response(args: TokenStream, item: TokenStream) -> TokenStream {
    event::expand_answer(args.into(), item.into(), "Response").into()
}

/// Makes a struct or enum an RPC's declared error.
#[proc_macro_attribute]
pub fn event_error(args: TokenStream, item: TokenStream) -> TokenStream {
    event::expand_answer(args.into(), item.into(), "Error").into()
}

/// Subscribes a function to a topic pattern.
#[proc_macro_attribute]
pub fn subscribe(args: TokenStream, item: TokenStream) -> TokenStream {
    subscribe::expand(args.into(), item.into()).into()
}

/// Makes a model carry rules that fire on save.
#[proc_macro_derive(FollowActions, attributes(follow))]
pub fn derive_follow_actions(item: TokenStream) -> TokenStream {
    follow::expand(item.into()).into()
}
