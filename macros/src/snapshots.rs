//! The expansions as they are read: one file each beside this one. `UPDATE_SNAPSHOTS=1 cargo test` writes them.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

fn check(name: &str, expansion: TokenStream) {
    let text = prettyplease::unparse(&syn::parse2(expansion).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/snapshots")
        .join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "the expansion differs from {}",
        path.display()
    );
}

#[test]
fn event() {
    let item = quote! {
        /// Paid.
        #[derive(PartialEq)]
        #[serde(rename_all = "camelCase")]
        pub struct OrderPaid { pub order_id: u64, pub amount: Option<Decimal> }
    };
    check(
        "event.txt",
        crate::event::expand(quote!("order.paid", version = "v2"), item),
    );
}

#[test]
fn rpc() {
    let item = quote!(
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        struct Add {}
    );
    check(
        "rpc.txt",
        crate::event::expand(quote!("math.add", response = u8), item),
    );
}

#[test]
fn event_error() {
    let item = quote!(
        enum AddError {
            Overflow { max: BigDecimal },
        }
    );
    check(
        "event_error.txt",
        crate::event::expand_answer(quote!("math.add"), item, "Error"),
    );
}

#[test]
fn subscribe_async() {
    let args = quote!(
        "order.*",
        version = "v2",
        autoretry_for = [io::Error],
        rate_limit = "100/m",
        max_retries = none
    );
    let item = quote!(
        async fn on_paid(event: OrderPaid, State(db): State<Db>) -> io::Result<()> {
            Ok(())
        }
    );
    check("subscribe_async.txt", crate::subscribe::expand(args, item));
}

#[test]
fn subscribe_blocking() {
    let item = quote!(
        fn on_paid() {}
    );
    check(
        "subscribe_blocking.txt",
        crate::subscribe::expand(quote!("order.#", name = "audit"), item),
    );
}
