//! The migrations for SeaORM: one line in a `MigrationTrait` of your own.
//!
//! ```
//! use sea_orm_migration::prelude::*;
//!
//! #[derive(DeriveMigrationName)]
//! pub struct Migration;
//!
//! #[async_trait::async_trait]
//! impl MigrationTrait for Migration {
//!     async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
//!         celerysalt_migrations::sea_orm::up(manager.get_connection()).await
//!     }
//!
//!     async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
//!         celerysalt_migrations::sea_orm::down(manager.get_connection()).await
//!     }
//! }
//! ```
//!
//! Or without a migrator, at the start of the program:
//!
//! ```
//! # async fn start(db: sea_orm::DatabaseConnection) -> Result<(), sea_orm::DbErr> {
//! celerysalt_migrations::sea_orm::up(&db).await
//! # }
//! ```

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::{Dialect, migrations};

/// Creates the tables, or brings those of an older version up to date. May be called again.
///
/// # Errors
/// The database's own, or [`DbErr::Migration`] when there is no SQL for this kind of database.
pub async fn up<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    for migration in migrations(dialect(db)?) {
        db.execute_unprepared(migration.up).await?;
    }
    Ok(())
}

/// Deletes the tables with their data.
///
/// # Errors
/// As [`up`].
pub async fn down<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    down_to(db, 0).await
}

/// Takes back what is newer than this version, with its data.
///
/// For the `down` of a migration that you add when you update this crate: its `up` calls [`up`], and this names the
/// [`version`](crate::Migration::version) that you had.
///
/// # Errors
/// As [`up`].
pub async fn down_to<C: ConnectionTrait>(db: &C, version: i64) -> Result<(), DbErr> {
    let steps = migrations(dialect(db)?).iter().rev();
    for migration in steps.filter(|m| m.version > version) {
        db.execute_unprepared(migration.down).await?;
    }
    Ok(())
}

fn dialect<C: ConnectionTrait>(db: &C) -> Result<Dialect, DbErr> {
    match db.get_database_backend() {
        DbBackend::MySql => Ok(Dialect::Mysql),
        DbBackend::Postgres => Ok(Dialect::Postgres),
        DbBackend::Sqlite => Ok(Dialect::Sqlite),
        other => Err(DbErr::Migration(format!(
            "celerysalt-migrations has no SQL for {other:?}; use PostgreSQL, MySQL, MariaDB or SQLite"
        ))),
    }
}
