// Included by each database's module, over the tables of that database.

use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt_diesel::{FollowActions, Rules};
use diesel::prelude::*;
use diesel::sql_query;
use serde_json::json;

use super::events::{OrderCreated, OrderLarge, OrderPaid, OrderDeleted, SeatTaken};
use super::fired::{Count, Fired, OneText, outbox_sql};

/// An order whose total the database computes.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
#[diesel(table_name = orders)]
#[follow(name = "order", events = [OrderPaid, OrderCreated, OrderLarge, "order.deleted"])]
pub struct Order {
    pub id: i32,
    pub number: String,
    #[diesel(column_name = state)]
    pub status: String,
    pub amount: i64,
    #[diesel(skip_insertion, skip_update)]
    pub total: i64,
    pub remark: Option<String>,
    pub on_change_rules: Rules,
}

/// A new order, whose key the database makes.
#[derive(Debug, Clone, Insertable, FollowActions)]
#[diesel(table_name = orders)]
#[follow(inserts = Order)]
pub struct NewOrder<'a> {
    pub number: &'a str,
    #[diesel(column_name = state)]
    pub status: &'a str,
    pub amount: i64,
    pub on_change_rules: Rules,
}

/// Some columns of an order.
#[derive(Debug, Clone, Default, AsChangeset, FollowActions)]
#[diesel(table_name = orders)]
#[follow(changes = Order)]
pub struct OrderChanges<'a> {
    pub number: Option<&'a str>,
    #[diesel(column_name = state)]
    pub status: Option<&'a str>,
    pub amount: Option<i64>,
    pub remark: Option<Option<String>>,
    pub on_change_rules: Option<Rules>,
}

/// A changeset that has no place for rules, and whose value is not what the database gets.
#[derive(AsChangeset, FollowActions)]
#[diesel(table_name = orders)]
#[follow(changes = Order)]
pub struct Shouted {
    #[diesel(column_name = state)]
    pub status: Upper,
}

/// A changeset of which rules see nothing before the database does.
#[derive(AsChangeset, FollowActions)]
#[diesel(table_name = orders)]
#[follow(changes = Order)]
pub struct Unseen<'a> {
    #[diesel(column_name = state)]
    #[follow(skip)]
    pub status: &'a str,
}

/// Text that is written in capitals.
#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct Upper(pub String, pub String);

impl Upper {
    pub fn of(text: &str) -> Self {
        Self(text.to_owned(), text.to_uppercase())
    }
}

impl celerysalt_diesel::AsField for Upper {
    fn field_type() -> celerysalt::value::FieldType {
        celerysalt::value::FieldType::Text
    }

    fn value(&self) -> celerysalt::value::Value {
        self.0.value()
    }
}

impl diesel::serialize::ToSql<diesel::sql_types::Text, Db> for Upper {
    fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, Db>) -> diesel::serialize::Result {
        <String as diesel::serialize::ToSql<diesel::sql_types::Text, Db>>::to_sql(&self.1, out)
    }
}

/// A row of a composite key, with rules in code and a rules column of another name.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
#[diesel(table_name = seats, primary_key(hall, seat), treat_none_as_null = true)]
#[follow(rules = "rules", code_rules = seat_rules, history("guest"))]
pub struct Seat {
    pub hall: String,
    pub seat: i32,
    pub guest: Option<String>,
    pub rules: Rules,
}

/// A part of a seat, with the key.
#[derive(Debug, Clone, Identifiable, Insertable, AsChangeset, FollowActions)]
#[diesel(table_name = seats, primary_key(hall, seat), treat_none_as_null = true)]
#[follow(changes = Seat, inserts = Seat)]
pub struct Booking<'a> {
    pub hall: &'a str,
    pub seat: i32,
    pub guest: Option<&'a str>,
}

fn seat_rules() -> Vec<Rule> {
    let taken = Rule::when(Seat::GUEST).changed();
    vec![taken.emit::<SeatTaken>(json!({"guest": "{{ guest }}"})).id("seat-taken")]
}

/// Fires once when an order becomes paid.
pub fn paid() -> Rule {
    Rule::when(Order::STATUS)
        .eql("paid")
        .emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ amount }}"}))
}

/// Fires once when an order is inserted as new.
pub fn created() -> Rule {
    Rule::when(Order::STATUS)
        .eql("new")
        .emit::<OrderCreated>(json!({"id": "{{ id }}", "status": "{{ status }}"}))
        .on([Operation::Insert])
}

/// Fires when an order is deleted, whatever its state.
pub fn deleted() -> Rule {
    Rule::when(Order::STATUS)
        .not_null()
        .emit::<OrderDeleted>(json!({"id": "{{ id }}", "status": "{{ status }}"}))
        .on([Operation::Delete])
}

/// A new order, not inserted yet.
pub fn new_order(number: &str, rules: Vec<Rule>) -> NewOrder<'_> {
    NewOrder { number, status: "new", amount: 50, on_change_rules: rules.into() }
}

/// An order that stands in the database, put there without rules being followed.
pub fn stored(conn: &mut Conn, number: &str, rules: Vec<Rule>) -> Order {
    diesel::insert_into(orders::table).values(new_order(number, rules)).execute(conn).unwrap();
    orders::table.filter(orders::number.eq(number)).select(Order::as_select()).first(conn).unwrap()
}

pub fn reload(conn: &mut Conn, id: i32) -> Order {
    orders::table.find(id).select(Order::as_select()).first(conn).unwrap()
}

/// The change of the status alone, as a handler makes it that has not loaded the row.
pub fn only_status(status: &str) -> OrderChanges<'_> {
    OrderChanges { status: Some(status), ..OrderChanges::default() }
}

/// The outbox, in order.
pub fn outbox(conn: &mut Conn) -> Vec<Fired> {
    sql_query(outbox_sql(TEXT)).load(conn).unwrap()
}

/// The topics in the outbox, in order.
pub fn topics(conn: &mut Conn) -> Vec<String> {
    outbox(conn).into_iter().map(|fired| fired.topic).collect()
}

/// The rules column of an order as it stands in the database.
pub fn stored_rules(conn: &mut Conn, id: i32) -> String {
    let select = format!("SELECT CAST(on_change_rules AS {TEXT}) AS value FROM orders WHERE id = {id}");
    sql_query(select).get_result::<OneText>(conn).unwrap().value
}

/// What the row's only announced delete is to tell.
pub fn announced(conn: &mut Conn) -> serde_json::Value {
    let select = format!("SELECT CAST(events AS {TEXT}) AS value FROM celerysalt_pending");
    let kept = sql_query(select).get_result::<OneText>(conn).unwrap().value;
    serde_json::from_str(&kept).unwrap()
}

/// Ends when a query counts one at least.
pub fn until_one(conn: &mut Conn, query: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while sql_query(query).get_result::<Count>(conn).unwrap().n == 0 {
        assert!(std::time::Instant::now() < deadline, "none yet: {query}");
        // MariaDB shows who waits for locks out of a cache, which is only filled anew when nobody has read it for 100 ms;
        // several tests that ask in step would keep it stale.
        let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_micros());
        let odd = u64::from(clock % 300);
        std::thread::sleep(std::time::Duration::from_millis(150 + odd));
    }
}

/// A row of the history.
#[derive(Debug, PartialEq, QueryableByName)]
pub struct Kept {
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub aggregate: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub operation: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub field: String,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub old_value: Option<String>,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub new_value: Option<String>,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub rule_id: Option<String>,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub event_id: Option<String>,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub actor: Option<String>,
}

/// The history, in order.
pub fn history(conn: &mut Conn) -> Vec<Kept> {
    let select = format!(
        "SELECT aggregate, operation, field, CAST(old_value AS {TEXT}) AS old_value, CAST(new_value AS {TEXT}) AS new_value, \
         rule_id, CAST(event_id AS {TEXT}) AS event_id, actor FROM celerysalt_transitions ORDER BY at, id"
    );
    sql_query(select).load(conn).unwrap()
}
