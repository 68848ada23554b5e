//! Publishing with confirmation, pipelined.
//!
//! Everything that is to be published goes through one queue of jobs. A few lanes, each with a channel of its own, take
//! what waits there, up to a window, publish it all and then await all confirmations. A channel carries one such round at
//! a time, and that is what makes unroutable messages certain (see `window.rs`).

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::failure::{unreachable, words};
use crate::link::Link;
use crate::message::Message;
use crate::results::{Hearing, Waiting};
use crate::round::Round;
use crate::settings::Settings;
use crate::window::{Published, publish_window};

/// Rounds that overlap: while one awaits its confirmations the next is on its way.
const LANES: usize = 2;

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No queue is bound for it.
    Unroutable,
    /// Its exchange is not there.
    NoExchange(String),
    /// It is larger than RabbitMQ takes.
    TooLarge(String),
    /// RabbitMQ refused it, or did not confirm it: it may or may not have arrived.
    Unconfirmed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unroutable => f.write_str("no queue is bound for it"),
            Self::NoExchange(reason) | Self::TooLarge(reason) | Self::Unconfirmed(reason) => {
                f.write_str(reason)
            }
        }
    }
}

/// What came of the messages of a job, in their order.
pub(crate) type Results = Vec<Result<(), Refusal>>;

/// How often a caller who waits looks whether the lanes still run.
const LOOKS_AFTER_LANES: Duration = Duration::from_secs(1);

/// The way to the lanes. They end with the last clone.
#[derive(Clone)]
pub(crate) struct Publishing {
    jobs: mpsc::UnboundedSender<Job>,
    waiting: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>,
    lanes: Arc<std::sync::Mutex<Vec<JoinHandle<()>>>>,
    /// Who hears the answers to requests that go out here, once somebody wants them.
    answers: Arc<OnceLock<Waiting>>,
    link: Arc<Link>,
    settings: Arc<Settings>,
}

struct Job {
    messages: Vec<Message>,
    done: oneshot::Sender<Results>,
}

impl Publishing {
    pub(crate) fn new(link: Arc<Link>, settings: Arc<Settings>) -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        Self {
            jobs,
            waiting: Arc::new(Mutex::new(waiting)),
            lanes: Arc::default(),
            answers: Arc::default(),
            link,
            settings,
        }
    }

    /// Publishes in this order; the results stand in the same order.
    pub(crate) async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), Refusal>> {
        if messages.is_empty() {
            return Vec::new();
        }
        let count = messages.len();
        let (done, results) = oneshot::channel();
        let sent = self.jobs.send(Job { messages, done });
        let ended = || vec![Err(Refusal::Unconfirmed("the publisher has ended".to_owned())); count];
        match sent {
            Ok(()) => self.done(results).await.unwrap_or_else(ended),
            Err(_) => ended(),
        }
    }

    /// What came of a job; nothing when its lane has ended over it.
    async fn done(&self, mut results: oneshot::Receiver<Results>) -> Option<Results> {
        loop {
            self.keep_running();
            if let Ok(results) = timeout(LOOKS_AFTER_LANES, &mut results).await {
                return results.ok();
            }
        }
    }

    /// Publishes one message.
    pub(crate) async fn publish_one(&self, message: Message) -> Result<(), Refusal> {
        let result = self.publish(vec![message]).await.pop();
        result.unwrap_or_else(|| {
            Err(Refusal::Unconfirmed(
                "the publisher gave no result".to_owned(),
            ))
        })
    }

    /// From now on, answers over direct reply-to are heard.
    pub(crate) fn hear_answers(&self) -> Waiting {
        self.answers.get_or_init(Waiting::default).clone()
    }

    /// Starts the lanes that do not run: at first all. A lane ends with the runtime of the caller who started it.
    fn keep_running(&self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|lane| !lane.is_finished());
        while lanes.len() < LANES {
            lanes.push(tokio::spawn(self.lane().run()));
        }
    }

    fn lane(&self) -> Lane {
        Lane {
            waiting: Arc::clone(&self.waiting),
            link: Arc::clone(&self.link),
            settings: Arc::clone(&self.settings),
            answers: Arc::clone(&self.answers),
            channel: None,
        }
    }
}

struct Lane {
    waiting: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>,
    link: Arc<Link>,
    settings: Arc<Settings>,
    answers: Arc<OnceLock<Waiting>>,
    channel: Option<LaneChannel>,
}

/// A channel in confirm mode.
struct LaneChannel {
    channel: Channel,
    /// Once it takes answers, too.
    hearing: Option<Hearing>,
}

impl Lane {
    async fn run(mut self) {
        while let Some(jobs) = self.take().await {
            let messages: Vec<&Message> = jobs.iter().flat_map(|job| &job.messages).collect();
            let mut results = self.round(&messages).await.into_iter();
            for job in jobs {
                let own = results.by_ref().take(job.messages.len()).collect();
                // A caller who has gone needs no answer.
                let _ = job.done.send(own);
            }
        }
    }

    /// What waits, up to a window; `None` when nobody can publish any more.
    async fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting.lock().await;
        let first = waiting.recv().await?;
        let mut count = first.messages.len();
        let mut jobs = vec![first];
        while count < self.settings.window
            && let Ok(job) = waiting.try_recv()
        {
            count += job.messages.len();
            jobs.push(job);
        }
        Some(jobs)
    }

    /// Publishes the messages of one round, a window at a time.
    async fn round(&mut self, messages: &[&Message]) -> Results {
        let mut round = Round::of(messages, self.settings.window);
        while let Some(part) = round.next_part() {
            let window: Vec<&Message> = part.iter().map(|place| place.message).collect();
            let published = self.window(&window).await;
            round.note(part, published);
        }
        round.results()
    }

    async fn window(&mut self, window: &[&Message]) -> Published {
        let published = match self.channel().await {
            Ok(channel) => {
                self.expect_answers(window);
                let publishing = publish_window(&channel, window);
                let within = timeout(self.settings.confirm_timeout, publishing).await;
                within.unwrap_or_else(|_| {
                    Published::lost(window, unanswered(&channel, &self.settings))
                })
            }
            Err(reason) => Published::lost(window, reason),
        };
        if published.ended.is_some() {
            // What is open on it is unknown; a confirmation that comes late must meet no other round.
            self.channel = None;
        }
        published
    }

    /// The lane's channel, open and in confirm mode. RabbitMQ may be closing the connection just now, over a message of
    /// this lane or another one (see `window.rs`): then it is one over a new connection.
    async fn channel(&mut self) -> Result<Channel, String> {
        let connection = self.connection().await?;
        match self.channel_over(&connection).await {
            Err(_) if !connection.status().connected() => {
                let connection = self.connection().await?;
                self.channel_over(&connection).await
            }
            channel => channel,
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, String> {
        let connection = self.link.connection().await;
        connection.map_err(|error| error.to_string())
    }

    async fn channel_over(&mut self, connection: &Connection) -> Result<Channel, String> {
        if connection.status().blocked() {
            return Err("RabbitMQ takes nothing at present (an alarm of its memory or disk); it is tried again".to_owned());
        }
        let mut lane = match self.channel.take() {
            Some(lane) if lane.channel.status().connected() => lane,
            _ => self.open().await?,
        };
        if let Some(answers) = self.answers.get()
            && lane.hearing.is_none()
        {
            let hearing = Hearing::start(&lane.channel, answers.clone(), &self.settings).await;
            lane.hearing = Some(hearing.map_err(|error| error.to_string())?);
        }
        Ok(self.channel.insert(lane).channel.clone())
    }

    fn expect_answers(&self, window: &[&Message]) {
        let hearing = self.channel.as_ref().and_then(|lane| lane.hearing.as_ref());
        if let Some(hearing) = hearing {
            hearing.expect(window);
        }
    }

    async fn open(&self) -> Result<LaneChannel, String> {
        let channel = self
            .link
            .channel()
            .await
            .map_err(|error| error.to_string())?;
        let confirming = async {
            let confirming = channel.confirm_select(ConfirmSelectOptions::default());
            confirming.await.map_err(|error| unreachable(words(&error)))
        };
        let confirming = self
            .settings
            .asked(&channel, "confirmations", confirming)
            .await;
        confirming.map_err(|error| error.to_string())?;
        self.declare_exchange(&channel).await?;
        Ok(LaneChannel {
            channel,
            hearing: None,
        })
    }

    /// Publishing to an exchange that is not there would close the channel.
    async fn declare_exchange(&self, channel: &Channel) -> Result<(), String> {
        let declaring = crate::topology::Declaring {
            channel,
            settings: &self.settings,
        };
        declaring.events().await.map_err(|error| error.to_string())
    }
}

fn unanswered(channel: &Channel, settings: &Settings) -> String {
    let state = if channel.status().connected() {
        ""
    } else {
        " (the channel is closed)"
    };
    format!(
        "RabbitMQ did not confirm within {:?}{state}",
        settings.confirm_timeout
    )
}
