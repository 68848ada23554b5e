//! The models on PostgreSQL, over diesel-async.

pub type Conn =
    diesel_async::async_connection_wrapper::AsyncConnectionWrapper<diesel_async::AsyncPgConnection>;

include!("awaited.rs");
include!("tables/postgres.rs");
include!("models.rs");
