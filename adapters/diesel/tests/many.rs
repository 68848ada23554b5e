//! Bulk saves, on each database.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

mod rows {
    crate::on_each!("cases/many/rows.rs");
}

mod same {
    crate::on_each!("cases/many/same.rs");
}

mod refused {
    crate::on_each!("cases/many/refused.rs");
}

mod bounds {
    crate::on_each!("cases/many/bounds.rs");
}

mod beside {
    crate::on_each!("cases/many/beside.rs");
}
