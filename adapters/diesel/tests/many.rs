//! Bulk saves, on each database, over Diesel's connections and over those of diesel-async.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

mod rows {
    crate::on_every!("cases/many/rows.rs");
}

mod same {
    crate::on_every!("cases/many/same.rs");
}

mod refused {
    crate::on_every!("cases/many/refused.rs");
}

mod bounds {
    crate::on_every!("cases/many/bounds.rs");
}

mod beside {
    crate::on_every!("cases/many/beside.rs");
}

// A trigger of MariaDB's keeps no row without an error.
on!(["cases/many/kept.rs"]: kept_by_sqlite = sqlite, kept_by_postgres = postgres);
