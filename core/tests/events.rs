//! What `#[event]` and its kin make of a type.
#![allow(clippy::unwrap_used, clippy::panic)]

use bigdecimal::BigDecimal;
use celerysalt::catalog::{Catalog, Role};
use celerysalt::event::{DeclaredError, Event, Mode, Request, RpcError};
use celerysalt::{event, event_error, event_response};
use rust_decimal::Decimal;
use serde_json::{Value, json};

#[event("order.paid", version = "v2")]
#[derive(PartialEq)]
struct OrderPaid {
    amount: Decimal,
    exact: BigDecimal,
    rebate: Option<BigDecimal>,
    #[serde(rename = "VAT", default)]
    vat: Option<Decimal>,
}

fn paid(amount: &str, exact: &str) -> OrderPaid {
    OrderPaid {
        amount: amount.parse().unwrap(),
        exact: exact.parse().unwrap(),
        rebate: None,
        vat: None,
    }
}

fn valid(payload: &Value) -> bool {
    let catalog = Catalog::global().unwrap();
    let event = catalog.find("order.paid").unwrap();
    event.schema().unwrap().validator.is_valid(payload)
}

#[test]
fn the_constants_are_what_the_attribute_says() {
    let of = (
        OrderPaid::TOPIC,
        OrderPaid::VERSION,
        OrderPaid::NAME,
        OrderPaid::MODE,
    );
    assert_eq!(of, ("order.paid", "v2", "OrderPaid", Mode::Broadcast));
}

#[test]
fn decimals_keep_all_their_digits() {
    let event = paid(
        "79228162514264337593543950.335",
        "0.00000000000000000000000000000000000012",
    );
    let payload = serde_json::to_value(&event).unwrap();
    let expected = json!({
        "amount": "79228162514264337593543950.335",
        "exact": "0.00000000000000000000000000000000000012",
        "rebate": null,
        "VAT": null,
    });
    assert_eq!(payload, expected);
    assert!(valid(&payload));
    assert_eq!(serde_json::from_value::<OrderPaid>(payload).unwrap(), event);
}

#[test]
fn large_decimals_are_written_without_an_exponent() {
    let payload = serde_json::to_value(paid("1.10", "12E+30")).unwrap();
    assert_eq!(payload["amount"], "1.10");
    assert_eq!(payload["exact"], format!("12{}", "0".repeat(30)));
    assert!(valid(&payload));
}

#[test]
fn decimals_are_read_from_numbers_too_and_may_be_absent_when_optional() {
    for payload in [
        json!({"amount": 0.1, "exact": 0.1, "rebate": 5, "VAT": 1e-3}),
        json!({"amount": "0.1", "exact": "0.1", "rebate": "5", "VAT": "0.001"}),
    ] {
        assert!(valid(&payload), "{payload}");
        let event: OrderPaid = serde_json::from_value(payload).unwrap();
        let expected = OrderPaid {
            rebate: Some(5.into()),
            vat: Some(Decimal::new(1, 3)),
            ..paid("0.1", "0.1")
        };
        assert_eq!(event, expected);
    }
    let without: OrderPaid = serde_json::from_value(json!({"amount": 1, "exact": 2})).unwrap();
    assert_eq!(without, paid("1", "2"));
}

#[test]
fn a_decimal_that_must_be_there_is_neither_null_nor_text() {
    for wrong in [
        json!({"amount": 1, "exact": null}),
        json!({"amount": 1, "exact": "x"}),
    ] {
        assert!(
            serde_json::from_value::<OrderPaid>(wrong.clone()).is_err(),
            "{wrong}"
        );
        assert!(!valid(&wrong), "{wrong}");
    }
}

/// Derives of the user's own stand beside the macro's.
#[event("user.renamed", name = "Renamed")]
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
struct UserRenamed {
    new_name: String,
}

#[test]
fn visible_derives_and_their_attributes_are_respected() {
    let event = UserRenamed {
        new_name: "Ada".to_owned(),
    };
    let payload = serde_json::to_value(event.clone()).unwrap();
    assert_eq!(payload, json!({"newName": "Ada"}));
    assert_eq!(UserRenamed::NAME, "Renamed");
    let catalog = Catalog::global().unwrap();
    assert_eq!(catalog.find("Renamed").unwrap().topic(), "user.renamed");
}

#[event("math.add", response = AddResponse, error = AddError)]
struct Add {
    a: u8,
    b: u8,
}

#[event_response("math.add")]
struct AddResponse {
    sum: u8,
}

#[event_error("math.add")]
enum AddError {
    Overflow { max: u8 },
}

#[event("math.negate", mode = "rpc", response = i64)]
struct Negate {
    a: i64,
}

fn assert_declared<E: DeclaredError>() {}

#[test]
fn an_rpc_names_its_answers() {
    fn error_of<R: Request>(error: Value) -> R::Error {
        serde_json::from_value(error).unwrap()
    }
    assert_eq!((Add::MODE, Negate::MODE), (Mode::Rpc, Mode::Rpc));
    let AddError::Overflow { max } = error_of::<Add>(json!({"Overflow": {"max": 255}}));
    assert_eq!(max, 255);
    let plain: RpcError = error_of::<Negate>(json!({"error_code": "E", "error_message": "m"}));
    assert_eq!(plain, RpcError::new("E", "m"));
    assert_declared::<AddError>();
}

#[test]
fn the_answers_are_in_the_catalog_declared_or_not() {
    let catalog = Catalog::global().unwrap();
    let response = catalog.event("math.add", Role::Response, "v1").unwrap();
    assert_eq!(response.name(), "AddResponse");
    assert!(
        response
            .schema()
            .unwrap()
            .validator
            .is_valid(&json!({"sum": 3}))
    );
    let undeclared = catalog.newest("math.negate", Role::Response).unwrap();
    assert!(undeclared.schema().unwrap().validator.is_valid(&json!(-3)));
    assert_eq!(
        catalog.newest("math.negate", Role::Error).unwrap().name(),
        "RpcError"
    );
    assert!(catalog.newest("order.paid", Role::Response).is_none());
}

#[test]
fn the_types_stay_usable() {
    let add = Add { a: 1, b: 2 };
    let sum = AddResponse { sum: add.a + add.b };
    assert_eq!(format!("{sum:?}"), "AddResponse { sum: 3 }");
    assert_eq!(Negate { a: 1 }.clone().a, 1);
}
