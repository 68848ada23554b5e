//! `celerysalt call`, answered by a worker.

use std::sync::Arc;

use celerysalt::event::RpcError;
use celerysalt::handler::HandlerError;
use celerysalt::rpc::SharedResultBackend;
use celerysalt::worker::Worker;
use celerysalt::{event, event_response, subscribe};
use celerysalt_amqp::AmqpResults;
use celerysalt_redis::RedisResults;
use serde_json::json;

use crate::command::{run, server};
use crate::common::Done;
use crate::mesh::Mesh;

#[event("calc.divide", response = Quotient, error = RpcError)]
struct Divide {
    dividend: i64,
    divisor: i64,
}

#[event_response("calc.divide")]
struct Quotient {
    quotient: i64,
}

#[subscribe("calc.divide")]
async fn divide(ask: Divide) -> Result<Quotient, RpcError> {
    match ask.dividend.checked_div(ask.divisor) {
        Some(quotient) => Ok(Quotient { quotient }),
        None => Err(RpcError::new("DIVISION_BY_ZERO", "there is no quotient")),
    }
}

#[event("calc.broken", response = Nothing, error = RpcError)]
struct Broken {}

#[event_response("calc.broken")]
struct Nothing {}

#[subscribe("calc.broken")]
async fn broken(_ask: Broken) -> Result<Nothing, HandlerError> {
    Err(HandlerError::reject(std::io::Error::other(
        "the abacus is broken",
    )))
}

/// A service that answers until told, and what calls it.
struct Calculator {
    mesh: Mesh,
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
    more: Vec<String>,
}

impl Calculator {
    async fn start(
        results: impl FnOnce(&Mesh) -> SharedResultBackend,
        more: impl FnOnce(&Mesh) -> Vec<String>,
    ) -> Self {
        let mesh = Mesh::bound("calc.slow").await;
        let worker = Worker::builder(Arc::new(mesh.broker.clone()), &mesh.queue)
            .results(results(&mesh))
            .build()
            .unwrap();
        worker.declare().await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            worker.run(stopped).await.unwrap();
        });
        let more = more(&mesh);
        Self {
            mesh,
            stop,
            ended,
            more,
        }
    }

    fn call(&self, topic: &str, data: &str, more: &[&str]) -> Done {
        let mut words = vec!["call", topic, data, "--exchange", &self.mesh.exchange];
        words.extend(self.more.iter().map(String::as_str));
        words.extend(more);
        run(&words)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
        self.mesh.close().await;
    }

    /// Every outcome that a worker can give.
    fn answers(&self) {
        let divide = |data| self.call("calc.divide", data, &["--timeout", "30"]);
        let done = divide(r#"{"dividend": 42, "divisor": 6}"#);
        done.printed(0, &["\"quotient\": 7"]);
        let done = self.call(
            "calc.divide",
            r#"{"dividend": 42, "divisor": 2}"#,
            &["--json", "--timeout", "30s", "--priority", "3"],
        );
        assert_eq!(done.lines(), [json!({"quotient": 21})]);

        let declared = divide(r#"{"dividend": 1, "divisor": 0}"#);
        declared.failed(6, &["declared error"]);
        declared.printed(6, &["\"DIVISION_BY_ZERO\"", "there is no quotient"]);
        let failed = self.call("calc.broken", "{}", &["--timeout", "30"]);
        failed.failed(7, &["broken", "the abacus is broken"]);
        assert_eq!(failed.out, "");
        let misfit = divide(r#"{"dividend": "many"}"#);
        misfit.failed(2, &["the request is invalid"]);
        let nobody = self.call("calc.nobody", "{}", &[]);
        nobody.failed(4, &["nobody answers `calc.nobody`", "start the service"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_over_rabbitmq() {
    let results = |mesh: &Mesh| Arc::new(AmqpResults::new(&mesh.broker)) as SharedResultBackend;
    let calculator = Calculator::start(results, |_| Vec::new()).await;
    calculator.answers();
    calculator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_over_redis() {
    let url = server("CELERYSALT_TEST_REDIS_URL");
    let prefix = |mesh: &Mesh| format!("{}:", mesh.queue);
    let results = |mesh: &Mesh| {
        let builder = RedisResults::builder(&url).unwrap();
        let results = builder.global_keyprefix(&prefix(mesh));
        Arc::new(
            results
                .result_expires(std::time::Duration::from_secs(60))
                .build(),
        ) as SharedResultBackend
    };
    let more = |mesh: &Mesh| {
        let words = ["--redis-url", &url, "--global-keyprefix", &prefix(mesh)];
        words.map(str::to_owned).to_vec()
    };
    let calculator = Calculator::start(results, more).await;
    calculator.answers();
    calculator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_answers_ends_in_time() {
    let mesh = Mesh::bound("calc.slow").await;
    let words = [
        "call",
        "calc.slow",
        "{}",
        "--timeout",
        "0.3",
        "--exchange",
        &mesh.exchange,
    ];
    run(&words).failed(5, &["no answer within 0.3 s", "may still run", "worker"]);
    assert_eq!(
        run(&["call", "calc.slow", "{}", "--timeout", "soon"]).code,
        2
    );
    mesh.close().await;
}
