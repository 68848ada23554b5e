//! One connection that is opened when it is needed and again when it is lost.

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::BrokerError;
use lapin::runtime::default_runtime;
use lapin::tcp::AMQPUriTcpExt;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::failure::{unreachable, words};
use crate::settings::Settings;

/// The wait after a first failure to connect; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A connection for one purpose: RabbitMQ blocks a connection that publishes when it runs short of memory or disk, and
/// acknowledgements on it with it, so publishing and consuming have one each.
pub(crate) struct Link {
    settings: Arc<Settings>,
    purpose: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    failed: Option<Failed>,
}

/// Keeps a broker that is down from being asked without pause.
struct Failed {
    times: u32,
    at: Instant,
    reason: String,
}

impl Failed {
    fn wait(&self) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(1 << self.times.min(10));
        doubled.min(LONGEST_WAIT)
    }
}

impl Link {
    pub(crate) fn new(settings: Arc<Settings>, purpose: &'static str) -> Self {
        Self {
            settings,
            purpose,
            state: Mutex::default(),
        }
    }

    /// The open connection, or a new one.
    ///
    /// # Errors
    /// [`BrokerError::Unreachable`]; right after a failure with that failure, without a try.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, BrokerError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection
            && connection.status().connected()
        {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        if let Some(failed) = &state.failed
            && failed.at.elapsed() < failed.wait()
        {
            return Err(unreachable(&failed.reason));
        }
        match self.open().await {
            Ok(connection) => {
                state.failed = None;
                Ok(Arc::clone(state.connection.insert(Arc::new(connection))))
            }
            Err(reason) => {
                let times = state.failed.as_ref().map_or(0, |failed| failed.times + 1);
                state.failed = Some(Failed {
                    times,
                    at: Instant::now(),
                    reason: reason.clone(),
                });
                Err(unreachable(reason))
            }
        }
    }

    /// A new channel.
    ///
    /// # Errors
    /// [`BrokerError::Unreachable`].
    pub(crate) async fn channel(&self) -> Result<Channel, BrokerError> {
        let connection = self.connection().await?;
        let opening = async {
            let opened = connection.create_channel().await;
            opened.map_err(|error| unreachable(words(&error)))
        };
        let opened = self.settings.within("a new channel", opening).await;
        if opened.is_err() {
            self.forget(&connection).await;
        }
        opened
    }

    /// A connection that opens no channel is of no more use, though it may not have noticed yet: its network stalls, or
    /// the runtime that served it has ended. Channels that are open keep theirs.
    async fn forget(&self, connection: &Arc<Connection>) {
        let mut state = self.state.lock().await;
        if state
            .connection
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, connection))
        {
            state.connection = None;
        }
    }

    /// Closes the connection, if it is open.
    pub(crate) async fn close(&self) {
        let connection = self.state.lock().await.connection.take();
        if let Some(connection) = connection {
            // It is gone either way.
            let _ = timeout(
                self.settings.connect_timeout,
                connection.close(200, "bye".into()),
            )
            .await;
        }
    }

    async fn open(&self) -> Result<Connection, String> {
        let name = format!("{} ({})", self.settings.service, self.purpose);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let place = self.settings.place();
        match timeout(self.settings.connect_timeout, self.connect(properties)).await {
            Ok(Ok(connection)) => {
                tracing::info!(
                    broker = place,
                    purpose = self.purpose,
                    "connected to RabbitMQ"
                );
                Ok(connection)
            }
            Ok(Err(error)) => Err(format!("{place}: {}", words(&error))),
            Err(_) => Err(format!(
                "{place}: no answer within {:?}",
                self.settings.connect_timeout
            )),
        }
    }

    async fn connect(&self, properties: ConnectionProperties) -> lapin::Result<Connection> {
        let uri = self.settings.uri.clone();
        if uri.scheme == AMQPScheme::AMQP {
            return Connection::connect_uri(uri, properties).await;
        }
        // Not lapin's own TLS: that trusts the system's CAs in any case, and fails where there are none.
        let settings = Arc::clone(&self.settings);
        let encrypted = async move |uri: AMQPUri, runtime| {
            let encrypting = async {
                let connector = settings.tls.connector()?;
                let host = uri.authority.host.clone();
                let plain = AMQPUri {
                    scheme: AMQPScheme::AMQP,
                    ..uri
                };
                plain
                    .connect_async(&runtime)
                    .await?
                    .into_rustls(&connector, &host)
                    .await
            };
            encrypting.await.map_err(lapin::Error::from)
        };
        Connection::connector(uri, default_runtime()?, encrypted, properties).await
    }
}
