//! A TCP proxy between a client and its server, which stalls, cuts and delays.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They go through.
    Clear,
    /// They go through after a while.
    Slow(Duration),
    /// They stay here, and nobody is told.
    Stalled,
    /// They go through until one side says this; from there on its bytes stay here.
    StalledAt(&'static str),
    /// Connections are cut, and new ones at once.
    Cut,
    /// As that, and the server is not told.
    CutHere,
}

impl Weather {
    fn lets_through(self, bytes: &[u8]) -> bool {
        match self {
            Self::Stalled => false,
            Self::StalledAt(text) => !bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes()),
            _ => true,
        }
    }
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = watch::Sender::new(Weather::Clear);
        let seen = weather.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, seen.clone()));
            }
        });
        Self {
            port,
            weather,
            accepting,
        }
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Weather::Cut);
        self.accepting.abort();
    }
}

async fn connect(client: TcpStream, server: u16, seen: watch::Receiver<Weather>) {
    let Ok(server) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, server))).await
    else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut cut = seen.clone();
    tokio::select! {
        () = pass(&mut from_client, &mut to_server, seen.clone()) => {}
        () = pass(&mut from_server, &mut to_client, seen) => {}
        // An error means that the proxy is gone.
        _ = cut.wait_for(|weather| matches!(weather, Weather::Cut | Weather::CutHere)) => {}
    }
    let is_told = *cut.borrow() != Weather::CutHere;
    drop((from_client, to_client));
    if !is_told {
        let _ = cut.wait_for(|weather| *weather == Weather::Cut).await;
    }
}

async fn pass(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    mut seen: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let Ok(weather) = seen
            .wait_for(|weather| weather.lets_through(&buffer[..count]))
            .await
            .map(|weather| *weather)
        else {
            return;
        };
        if let Weather::Slow(delay) = weather {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
