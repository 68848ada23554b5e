//! What a terminal is shown besides the output: how far long work has come, and questions.

use celerysalt::outbox::OutboxStore;
use celerysalt_sql::SqlOutbox;
use chrono::Utc;

use crate::command::{celerysalt, done, done_with_input, on_a_terminal};
use crate::common::Done;
use crate::databases::sqlite::Sqlite;
use crate::mesh::Mesh;
use crate::outbox::event;

/// Runs a command piped, then with JSON on a terminal, and at last on a terminal, where alone it may show this.
fn shows_only_on_a_terminal(words: &[&str], database: &str, shown: &[&str]) {
    let command = |more: &[&str]| {
        let mut command = celerysalt(&[words, more].concat());
        command.env("CELERYSALT_DATABASE_URL", database);
        command
    };
    let piped = done(command(&[]));
    assert_eq!((piped.code, piped.err.as_str()), (0, ""), "{piped:?}");
    let json = done(on_a_terminal(&command(&["--json"])));
    json.printed(0, &["{\""]);
    assert_eq!(json.lines().len(), 1, "and nothing besides: {json:?}");
    assert!(!json.out.contains('\u{1b}'), "{json:?}");
    done(on_a_terminal(&command(&[]))).printed(0, shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_the_work_on_dead_letters_has_come() {
    let mesh = Mesh::bound("order.#").await;
    mesh.dead_letters(3).await;
    // None is that old, so that all are looked through each time.
    for (work, shown) in [
        ("replay", "replaying dead letters"),
        ("purge", "purging dead letters"),
    ] {
        let words = ["dlq", work, "--before", "1h", "--queue", &mesh.queue];
        let yes: &[&str] = if work == "purge" { &["--yes"] } else { &[] };
        shows_only_on_a_terminal(&[&words[..], yes].concat(), "", &[shown, "/3"]);
    }
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_the_outbox() {
    let database = Sqlite::fresh().await;
    let outbox = SqlOutbox::sqlite(database.pool.clone());
    outbox.append(&[event(1)], Utc::now()).await.unwrap();
    let url = format!("sqlite:{}", database.url);
    for (words, shown) in [
        ("outbox status", "counting the outbox's events"),
        ("outbox retry --all", "making events due"),
        ("outbox purge --all --yes", "purging events"),
        ("dlq replay --outbox --all", "replaying dead letters"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        shows_only_on_a_terminal(&words, &url, &[shown]);
    }
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_before_something_is_gone() {
    let mesh = Mesh::bound("order.#").await;
    mesh.dead_letters(2).await;
    let purge = celerysalt(&["dlq", "purge", "--all", "--queue", &mesh.queue]);
    let answer = |text: &str| -> Done { done_with_input(on_a_terminal(&purge), text) };
    let question = format!("Purge all dead letters of queue `{}`?", mesh.queue);
    answer("n\n").printed(1, &[&question, "[y/N]", "nothing was purged"]);
    answer("y\n").printed(0, &[&question, "purged 2 dead letters"]);
    mesh.close().await;
}
