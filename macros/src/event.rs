//! `#[event]`, `#[event_response]`, `#[event_error]`.

use proc_macro2::TokenStream;

pub(crate) fn expand(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

pub(crate) fn expand_answer(_args: TokenStream, item: TokenStream, _role: &str) -> TokenStream {
    item
}
