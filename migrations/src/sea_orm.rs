//! The migrations for SeaORM: one line in a `MigrationTrait` of your own.
//!
//! ```
//! # use sea_orm::{ConnectionTrait, DbErr};
//! // async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
//! //     celerysalt_migrations::sea_orm::up(manager.get_connection()).await
//! // }
//! # async fn check(db: sea_orm::DatabaseConnection) -> Result<(), DbErr> {
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
    for migration in migrations(dialect(db)?).iter().rev() {
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
