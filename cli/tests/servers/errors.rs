//! What every command says when a server cannot be used; no password is ever shown.

use crate::command::{celerysalt, done, run, server};
use crate::common::Done;

const BROKER: [&[&str]; 4] = [
    &["dlq", "list", "--queue", "q"],
    &["publish", "order.paid", "{}"],
    &["call", "order.paid", "{}"],
    &["tail", "#"],
];
const OUTBOX: [&[&str]; 3] = [
    &["outbox", "status"],
    &["outbox", "retry", "--all"],
    &["dlq", "purge", "--outbox", "--all", "--yes"],
];

fn with_url(words: &[&str], option: &str, url: &str) -> Done {
    let done = run(&[words, &[option, url]].concat());
    assert!(!format!("{done:?}").contains("secret"), "{done:?}");
    done
}

#[test]
fn a_url_that_cannot_be_read_is_not_shown() {
    for words in BROKER {
        let done = with_url(words, "--rabbitmq-url", "amqp//u:secret@h");
        done.failed(2, &["RabbitMQ URL cannot be read", "amqp://user"]);
    }
    for words in OUTBOX {
        for url in [
            "oracle://u:secret@h",
            "u:secret@h",
            "postgres://u:secret@h:port/x",
        ] {
            let done = with_url(words, "--database-url", url);
            done.failed(2, &["database URL cannot be read", "postgres://user"]);
        }
    }
    let done = with_url(&["call", "a.b", "{}"], "--redis-url", "rediss:u:secret@h");
    done.failed(2, &["Redis URL cannot be read"]);
}

#[test]
fn an_event_without_a_topic_is_not_told_of_patterns() {
    for command in ["publish", "call"] {
        let url = "amqp://u:secret@127.0.0.1:1/%2f";
        let done = with_url(&[command, "", "{}"], "--rabbitmq-url", url);
        done.failed(2, &["the topic is empty; write dotted words"]);
    }
}

#[test]
fn a_server_that_is_down_is_named() {
    for words in BROKER {
        let done = with_url(words, "--rabbitmq-url", "amqp://u:secret@127.0.0.1:1/%2f");
        done.failed(3, &["127.0.0.1:1"]);
    }
    for words in OUTBOX {
        for scheme in ["postgres", "mysql"] {
            let url = format!("{scheme}://u:secret@127.0.0.1:1/x");
            with_url(words, "--database-url", &url).failed(3, &["127.0.0.1:1", "refused"]);
        }
        let done = with_url(words, "--database-url", "sqlite:/no/such/folder/file.db");
        done.failed(3, &["/no/such/folder/file.db"]);
    }
    // On an exchange that every RabbitMQ has.
    let call = "call a.b {} --timeout 20 --exchange amq.topic";
    let call: Vec<&str> = call.split(' ').collect();
    let done = with_url(&call, "--redis-url", "redis://:secret@127.0.0.1:1/0");
    done.failed(3, &["result backend", "127.0.0.1:1"]);
}

#[test]
fn a_wrong_password_is_not_shown() {
    let url = server("CELERYSALT_TEST_RABBITMQ_URL").replace("guest:guest", "guest:secret");
    for words in BROKER {
        let done = with_url(words, "--rabbitmq-url", &url);
        done.failed(3, &["ACCESS_REFUSED", "compare user, password and vhost"]);
    }
}

#[test]
fn a_database_that_refuses_says_why_and_where_to_look() {
    let absent = format!("no_such_{}", uuid::Uuid::new_v4().simple());
    for server in [
        server("CELERYSALT_TEST_POSTGRES_URL"),
        server("CELERYSALT_TEST_MARIADB_URL"),
    ] {
        let url = server.replace("/celerysalt", &format!("/{absent}"));
        for words in OUTBOX {
            let done = with_url(words, "--database-url", &url);
            done.failed(3, &[&absent, "check the URL's database, user and password"]);
            assert!(!done.err.contains("at line"), "{done:?}");
        }
    }
}

#[test]
fn says_which_url_is_missing() {
    let missing = |words: &[&str], texts: &[&str]| {
        let mut command = celerysalt(words);
        command.env_remove("CELERYSALT_RABBITMQ_URL");
        done(command).failed(2, texts);
    };
    for words in BROKER {
        missing(words, &["CELERYSALT_RABBITMQ_URL", "--rabbitmq-url"]);
    }
    for words in OUTBOX {
        missing(words, &["CELERYSALT_DATABASE_URL", "--database-url"]);
    }
}

#[test]
fn help_shows_no_url_and_tells_the_exit_codes() {
    for words in BROKER.iter().chain(&OUTBOX) {
        let mut command = celerysalt(words);
        for server in ["RABBITMQ", "REDIS", "DATABASE"] {
            let variable = format!("CELERYSALT_{server}_URL");
            command.env(variable, "amqp://u:secret@h");
        }
        command.arg("--help");
        let help = done(command);
        help.printed(0, &["Exit codes:", "nobody is there"]);
        assert!(!help.out.contains("secret"), "{help:?}");
    }
    run(&["--help"]).printed(
        0,
        &["Exit codes:", "dlq", "outbox", "publish", "call", "tail"],
    );
    let misplaced = run(&["tail", "#", "amqp://u:secret@h/v"]);
    assert_eq!(misplaced.code, 2);
    assert!(misplaced.err.contains("amqp://…@h/v"), "{misplaced:?}");
    assert!(!misplaced.err.contains("secret"), "{misplaced:?}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let mut printing = celerysalt(&["completions", "bash"]);
    printing.stdout(closed());
    let printed = done(printing);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let mut failing = celerysalt(&["dlq", "list", "--queue", "no-such-service"]);
    failing.stderr(closed());
    assert_eq!(done(failing).code, 3, "it keeps its exit code");
}

#[test]
fn completes_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        run(&["completions", shell]).printed(0, &["dlq", "replay", "schema-version"]);
    }
    let unknown = run(&["completions", "cmd"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("bash"), "{unknown:?}");
}
