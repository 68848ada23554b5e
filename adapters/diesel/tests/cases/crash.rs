use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use celerysalt::rules::Rule;
use celerysalt_diesel::Error;
use diesel::Connection;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;

use db::{
    Conn, FollowInsert, FollowMany, FollowSave, FollowUpdate, Order, OrderChanges, TestDb, Unseen, connect, created, deleted,
    new_order, only_status, orders, paid, stored, topics, transaction, until_gone,
};

/// How a child is told what to do: the database, the act, whether in a transaction, and after which statement to die.
const ORDERS: [&str; 4] = ["CRASH_DATABASE", "CRASH_ACT", "CRASH_NESTED", "CRASH_AFTER"];
/// No save sends more statements; a save that never ends would.
const MOST_STATEMENTS: u32 = 20;
const SIGKILL: i32 = 9;

#[derive(Debug, Clone, Copy)]
enum Act {
    Insert,
    Pay,
    /// The rules take a second statement.
    PayUnseen,
    AttachAndPay,
    SaveNew,
    Delete,
    PayAll,
    DeleteAll,
}

const ACTS: [Act; 8] = [
    Act::Insert, Act::Pay, Act::PayUnseen, Act::AttachAndPay, Act::SaveNew, Act::Delete, Act::PayAll, Act::DeleteAll,
];
/// The rows of a bulk save, which are two chunks.
const ROWS: usize = 3;

impl Act {
    fn save(self, conn: &mut Conn) -> Result<(), Error> {
        let order = orders::table.select(Order::as_select()).first(conn).optional()?;
        let id = order.as_ref().map_or(0, |order| order.id);
        match self {
            Self::Insert => new_order("1", vec![created(), paid()]).insert_and_follow(conn).map(drop),
            Self::Pay => only_status("paid").update_and_follow(id, conn).map(drop),
            Self::PayUnseen => Unseen { status: "paid" }.update_and_follow(id, conn).map(drop),
            Self::AttachAndPay => {
                let rules = Some(vec![paid()].into());
                let changes = OrderChanges { on_change_rules: rules, ..only_status("paid") };
                changes.update_and_follow(id, conn).map(drop)
            }
            Self::SaveNew => {
                let mut order = order.unwrap();
                order.id += 1;
                order.number = "2".into();
                order.save_and_follow(conn).map(drop)
            }
            Self::Delete => order.unwrap().delete_and_follow(conn).map(drop),
            Self::PayAll => {
                let all = Order::follow_update_many(orders::table).set(orders::state.eq("paid"));
                all.chunk_size(2).execute(conn).map(drop)
            }
            Self::DeleteAll => Order::follow_delete_many(orders::table).chunk_size(2).execute(conn).map(drop),
        }
    }

    fn prepare(self, conn: &mut Conn) {
        diesel::sql_query("DELETE FROM celerysalt_outbox").execute(conn).unwrap();
        diesel::delete(orders::table).execute(conn).unwrap();
        let rules: Vec<Rule> = match self {
            Self::Insert => return,
            Self::AttachAndPay => vec![],
            Self::SaveNew => vec![created()],
            Self::Pay | Self::PayUnseen | Self::Delete | Self::PayAll | Self::DeleteAll => vec![paid(), deleted()],
        };
        for number in 0..self.events() {
            stored(conn, &format!("1{number}"), rules.clone());
        }
    }

    /// Whether the save is committed, by the rows themselves; else they are as they were prepared.
    fn is_committed(self, conn: &mut Conn) -> bool {
        let rows = orders::table.select(Order::as_select()).order(orders::id).load(conn).unwrap();
        let rules = |at: usize| rows[at].on_change_rules.len();
        match self {
            Self::Insert => !rows.is_empty() && { assert_eq!(rules(0), 1); true },
            Self::Pay | Self::PayUnseen => {
                let paid = rows[0].status == "paid";
                assert_eq!(rules(0), if paid { 1 } else { 2 });
                paid
            }
            Self::AttachAndPay => { assert_eq!(rules(0), 0); rows[0].status == "paid" }
            Self::SaveNew => rows.len() == 2 && { assert_eq!(rules(1), 0); true },
            Self::Delete => rows.is_empty(),
            Self::PayAll => {
                let paid = rows.iter().filter(|row| row.status == "paid" && row.on_change_rules.len() == 1).count();
                assert!(paid == 0 || paid == ROWS, "{paid} of {ROWS}");
                paid == ROWS
            }
            Self::DeleteAll => {
                assert!(rows.is_empty() || rows.len() == ROWS, "{} of {ROWS}", rows.len());
                rows.is_empty()
            }
        }
    }

    fn events(self) -> usize {
        match self {
            Self::PayAll | Self::DeleteAll => ROWS,
            _ => 1,
        }
    }

    fn topic(self) -> &'static str {
        match self {
            Self::Insert | Self::SaveNew => "order.created",
            Self::Pay | Self::PayUnseen | Self::AttachAndPay | Self::PayAll => "order.paid",
            Self::Delete | Self::DeleteAll => "order.deleted",
        }
    }
}

/// The process that is killed: this test, run alone by [`killed_after_every_statement`]. Without orders it has
/// nothing to do.
#[test]
fn child() {
    let orders = ORDERS.map(|name| std::env::var(name).ok());
    let [Some(database), Some(act), Some(nested), Some(after)] = orders else {
        return;
    };
    let act = ACTS.into_iter().find(|known| format!("{known:?}") == act).unwrap();
    let after: u32 = after.parse().unwrap();
    let conn = &mut connect(&database);
    let executed = AtomicU32::new(0);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let is_done = matches!(event, InstrumentationEvent::FinishQuery { .. });
        if is_done && executed.fetch_add(1, Ordering::SeqCst) + 1 == after {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
            std::thread::park();
        }
    });
    match nested.as_str() {
        "true" => transaction(conn, |conn| act.save(conn)).unwrap(),
        _ => act.save(conn).unwrap(),
    }
}

/// Whether the child was killed (else it came to its end).
fn run_child(test: &TestDb, act: Act, nested: bool, after: u32) -> bool {
    let values = [test.name(), format!("{act:?}"), nested.to_string(), after.to_string()];
    let module = module_path!().rsplit("::").next().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::child")])
        .envs(std::iter::zip(ORDERS, values))
        .output()
        .unwrap();
    match child.status.signal() {
        Some(SIGKILL) => true,
        _ if child.status.success() => false,
        _ => panic!("{act:?} {after}: {}", String::from_utf8_lossy(&child.stdout)),
    }
}

#[test]
fn killed_after_every_statement() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    for act in ACTS {
        for nested in [false, true] {
            let (kills, lost) = kill_through(&test, conn, act, nested);
            // Past the print macros, whose words the harness keeps when a test passes.
            let killed = format!("killed after {kills} statements, {lost} of them before the commit");
            let mut past_the_harness = std::io::stdout();
            writeln!(past_the_harness, "figures: {act:?} nested={nested}: {killed}").unwrap();
            assert!(kills >= 4 && lost >= 3 && lost < kills, "{act:?}: {kills} kills, {lost} before the commit");
        }
    }
}

fn kill_through(test: &TestDb, conn: &mut Conn, act: Act, nested: bool) -> (u32, u32) {
    let mut lost = 0;
    for after in 1..MOST_STATEMENTS {
        act.prepare(conn);
        let killed = run_child(test, act, nested, after);
        until_gone(conn);
        let committed = act.is_committed(conn);
        let expected = if committed { vec![act.topic(); act.events()] } else { vec![] };
        assert_eq!(topics(conn), expected, "{act:?} nested={nested} killed after {after}: committed is {committed}");
        if !killed {
            assert!(committed, "{act:?}: the save returned Ok and is not there");
            return (after - 1, lost);
        }
        lost += u32::from(!committed);
    }
    panic!("{act:?} sent {MOST_STATEMENTS} statements and more");
}
