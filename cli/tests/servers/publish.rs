//! `celerysalt publish`.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::command::{celerysalt, done_with_input, run};
use crate::mesh::Mesh;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishes_what_is_said() {
    let mesh = Mesh::bound("order.#").await;
    let words = ["publish", "order.paid", r#"{"order_id": 7, "name": "Zoë"}"#];
    let place = ["--exchange", &mesh.exchange];
    let done = run(&[&words[..], &place].concat());
    done.printed(0, &["published order.paid as "]);
    let envelope = mesh.take().await.envelope;
    assert!(done.out.contains(&envelope.id.to_string()), "{done:?}");
    assert_eq!(envelope.payload, json!({"order_id": 7, "name": "Zoë"}));
    assert_eq!(envelope.version.as_deref(), Some("v1"));
    assert_eq!(envelope.meta.priority, None);

    let options = "--schema-version v2 --priority 7 --expires 2h --correlation-id c-1 --dialect tchu-tchu --json";
    let options: Vec<&str> = options.split_whitespace().collect();
    let done = run(&[&words[..], &place, &options].concat());
    let envelope = mesh.take().await.envelope;
    assert_eq!(
        done.lines(),
        [json!({"id": envelope.id, "topic": "order.paid", "version": "v2"})]
    );
    assert_eq!(envelope.version.as_deref(), Some("v2"));
    assert_eq!(envelope.meta.priority, Some(7));
    assert_eq!(envelope.meta.chain.correlation_id.as_deref(), Some("c-1"));
    let left = envelope.meta.expires.unwrap() - Utc::now();
    assert!(
        (left - TimeDelta::hours(2)).num_seconds().abs() < 60,
        "{left}"
    );

    let words = ["publish", "order.paid", "-", "--schema-version", ""];
    let done = done_with_input(
        celerysalt(&[&words[..], &place].concat()),
        "{\"order_id\": 8}\n",
    );
    assert_eq!(done.code, 0, "{done:?}");
    let envelope = mesh.take().await.envelope;
    assert_eq!(envelope.payload, json!({"order_id": 8}));
    assert_eq!(envelope.version, None);
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eta_is_waited_for() {
    let mesh = Mesh::bound("order.#").await;
    let eta = Utc::now() + TimeDelta::milliseconds(1_500);
    let at = eta.to_rfc3339();
    let words = [
        "publish",
        "order.paid",
        "{}",
        "--eta",
        &at,
        "--exchange",
        &mesh.exchange,
    ];
    run(&words).printed(0, &[]);
    let envelope = mesh.take().await.envelope;
    assert!(
        Utc::now() >= eta - TimeDelta::milliseconds(1),
        "it came too early"
    );
    let came: DateTime<Utc> = envelope.meta.eta.unwrap();
    assert!((came - eta).num_milliseconds().abs() <= 1);
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unroutable_event_is_an_error_of_its_own() {
    let mesh = Mesh::bound("order.#").await;
    let words = [
        "publish",
        "invoice.sent",
        "{}",
        "--exchange",
        &mesh.exchange,
    ];
    run(&words).failed(
        4,
        &[
            "no queue is bound",
            "`invoice.sent`",
            "start a subscriber",
            &format!("on exchange `{}`", mesh.exchange),
        ],
    );
    mesh.close().await;
}

#[test]
fn an_exchange_that_is_not_there_is_told_and_not_made() {
    let exchange = format!("no-such-{}", Uuid::new_v4().simple());
    let hint = format!("no exchange `{exchange}` (--exchange");
    for words in [["publish", "order.paid"], ["call", "calc.divide"]] {
        run(&[&words[..], &["{}", "--exchange", &exchange]].concat()).failed(4, &[&hint, words[1]]);
    }
    run(&["tail", "#", "--exchange", &exchange]).failed(3, &["NOT_FOUND"]);
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    for (words, texts) in [
        (
            ["order.paid", "{\"a\": }"],
            &["not JSON", "line 1 column"][..],
        ),
        (["order.paid", "[1]"], &["an array", "an object"]),
        (
            ["order.paid", "{\"a\": 12345678901234567890123}"],
            &["lose digits", "as a string"],
        ),
        (["order.*", "{}"], &["wildcard", "one topic"]),
        (["order..paid", "{}"], &["empty word"]),
        (["", "{}"], &["empty"]),
    ] {
        let all = [
            &["publish"][..],
            &words,
            &["--rabbitmq-url", "amqp://u:secret@127.0.0.1:1"],
        ];
        run(&all.concat()).failed(2, texts);
    }
    for more in [["--priority", "11"], ["--eta", "tomorrow"]] {
        let done = run(&[&["publish", "order.paid", "{}"][..], &more].concat());
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(more[0]), "{done:?}");
    }
}
