//! A Rust service beside Python's.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use celerysalt::handler::HandlerDef;
use celerysalt::rpc::SharedResultBackend;
use celerysalt::worker::Worker;

use super::Mesh;

/// It runs until told, on a queue of the mesh that is named `rust`.
pub(crate) struct Rust {
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Rust {
    pub(crate) async fn start(
        mesh: &Mesh,
        handlers: Vec<HandlerDef>,
        results: Option<SharedResultBackend>,
    ) -> Self {
        let mut builder = Worker::builder(Arc::new(mesh.broker.clone()), mesh.name("rust"))
            .concurrency(1)
            .handlers(handlers);
        if let Some(results) = results {
            builder = builder.results(results);
        }
        let worker = builder.build().unwrap();
        worker.declare().await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(async move {
            worker
                .run(async { stopped.await.unwrap_or(()) })
                .await
                .unwrap();
        });
        Self { stop, ended }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}
