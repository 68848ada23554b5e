//! The result backend port over Redis.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::rpc::{Answer, AnswerError, PendingAnswer, ResultBackend, ResultError};
use futures::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSubSink, PubSubStream};
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use crate::limit;
use crate::settings::{RedisResultsBuilder, Settings, SettingsError, URL_VARIABLE};

/// Answers of calls in Redis, as Celery's Redis result backend keeps them: under `celery-task-meta-<id>`, and published on
/// the channel of that name. Workers and callers may be Rust or Python.
///
/// One connection listens for all calls of a process and one carries its commands. When Redis restarts, callers who wait
/// are connected again, and answers that came meanwhile are found under their keys. Clones share everything.
///
/// ```no_run
/// # fn example() -> Result<(), celerysalt_redis::SettingsError> {
/// let results = celerysalt_redis::RedisResults::from_env()?.global_keyprefix("shop").build();
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisResults(Arc<Inner>);

struct Inner {
    settings: Settings,
    commands: OnceCell<ConnectionManager>,
    /// The subscriptions' connection, while it is open.
    session: AsyncMutex<Option<Session>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Result<Answer, ResultError>>>>,
}

/// A connection of subscriptions.
#[derive(Clone)]
struct Session {
    id: Uuid,
    sink: PubSubSink,
}

/// Stores an answer and tells who waits, unless there is one: the first answer counts. Celery does the same in two steps.
const STORE: &str = r"
local stored = redis.call('GET', KEYS[1])
if stored then
    local read, result = pcall(cjson.decode, stored)
    if read and type(result) == 'table' and result.status == 'SUCCESS' then return 0 end
end
redis.call('SETEX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1";

/// The wait before callers who wait are connected again; it doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);

impl RedisResults {
    /// Sets up a backend at this URL.
    ///
    /// # Errors
    /// [`SettingsError::Url`].
    pub fn builder(url: &str) -> Result<RedisResultsBuilder, SettingsError> {
        RedisResultsBuilder::new(url)
    }

    /// Sets up the backend that `CELERYSALT_REDIS_URL` names.
    ///
    /// # Errors
    /// [`SettingsError`] when there is no URL, or none that can be read.
    pub fn from_env() -> Result<RedisResultsBuilder, SettingsError> {
        let url = std::env::var(URL_VARIABLE).map_err(|_| SettingsError::NoUrl)?;
        Self::builder(&url)
    }

    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            settings,
            commands: OnceCell::new(),
            session: AsyncMutex::default(),
            waiting: Mutex::default(),
        }))
    }

    /// Subscribes to a key's channel over the shared connection.
    async fn subscribe(&self, key: &str) -> Result<(), ResultError> {
        let mut session = self.0.session.lock().await;
        if let Some(open) = session.as_mut()
            && self.0.within(open.sink.subscribe(key)).await.is_ok()
        {
            return Ok(());
        }
        *session = None;
        // It subscribes to whatever is waited for, this key among it.
        let (open, stream) = self.0.open().await?;
        tokio::spawn(listen(Arc::downgrade(&self.0), open.clone(), stream));
        *session = Some(open);
        Ok(())
    }
}

impl Inner {
    fn waiting(
        &self,
    ) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Result<Answer, ResultError>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the subscriptions' connection, and subscribes to all that is waited for.
    async fn open(&self) -> Result<(Session, PubSubStream), ResultError> {
        let opened = self.within(self.settings.client.get_async_pubsub()).await?;
        let (mut sink, stream) = opened.split();
        let keys: Vec<String> = self.waiting().keys().cloned().collect();
        if !keys.is_empty() {
            self.within(sink.subscribe(keys)).await?;
        }
        Ok((
            Session {
                id: Uuid::new_v4(),
                sink,
            },
            stream,
        ))
    }

    /// Opens it anew in place of a lost one, as long as somebody waits and nobody else has done so.
    async fn open_again(&self, lost: Uuid) -> Option<(Session, PubSubStream)> {
        let mut wait = FIRST_WAIT;
        loop {
            let mut session = self.session.lock().await;
            if session.as_ref().is_some_and(|open| open.id != lost) {
                return None;
            }
            *session = None;
            if self.waiting().is_empty() {
                return None;
            }
            match self.open().await {
                Ok((open, stream)) => {
                    *session = Some(open.clone());
                    return Some((open, stream));
                }
                Err(error) => {
                    tracing::warn!(redis = self.settings.place(), %error, ?wait, "answers cannot be received; trying again");
                }
            }
            // Not while it is asked for: a caller may have better luck.
            drop(session);
            self.settings.clock.sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Finds the answers that came while nobody listened. What cannot be looked for is tried again: the connection of
    /// commands may learn later than that of subscriptions that Redis is there again.
    async fn look_for_all(&self) {
        let mut wait = FIRST_WAIT;
        loop {
            let unknown = self.look_for_each().await;
            if !unknown {
                return;
            }
            self.settings.clock.sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Looks once for each answer that is waited for; whether one could not be looked for.
    async fn look_for_each(&self) -> bool {
        let keys: Vec<String> = self.waiting().keys().cloned().collect();
        let mut unknown = false;
        for key in keys {
            match self.stored(&key).await {
                Ok(Some(answer)) => self.resolve(&key, Ok(answer)),
                Ok(None) => {}
                Err(error @ ResultError::Answer(_)) => self.resolve(&key, Err(error)),
                Err(error) => {
                    tracing::debug!(redis = self.settings.place(), %error, "an answer could not be looked for");
                    unknown = true;
                }
            }
        }
        unknown
    }

    async fn commands(&self) -> Result<ConnectionManager, ResultError> {
        let manager = self.commands.get_or_try_init(|| async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(self.settings.timeout))
                .set_response_timeout(Some(self.settings.timeout))
                .set_number_of_retries(1);
            let connected =
                ConnectionManager::new_with_config(self.settings.client.clone(), config);
            connected.await.map_err(|error| self.unreachable(error))
        });
        manager.await.cloned()
    }

    /// What a key holds, if that is final.
    async fn stored(&self, key: &str) -> Result<Option<Answer>, ResultError> {
        let mut commands = self.commands().await?;
        let stored: Option<String> = self
            .within(redis::cmd("GET").arg(key).query_async(&mut commands))
            .await?;
        stored.map_or(Ok(None), |text| read(text.as_bytes()))
    }

    fn published(&self, message: &redis::Msg) {
        match read(message.get_payload_bytes()) {
            Ok(None) => {}
            Ok(Some(answer)) => self.resolve(message.get_channel_name(), Ok(answer)),
            Err(error) => self.resolve(message.get_channel_name(), Err(error)),
        }
    }

    fn resolve(&self, key: &str, answer: Result<Answer, ResultError>) {
        if let Some(caller) = self.waiting().remove(key) {
            // A caller who waits no more needs no answer.
            let _ = caller.send(answer);
        }
    }

    async fn within<T>(
        &self,
        asked: impl Future<Output = redis::RedisResult<T>>,
    ) -> Result<T, ResultError> {
        match timeout(self.settings.timeout, asked).await {
            Ok(answered) => answered.map_err(|error| self.unreachable(error)),
            Err(_) => {
                let waited = format!("no answer within {:?}", self.settings.timeout);
                Err(self.unreachable(waited))
            }
        }
    }

    fn unreachable(&self, reason: impl fmt::Display) -> ResultError {
        ResultError::Unreachable {
            reason: format!("Redis at {}: {reason}", self.settings.place()),
        }
    }
}

/// Hands out what is published, as long as somebody has the backend; when the connection is lost, connects again for those
/// who wait.
async fn listen(backend: Weak<Inner>, mut open: Session, mut stream: PubSubStream) {
    loop {
        // Whoever waited already may have missed an answer between this connection and the one before it.
        match backend.upgrade() {
            Some(backend) => backend.look_for_all().await,
            None => return,
        }
        hear(&backend, &mut open, &mut stream).await;
        let Some(backend) = backend.upgrade() else {
            return;
        };
        match backend.open_again(open.id).await {
            Some(anew) => (open, stream) = anew,
            None => return,
        }
    }
}

/// Hands out what is published until the connection is lost, or nobody has the backend any more.
async fn hear(backend: &Weak<Inner>, open: &mut Session, stream: &mut PubSubStream) {
    loop {
        let published = timeout(PING, stream.next()).await;
        let Some(backend) = backend.upgrade() else {
            return;
        };
        match published {
            Ok(Some(message)) => backend.published(&message),
            Ok(None) => return,
            Err(_) => {
                let pong = backend.within(open.sink.ping::<redis::Value>()).await;
                if pong.is_err() {
                    return;
                }
            }
        }
    }
}

fn read(text: &[u8]) -> Result<Option<Answer>, ResultError> {
    let stored: Value = serde_json::from_slice(text).map_err(|error| {
        let reason = format!("it is no JSON ({:?} error); callers and workers take Celery's `result_serializer` \"json\"", error.classify());
        ResultError::Answer(AnswerError { reason })
    })?;
    Answer::from_task_result(&stored).map_err(ResultError::from)
}

/// A caller's place; its subscription ends with it.
struct Place {
    results: RedisResults,
    key: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.results.0.waiting().remove(&self.key);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (inner, key) = (Arc::clone(&self.results.0), std::mem::take(&mut self.key));
        runtime.spawn(async move {
            if let Some(open) = inner.session.lock().await.as_mut() {
                // A connection that is lost has no subscriptions.
                let _ = inner.within(open.sink.unsubscribe(key)).await;
            }
        });
    }
}

#[async_trait]
impl ResultBackend for RedisResults {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        let key = self.0.settings.key(&request.to_string());
        let (sender, mut published) = oneshot::channel();
        self.0.waiting().insert(key.clone(), sender);
        let place = Place {
            results: self.clone(),
            key: key.clone(),
        };
        self.subscribe(&key).await?;
        Ok(Box::pin(async move {
            // Only now: what comes after this look is published to the subscription.
            let stored = place.results.0.stored(&key).await;
            if let Ok(Some(answer)) = stored {
                return Ok(answer);
            }
            let answer = (&mut published).await;
            drop(place);
            answer.unwrap_or_else(|_| Err(taken()))
        }))
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        let settings = &self.0.settings;
        let id = request.task_id();
        let result = answer.to_task_result(&id, &request.topic, settings.clock.now());
        let result = result.to_string();
        let mut commands = self.0.commands().await?;
        let mut eval = redis::cmd("EVAL");
        eval.arg(STORE)
            .arg(1)
            .arg(settings.key(&id))
            .arg(settings.keep.as_secs())
            .arg(&result);
        let stored = self.0.within(eval.query_async(&mut commands)).await;
        let first: bool = match stored {
            Ok(first) => first,
            Err(error) => return Err(limit::why(result.len(), error, commands, settings).await),
        };
        if !first {
            tracing::debug!(
                request = %id,
                "it was answered before; this answer changes nothing"
            );
        }
        Ok(())
    }
}

fn taken() -> ResultError {
    ResultError::Unreachable {
        reason: "another caller of the same request took the answer".to_owned(),
    }
}

impl fmt::Debug for RedisResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisResults")
            .field(&self.0.settings.place())
            .finish()
    }
}
