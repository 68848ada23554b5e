//! The signals by which a process is told to end (feature `signal`).

use std::future::Future;
use std::io;

use futures::{Stream, stream};

/// A future that ends when the process is told to end: by SIGTERM or SIGINT (elsewhere than on Unix: ctrl-c).
///
/// It listens from this call on. The process is then no longer ended by these signals, so whoever asks for the future has
/// to act on it. Any number of these futures may stand in one process: each ends.
///
/// # Errors
/// When the operating system does not let this process listen.
///
/// # Panics
/// Outside of a tokio runtime, or in one without I/O (`Builder::enable_io`).
///
/// ```no_run
/// # async fn demo(relay: celerysalt::outbox::Relay) -> Result<(), Box<dyn std::error::Error>> {
/// relay.run(celerysalt::worker::shutdown_signal()?).await;
/// # Ok(()) }
/// ```
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::listen()?;
    Ok(async move { signals.next().await })
}

/// An item for each signal, without end.
pub(super) fn shutdown_signals() -> io::Result<impl Stream<Item = ()> + Send + 'static> {
    let signals = Signals::listen()?;
    Ok(stream::unfold(signals, |mut signals| async move {
        signals.next().await;
        Some(((), signals))
    }))
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot listen to ctrl-c");
            std::future::pending::<()>().await;
        }
    }
}
