//! The outbox as the tests read it.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

/// An event in the outbox.
#[derive(Debug, Clone, QueryableByName)]
pub struct Fired {
    #[diesel(sql_type = Text)]
    pub id: String,
    #[diesel(sql_type = Text)]
    pub topic: String,
    #[diesel(sql_type = Text)]
    pub payload: String,
    #[diesel(sql_type = Text)]
    pub meta: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub aggregate: Option<String>,
}

impl Fired {
    pub fn payload(&self) -> serde_json::Value {
        serde_json::from_str(&self.payload).unwrap()
    }

    pub fn rule_id(&self) -> String {
        let meta: serde_json::Value = serde_json::from_str(&self.meta).unwrap();
        meta["rule_id"].as_str().unwrap().to_owned()
    }
}

/// The outbox in order; `text` is the database's name for text in a cast.
pub fn outbox_sql(text: &str) -> String {
    format!(
        "SELECT CAST(id AS {text}) AS id, topic, CAST(payload AS {text}) AS payload, CAST(meta AS {text}) AS meta, \
         aggregate FROM celerysalt_outbox ORDER BY seq"
    )
}

#[derive(QueryableByName)]
pub struct OneText {
    #[diesel(sql_type = Text)]
    pub value: String,
}

#[derive(QueryableByName)]
pub struct Count {
    #[diesel(sql_type = BigInt)]
    pub n: i64,
}
