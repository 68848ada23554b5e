//! Async saves that are dropped before their end.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

mod on_sqlite {
    use crate::support::async_sqlite as db;
    include!("cases/cancelled.rs");
}

mod on_postgres {
    use crate::support::async_postgres as db;
    include!("cases/cancelled.rs");
}

mod on_mariadb {
    use crate::support::async_mariadb as db;
    include!("cases/cancelled.rs");
}
