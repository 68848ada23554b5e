//! Every way to migrate, on every database: up, up again, down, down again, up. All ways end alike, and a database
//! that was updated step by step is one that was made today.
#![cfg(all(feature = "sqlx", feature = "sea-orm", feature = "diesel"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod databases;
mod subject;

use ::sea_orm::{ConnectionTrait, DbErr};
use celerysalt_migrations::{
    down_sql, migrations, sea_orm as for_sea_orm, sqlx as for_sqlx, up_sql,
};
use diesel::backend::Backend;
use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrationType, Migrator};
use subject::Subject;

const STEPS: usize = 4;
const NOTHING: [&str; 0] = [];

/// What a database has after the plain SQL of today.
async fn fresh<S: Subject>() -> Vec<String> {
    let database = S::empty().await;
    database.run(&up_sql(S::DIALECT)).await;
    let schema = database.schema().await;
    assert!(schema.iter().any(|line| line.contains("celerysalt_inbox")));
    database.close().await;
    schema
}

async fn plain_sql<S: Subject>() {
    let database = S::empty().await;
    let (up, down) = (up_sql(S::DIALECT), down_sql(S::DIALECT));
    let fresh = fresh::<S>().await;
    for script in [&up, &up, &down, &down, &up] {
        database.run(script).await;
        let schema = database.schema().await;
        if script == &up {
            assert_eq!(schema, fresh);
        } else {
            assert_eq!(schema, NOTHING);
        }
    }
    assert_eq!(
        database.count("celerysalt_rules_revision").await,
        1,
        "one row, though made twice"
    );
    database.close().await;
}

async fn sqlx_beside_the_users_own_migrator<S: Subject>() {
    let database = S::empty().await;
    let own = Migrator::with_migrations(vec![sqlx::migrate::Migration::new(
        1,
        "mine".into(),
        MigrationType::Simple,
        "CREATE TABLE mine (id INTEGER)".into_sql_str(),
        false,
    )]);
    let ours = for_sqlx::migrator(S::DIALECT);
    for _ in 0..2 {
        database.migrate(&own).await;
        database.migrate(&ours).await;
    }
    assert_eq!(database.schema().await, fresh::<S>().await);
    database.undo(&ours, 0).await;
    assert_eq!(database.schema().await, NOTHING);
    database.migrate(&ours).await;
    assert_eq!(database.schema().await, fresh::<S>().await);
    assert_eq!(database.count("mine").await, 0);
    database.close().await;
}

async fn sea_orm<S: Subject>() {
    let database = S::empty().await;
    let db = database.sea_orm();
    for_sea_orm::up(&db).await.unwrap();
    let whole = database.schema().await;
    assert_eq!(whole, fresh::<S>().await);
    // What a user's migration for an update of this crate does and takes back.
    for_sea_orm::up(&db).await.unwrap();
    for_sea_orm::down_to(&db, 1).await.unwrap();
    database.run(migrations(S::DIALECT)[0].up).await;
    let first = database.schema().await;
    assert!(first.len() < whole.len() && first.iter().all(|line| whole.contains(line)));
    for_sea_orm::down(&db).await.unwrap();
    for_sea_orm::down(&db).await.unwrap();
    assert_eq!(database.schema().await, NOTHING);
    for_sea_orm::up(&db).await.unwrap();
    assert_eq!(database.schema().await, whole);
    database.close().await;
}

/// In a transaction of the user's, as SeaORM's migrator runs it on PostgreSQL.
async fn sea_orm_in_a_transaction<S: Subject>() {
    use sea_orm::TransactionTrait;
    let database = S::empty().await;
    let tx = database.sea_orm().begin().await.unwrap();
    for_sea_orm::up(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(database.schema().await, fresh::<S>().await);
    database.close().await;
}

async fn sea_orm_migrator_beside_the_users_own_migrations<S: Subject>() {
    let (database, fresh) = (S::empty().await, fresh::<S>().await);
    let db = database.sea_orm();
    for _ in 0..2 {
        OwnOfSeaOrm::up(&db, None).await.unwrap();
        assert_eq!(database.schema().await, fresh);
    }
    assert_eq!(database.count("mine").await, 0);
    // The newest is the user's own.
    OwnOfSeaOrm::down(&db, Some(1)).await.unwrap();
    assert_eq!(database.schema().await, fresh);
    OwnOfSeaOrm::down(&db, None).await.unwrap();
    assert_eq!(database.schema().await, NOTHING);
    OwnOfSeaOrm::up(&db, None).await.unwrap();
    OwnOfSeaOrm::refresh(&db).await.unwrap();
    assert_eq!(database.schema().await, fresh);
    database.close().await;
}

async fn diesel_beside_the_users_own_source<S: Subject>() {
    let database = S::empty().await;
    for run in [STEPS + 1, 0] {
        assert_eq!(database.diesel_up(), run);
        assert_eq!(database.schema().await, fresh::<S>().await);
    }
    database.diesel_down();
    assert_eq!(database.schema().await, NOTHING);
    assert_eq!(database.diesel_up(), STEPS + 1);
    assert_eq!(database.schema().await, fresh::<S>().await);
    database.close().await;
}

/// One step at a time, with an event that lies there from the first on.
async fn upgraded_equals_fresh<S: Subject>() {
    let database = S::empty().await;
    let steps = migrations(S::DIALECT);
    assert_eq!(steps.len(), STEPS);
    let instant = S::INSTANT;
    for (done, step) in steps.iter().enumerate() {
        if done == 1 {
            let insert = format!(
                "INSERT INTO celerysalt_outbox (id, topic, payload, meta, created_at, available_at)
                 VALUES ('01980c2e-0000-7000-8000-000000000001', 't', '{{}}', '{{}}', '{instant}', '{instant}')"
            );
            database.run(&insert).await;
        }
        database.run(step.up).await;
        let so_far: Vec<_> = steps[..=done].iter().map(|s| s.up).collect();
        let made_at_once = S::empty().await;
        made_at_once.run(&so_far.join("\n")).await;
        assert_eq!(database.schema().await, made_at_once.schema().await);
        made_at_once.close().await;
    }
    assert_eq!(database.schema().await, fresh::<S>().await);
    assert_eq!(database.count("celerysalt_outbox").await, 1);
    database.run(&up_sql(S::DIALECT)).await;
    assert_eq!(
        database.count("celerysalt_outbox").await,
        1,
        "nothing is made anew"
    );
    for (left, step) in steps.iter().enumerate().rev() {
        assert_eq!(database.count("celerysalt_outbox").await, 1);
        database.run(step.down).await;
        database.run(step.down).await;
        assert_eq!(database.schema().await.is_empty(), left == 0);
    }
    database.close().await;
}

macro_rules! routes {
    ($($module:ident: $subject:ty),*: $cases:tt) => {
        $(mod $module { routes!(in $subject: $cases); })*
    };
    (in $subject:ty: [$($case:ident),* $(,)?]) => {$(
        #[tokio::test]
        async fn $case() {
            crate::$case::<$subject>().await;
        }
    )*};
}

routes!(
    mysql: crate::databases::mysql::Mysql,
    postgres: crate::databases::postgres::Postgres,
    sqlite: crate::databases::sqlite::Sqlite
    : [
        plain_sql,
        sqlx_beside_the_users_own_migrator,
        sea_orm,
        sea_orm_in_a_transaction,
        sea_orm_migrator_beside_the_users_own_migrations,
        diesel_beside_the_users_own_source,
        upgraded_equals_fresh,
    ]
);

/// A user's own migrator, with ours among its migrations.
struct OwnOfSeaOrm;

impl MigratorTrait for OwnOfSeaOrm {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CelerySalt), Box::new(Mine)]
    }
}

struct CelerySalt;

impl sea_orm_migration::MigrationName for CelerySalt {
    fn name(&self) -> &'static str {
        "m20260101_000001_celerysalt"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CelerySalt {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for_sea_orm::up(manager.get_connection()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for_sea_orm::down(manager.get_connection()).await
    }
}

struct Mine;

impl sea_orm_migration::MigrationName for Mine {
    fn name(&self) -> &'static str {
        "m20260101_000002_mine"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Mine {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let create = "CREATE TABLE mine (id INTEGER)";
        db.execute_unprepared(create).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP TABLE mine").await.map(drop)
    }
}

/// A user's own migration, as the `diesel` command names them.
#[derive(Clone, Copy)]
struct OwnOfDiesel;

impl<DB: Backend> MigrationSource<DB> for OwnOfDiesel {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<DB>>>> {
        Ok(vec![Box::new(Self)])
    }
}

impl<DB: Backend> Migration<DB> for OwnOfDiesel {
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
        Ok(conn.batch_execute("CREATE TABLE mine (id INTEGER)")?)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
        Ok(conn.batch_execute("DROP TABLE mine")?)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl MigrationMetadata for OwnOfDiesel {}

impl MigrationName for OwnOfDiesel {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from("20260101000000")
    }
}

impl std::fmt::Display for OwnOfDiesel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("20260101000000_mine")
    }
}
