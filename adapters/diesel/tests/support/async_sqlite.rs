//! The models on SQLite, over diesel-async.

pub type Conn = diesel_async::async_connection_wrapper::AsyncConnectionWrapper<
    diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection>,
>;

include!("awaited.rs");
include!("tables/sqlite.rs");
include!("models.rs");
