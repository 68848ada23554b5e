//! The database of the outbox, as the command line names it.

use std::time::Duration;

use celerysalt_sql::SqlOutbox;
use clap::Args;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use super::url::{Url, needed};
use crate::failure::Failure;

/// How long a database may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the outbox is.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The database: postgres://…, mysql://… (MariaDB too), or sqlite:/path/to/file.db.
    #[arg(long, value_name = "URL", env = VARIABLE, hide_env_values = true)]
    database_url: Option<Url>,
}

const VARIABLE: &str = "CELERYSALT_DATABASE_URL";

impl DatabaseArgs {
    /// The outbox, in a database that has been reached.
    ///
    /// # Errors
    /// A URL that is missing or cannot be read, a database that lets nobody in.
    pub(crate) async fn outbox(&self) -> Result<SqlOutbox, Failure> {
        let url = needed(self.database_url.as_ref(), "--database-url", VARIABLE)?;
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                let options: PgConnectOptions = read(url)?;
                let place = format!("{}:{}", options.get_host(), options.get_port());
                reach(&options, place).await?;
                let pool = PgPoolOptions::new().max_connections(2);
                Ok(SqlOutbox::postgres(pool.connect_lazy_with(options)))
            }
            Some("mysql" | "mariadb") => {
                let options: MySqlConnectOptions = read(url)?;
                let place = format!("{}:{}", options.get_host(), options.get_port());
                reach(&options, place).await?;
                let pool = MySqlPoolOptions::new().max_connections(2);
                Ok(SqlOutbox::mysql(pool.connect_lazy_with(options)))
            }
            Some("sqlite") => {
                let options: SqliteConnectOptions = read(url)?;
                let place = options.get_filename().display().to_string();
                reach(&options, place).await?;
                let pool = SqlitePoolOptions::new().max_connections(2);
                Ok(SqlOutbox::sqlite(pool.connect_lazy_with(options)))
            }
            _ => Err(Failure::DatabaseUrl),
        }
    }
}

/// The parser's own words may hold a part of the URL.
fn read<O: std::str::FromStr>(url: &str) -> Result<O, Failure> {
    url.parse().map_err(|_| Failure::DatabaseUrl)
}

/// Connects once: a pool would try on, and then say only that it waited in vain.
async fn reach<O>(options: &O, place: String) -> Result<(), Failure>
where
    O: ConnectOptions<Connection: Sized>,
{
    match timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => {
            // The pool opens its own.
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(source)) => Err(Failure::Database { place, source }),
        Err(_) => Err(Failure::DatabaseTimeout {
            place,
            after: CONNECT_TIMEOUT,
        }),
    }
}
