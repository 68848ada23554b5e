use celerysalt::event::{Envelope, Meta};
use celerysalt_diesel::Error;
use diesel::result::Error as DieselError;
use serde_json::json;

use db::{Conn, TestDb, append_in, topics, transaction};

fn event(topic: &str) -> Envelope {
    Envelope {
        id: uuid::Uuid::now_v7(),
        topic: topic.to_owned(),
        version: Some("v1".to_owned()),
        payload: json!({"orders": 7}),
        meta: Meta::default(),
    }
}

#[test]
fn events_of_ones_own_are_committed_with_the_transaction_or_not_at_all() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let refused = transaction(conn, |conn: &mut Conn| {
        append_in(conn, &[event("order.refused")])?;
        Err::<(), Error>(DieselError::RollbackTransaction.into())
    });
    assert!(refused.is_err());
    let events = [event("order.counted"), event("order.listed")];
    transaction(conn, |conn: &mut Conn| Ok(append_in(conn, &events)?)).unwrap();
    assert_eq!(topics(conn), ["order.counted", "order.listed"]);
    // Under their ids they are there once.
    append_in(conn, &events).unwrap();
    append_in(conn, &[]).unwrap();
    assert_eq!(topics(conn).len(), 2);
}
