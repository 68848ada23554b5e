//! The models on MariaDB, over diesel-async.

pub type Conn = diesel_async::async_connection_wrapper::AsyncConnectionWrapper<
    diesel_async::AsyncMysqlConnection,
>;

include!("awaited.rs");
include!("tables/mariadb.rs");
include!("models.rs");
