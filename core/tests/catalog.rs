//! The catalog: what it collects, finds and refuses.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::catalog::{
    Catalog, CatalogError, EventEntry, EventSchemas, LookupError, Role, SubscriberEntry,
};
use celerysalt::event::Mode;
use celerysalt::extract::RawEvent;
use celerysalt::{event, subscribe};
use serde_json::{Value, json};

const LINE: u32 = line!() + 1;
#[event("order.paid")]
struct OrderPaid {
    order_id: u64,
}

#[subscribe("order.*")]
async fn audit(event: RawEvent) {
    drop(event);
}

const ORDER: EventEntry = EventEntry {
    topic: "order.paid",
    version: "v1",
    name: "OrderPaid",
    role: Role::Event,
    mode: Mode::Broadcast,
    schema: || json!({"title": "OrderPaid", "type": "object", "properties": {"id": {"type": "string"}}}),
    location: "shop/src/a.rs:3",
};

fn collect(events: &[EventEntry]) -> Result<Catalog, CatalogError> {
    Catalog::from_entries(events, [])
}

#[test]
fn everything_is_there_before_main() {
    let catalog = Catalog::global().unwrap();
    assert_eq!(
        catalog.find("OrderPaid").unwrap().location(),
        format!("{}:{LINE}", file!())
    );
    let names: Vec<_> = catalog
        .handlers()
        .into_iter()
        .map(|h| (h.name, h.pattern))
        .collect();
    assert_eq!(names, [("catalog::audit".to_owned(), "order.*".to_owned())]);
    assert!(std::ptr::eq(catalog, Catalog::global().unwrap()));
}

#[test]
fn equal_schemas_of_two_types_are_one_contract() {
    let other = EventEntry {
        name: "Paid",
        location: "mail/src/b.rs:9",
        schema: || {
            let id = json!({"type": "string", "description": "The order's id"});
            json!({"title": "Paid", "description": "…", "type": "object", "properties": {"id": id}})
        },
        ..ORDER
    };
    let catalog = collect(&[other, ORDER]).unwrap();
    assert_eq!(catalog.events().count(), 1);
    assert_eq!(catalog.resolve("OrderPaid").unwrap().topic, "order.paid");
    assert_eq!(catalog.resolve("Paid").unwrap().topic, "order.paid");
}

#[test]
fn different_schemas_are_shown_with_both_places_and_their_difference() {
    let other = EventEntry {
        name: "Paid",
        location: "mail/src/b.rs:9",
        schema: || json!({"type": "object", "properties": {"id": {"type": "integer"}, "vat": true}}),
        ..ORDER
    };
    let Err(error) = collect(&[ORDER, other]) else {
        panic!("no error")
    };
    let expected = "the catalog of events contradicts itself:
  topic `order.paid` version v1 has two different event schemas:
    first: `Paid` at mail/src/b.rs:9
    second: `OrderPaid` at shop/src/a.rs:3
    ~ /properties/id/type: \"integer\" → \"string\"
    - /properties/vat: true
    make the types equal, or give one of them another version";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_same_in_another_version_or_role_is_no_contradiction() {
    let schema: fn() -> Value = || json!({"type": "object"});
    let second = EventEntry {
        version: "v2",
        schema,
        ..ORDER
    };
    let response = EventEntry {
        role: Role::Response,
        schema,
        ..ORDER
    };
    let tenth = EventEntry {
        version: "v10",
        schema,
        ..ORDER
    };
    let catalog = collect(&[tenth, ORDER, response, second]).unwrap();
    assert_eq!(catalog.events().count(), 4);
    let newest = catalog.resolve("order.paid").unwrap();
    assert_eq!(
        newest.version.as_deref(),
        Some("v10"),
        "by number, not by text"
    );
    assert_eq!(
        catalog
            .event("order.paid", Role::Event, "v2")
            .unwrap()
            .version(),
        "v2"
    );
}

#[test]
fn a_broadcast_is_no_rpc_and_a_version_is_a_number() {
    let rpc = EventEntry {
        mode: Mode::Rpc,
        location: "z:1",
        ..ORDER
    };
    let unversioned = EventEntry {
        topic: "a.b",
        version: "1.0",
        ..ORDER
    };
    let error = collect(&[rpc, ORDER, unversioned]).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(
        error
            .to_string()
            .contains("is an RPC for one type and a broadcast"),
        "{error}"
    );
    assert!(
        error.to_string().contains("`1.0` is not `v` and a number"),
        "{error}"
    );
}

#[test]
fn a_type_name_of_two_topics_is_ambiguous() {
    let refund = EventEntry {
        topic: "refund.paid",
        ..ORDER
    };
    let catalog = collect(&[ORDER, refund]).unwrap();
    assert!(catalog.resolve("OrderPaid").is_none());
    assert_eq!(catalog.similar("OrderPaid"), ["order.paid", "refund.paid"]);
    let error = catalog.find("OrderPaid").unwrap_err();
    assert!(matches!(error, LookupError::Ambiguous { .. }));
    assert!(
        error
            .to_string()
            .ends_with("by its topic: order.paid, refund.paid"),
        "{error}"
    );
}

#[test]
fn an_unknown_name_has_its_like() {
    let catalog = collect(&[ORDER]).unwrap();
    assert!(catalog.resolve("order.payed").is_none());
    let error = catalog.find("order.payed").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no event is named `order.payed`; did you mean order.paid, OrderPaid?"
    );
    assert_eq!(
        catalog.find("x").unwrap_err().to_string(),
        "no event is named `x`"
    );
}

#[test]
fn a_schema_is_compiled_once() {
    let catalog = collect(&[ORDER]).unwrap();
    let first = catalog.resolve("order.paid").unwrap().schema.unwrap();
    let second = catalog.resolve("order.paid").unwrap().schema.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert!(!first.validator.is_valid(&json!({"id": 5})));
}

#[test]
fn an_unusable_schema_hides_its_event_only() {
    let broken = EventEntry {
        topic: "b",
        schema: || json!({"type": 5}),
        ..ORDER
    };
    let catalog = collect(&[broken, ORDER]).unwrap();
    assert!(catalog.resolve("b").is_none());
    assert!(catalog.find("b").unwrap().schema().is_err());
    assert!(catalog.resolve("order.paid").is_some());
}

#[test]
fn expected_events_are_there_or_named() {
    let catalog = collect(&[ORDER]).unwrap();
    assert!(catalog.expect(["order.paid", "OrderPaid"]).is_ok());
    let missing = catalog
        .expect(["order.paid", "user.created", "user.gone"])
        .unwrap_err();
    assert_eq!(missing.topics, ["user.created", "user.gone"]);
    assert!(
        missing.to_string().contains("use the_crate as _;"),
        "{missing}"
    );
    let misspelt = catalog.expect(["order.piad"]).unwrap_err();
    assert_eq!(misspelt.similar, ["OrderPaid", "order.paid"]);
    assert!(
        misspelt
            .to_string()
            .contains("(there is OrderPaid, order.paid)")
    );
}

#[test]
fn handlers_have_names_of_their_own() {
    let make = || Catalog::global().unwrap().handlers().remove(0);
    let one = SubscriberEntry {
        make,
        location: "a.rs:1",
    };
    let other = SubscriberEntry {
        make,
        location: "b.rs:2",
    };
    let error = Catalog::from_entries([], [&other, &one]).unwrap_err();
    let expected = "two handlers are named `catalog::audit`:
    first: a.rs:1
    second: b.rs:2
    name one of them: #[subscribe(…, name = \"…\")]";
    assert!(error.to_string().ends_with(expected), "{error}");
}
