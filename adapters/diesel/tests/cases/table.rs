use std::sync::Arc;

use celerysalt::rule_table::{self, MemoryRules, RuleTable};
use celerysalt_diesel::Follow;

use db::{FollowUpdate, Order, TestDb, only_status, outbox, paid, reload, stored, topics};

#[test]
fn a_rule_of_the_table_is_followed_for_every_row_and_stays() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let ids = ["1", "2"].map(|number| stored(conn, number, vec![]).id);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // A scope, so that other tests of the process see nothing of it; the saves in it block.
    runtime.block_on(rule_table::scope(async {
        let table = RuleTable::new(Arc::new(MemoryRules::new()));
        table.put(Order::definition(), paid().id("of-the-table")).await.unwrap();
        only_status("paid").update_and_follow(ids[0], conn).unwrap();
        assert_eq!(outbox(conn).len(), 0, "it is not loaded yet");
        table.load().await.unwrap();
        for status in ["new", "paid"] {
            for id in ids {
                let saved = only_status(status).update_and_follow(id, conn).unwrap();
                assert!(saved.on_change_rules.is_empty());
            }
        }
    }));
    assert_eq!(topics(conn), ["order.paid", "order.paid"]);
    assert!(outbox(conn).iter().all(|event| event.rule_id() == "of-the-table"));
    assert!(reload(conn, ids[0]).on_change_rules.is_empty());
}
