//! `celerysalt dlq … --queue`.

use serde_json::json;
use uuid::Uuid;

use crate::command::run;
use crate::common::Done;
use crate::mesh::Mesh;

fn dlq(mesh: &Mesh, words: &str) -> Done {
    let mut all: Vec<&str> = vec!["dlq"];
    all.extend(words.split_whitespace());
    all.extend(["--queue", &mesh.queue]);
    run(&all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_shows_what_handlers_gave_up() {
    let mesh = Mesh::bound("order.#").await;
    let ids = mesh.dead_letters(3).await;

    let listed = dlq(&mesh, "list");
    listed.printed(
        0,
        &["DIED AT", "order.paid", "send_receipt", "no customer\\n2"],
    );
    assert_eq!(
        listed.out.lines().count(),
        4,
        "one line a letter: {listed:?}"
    );
    let letters = dlq(&mesh, "list --json").lines();
    let found: Vec<_> = letters
        .iter()
        .map(|l| l["envelope"]["id"].clone())
        .collect();
    assert_eq!(found, ids.iter().map(|id| json!(id)).collect::<Vec<_>>());
    assert_eq!(letters[0]["reason"]["attempts"], 4);

    let some = dlq(&mesh, "list --limit 2");
    assert_eq!(some.out.lines().count(), 3, "{some:?}");
    assert!(some.err.contains("there are more"), "{some:?}");
    assert_eq!(dlq(&mesh, "list --limit 0").code, 2);
    let old = dlq(&mesh, "list --before 1h --json");
    assert_eq!((old.code, old.out.as_str()), (0, ""), "none is that old");
    let one = dlq(&mesh, &format!("list --json --id {}", ids[1]));
    assert_eq!(one.lines().len(), 1);

    let shown = dlq(&mesh, &format!("show {}", ids[2]));
    shown.printed(
        0,
        &[
            &ids[2].to_string(),
            "no customer\\n3",
            "\"order_id\": 3",
            &mesh.queue,
        ],
    );
    dlq(&mesh, &format!("show {}", Uuid::nil()))
        .failed(1, &["no dead letter of this event", "`dlq list` shows"]);
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_to_the_handler_that_gave_up() {
    let mesh = Mesh::bound("order.#").await;
    let ids = mesh.dead_letters(3).await;
    let one = dlq(&mesh, &format!("replay --id {}", ids[1]));
    one.printed(0, &["replayed 1 dead letter of queue", &mesh.queue]);
    let delivery = mesh.take().await;
    assert_eq!(delivery.envelope.id, ids[1]);
    assert_eq!(delivery.target.as_deref(), Some("send_receipt"));
    assert_eq!(delivery.retries, 0);

    dlq(&mesh, &format!("replay --id {}", ids[1])).failed(1, &["no dead letter of this event"]);
    let rest = dlq(&mesh, "replay --all --json");
    assert_eq!(rest.lines(), [json!({"replayed": 2})]);
    assert_eq!(mesh.take().await.envelope.id, ids[0]);
    assert_eq!(mesh.take().await.envelope.id, ids[2]);
    let none = dlq(&mesh, "replay --all");
    none.printed(0, &["replayed 0 dead letters"]);
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_only_what_was_said_and_confirmed() {
    let mesh = Mesh::bound("order.#").await;
    let ids = mesh.dead_letters(3).await;
    for words in ["purge", "purge --yes", "replay"] {
        dlq(&mesh, words).failed(2, &["--id, --before or --all"]);
    }
    dlq(&mesh, "purge --all").failed(2, &["no terminal", "--yes"]);
    assert_eq!(
        dlq(&mesh, "purge --all --id 1").code,
        2,
        "one way to choose"
    );
    assert_eq!(dlq(&mesh, "list --json").lines().len(), 3, "all are there");

    let one = dlq(&mesh, &format!("purge --yes --id {} --json", ids[0]));
    assert_eq!(one.lines(), [json!({"purged": 1})]);
    dlq(&mesh, "purge --yes --before 1h").printed(0, &["purged 0 dead letters"]);
    assert_eq!(dlq(&mesh, "list --json").lines().len(), 2);
    dlq(&mesh, "purge --yes --all").printed(0, &["purged 2 dead letters of queue"]);
    let none = dlq(&mesh, "list");
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("no dead letters"), "{none:?}");
    mesh.close().await;
}

#[test]
fn names_a_queue_that_is_not_there() {
    for words in ["list", "replay --all", "purge --all --yes"] {
        let mut all: Vec<&str> = vec!["dlq"];
        all.extend(words.split_whitespace());
        all.extend(["--queue", "no-such-service"]);
        run(&all).failed(3, &["no-such-service.dead", "--queue takes the name"]);
    }
    assert_eq!(run(&["dlq", "list"]).code, 2, "a place must be named");
    assert_eq!(run(&["dlq", "list", "--outbox", "--queue", "q"]).code, 2);
}
