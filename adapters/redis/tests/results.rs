//! Results in a real Redis.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::event::{Envelope, Meta};
use celerysalt::rpc::{Answer, HandlerAnswer, HandlerResult, ResultBackend, ResultError};
use celerysalt::testing::TestClock;
use celerysalt_redis::RedisResults;
use redis::AsyncCommands;
use serde_json::json;
use uuid::Uuid;

use support::{OwnRedis, within};

fn url() -> String {
    std::env::var("CELERYSALT_TEST_REDIS_URL")
        .expect("CELERYSALT_TEST_REDIS_URL names a Redis; `cargo xtask services up` starts one")
}

/// A backend with keys of the test's own, and a plain connection.
async fn backend() -> (RedisResults, String, redis::aio::MultiplexedConnection) {
    let prefix = format!("t{}:", Uuid::new_v4().simple());
    let builder = RedisResults::builder(&url()).unwrap();
    let results = builder
        .global_keyprefix(&prefix)
        .result_expires(Duration::from_secs(600))
        .build();
    let client = redis::Client::open(url()).unwrap();
    (
        results,
        prefix,
        client.get_multiplexed_async_connection().await.unwrap(),
    )
}

fn request() -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        topic: "math.add".to_owned(),
        version: None,
        payload: json!({}),
        meta: Meta {
            is_rpc: true,
            ..Meta::default()
        },
    }
}

fn answer(value: serde_json::Value) -> Answer {
    let result = HandlerResult::Success(value);
    Answer::Completed(vec![HandlerAnswer {
        handler: "add".to_owned(),
        result,
    }])
}

#[tokio::test]
async fn it_is_stored_as_celery_stores_it_and_the_first_counts() {
    let (results, prefix, mut plain) = backend().await;
    let asked = request();
    results
        .store(&asked, &answer(json!({"sum": 3})))
        .await
        .unwrap();
    results
        .store(&asked, &answer(json!("later")))
        .await
        .unwrap();
    let key = format!("{prefix}celery-task-meta-{}", asked.id);
    let stored: String = plain.get(&key).await.unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["status"], "SUCCESS");
    assert_eq!(stored["task_id"], asked.id.to_string());
    assert_eq!(stored["result"]["results"][0]["result"]["sum"], 3);
    let left: i64 = plain.ttl(&key).await.unwrap();
    assert!((500..=600).contains(&left), "{left}");
}

#[tokio::test]
async fn a_state_that_is_not_final_is_no_answer_yet() {
    let (results, prefix, mut plain) = backend().await;
    let asked = request();
    let key = format!("{prefix}celery-task-meta-{}", asked.id);
    let started = json!({"status": "STARTED", "result": {"pid": 1}}).to_string();
    let () = plain.set_ex(&key, &started, 600).await.unwrap();
    let pending = results.expect(asked.id).await.unwrap();
    let later = async {
        let () = plain.publish(&key, &started).await.unwrap();
        results.store(&asked, &answer(json!(5))).await.unwrap();
    };
    let (found, ()) = tokio::join!(within(pending), later);
    assert_eq!(found.unwrap(), answer(json!(5)));
}

#[tokio::test]
async fn what_is_no_result_is_an_error() {
    let (results, prefix, mut plain) = backend().await;
    let asked = request();
    let pending = results.expect(asked.id).await.unwrap();
    let publish = async {
        let key = format!("{prefix}celery-task-meta-{}", asked.id);
        let () = plain.publish(key, "\u{80}\u{4}pickle").await.unwrap();
    };
    let (found, ()) = tokio::join!(within(pending), publish);
    assert!(matches!(found, Err(ResultError::Answer(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_serves_many_calls() {
    const CALLS: usize = 100;
    let server = OwnRedis::start().await;
    let results = RedisResults::builder(&server.url()).unwrap().build();
    let worker = RedisResults::builder(&server.url()).unwrap().build();
    let plain = redis::Client::open(server.url()).unwrap();
    let mut plain = plain.get_multiplexed_async_connection().await.unwrap();
    let requests: Vec<Envelope> = (0..CALLS).map(|_| request()).collect();
    let calls = requests.iter().map(|asked| {
        let (results, asked) = (results.clone(), asked.id);
        tokio::spawn(async move { results.expect(asked).await.unwrap().await })
    });
    let calls: Vec<_> = calls.collect();
    within(async {
        while subscribed(&mut plain).await != [CALLS] {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // One for the answers, one for commands (it looks for those that came before), and the test's own.
    within(async {
        while connections(&mut plain).await.len() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for (n, asked) in requests.iter().enumerate() {
        worker.store(asked, &answer(json!(n))).await.unwrap();
    }
    // The worker's, which waits for no answers.
    assert_eq!(connections(&mut plain).await.len(), 4);
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(within(call).await.unwrap().unwrap(), answer(json!(n)));
    }
    // Nothing stays subscribed.
    within(async {
        let mut channels = redis::cmd("PUBSUB");
        channels.arg("CHANNELS").arg("*");
        while !channels
            .query_async::<Vec<String>>(&mut plain)
            .await
            .unwrap()
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What the server tells of each of its connections.
async fn connections(plain: &mut redis::aio::MultiplexedConnection) -> Vec<String> {
    let mut list = redis::cmd("CLIENT");
    let list: String = list.arg("LIST").query_async(plain).await.unwrap();
    list.lines().map(str::to_owned).collect()
}

/// To how many channels each connection is subscribed that is subscribed at all.
async fn subscribed(plain: &mut redis::aio::MultiplexedConnection) -> Vec<usize> {
    let connections = connections(plain).await.into_iter();
    let channels = connections.map(|told| {
        let channels = told.split(' ').find_map(|word| word.strip_prefix("sub="));
        channels.unwrap().parse().unwrap()
    });
    channels.filter(|channels| *channels > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_survive_a_restart_of_redis() {
    let mut redis = OwnRedis::start().await;
    let caller = RedisResults::builder(&redis.url()).unwrap().build();
    let worker = RedisResults::builder(&redis.url()).unwrap().build();
    let (first, second) = (request(), request());
    let waiting = tokio::spawn(caller.expect(first.id).await.unwrap());
    let also = tokio::spawn(caller.expect(second.id).await.unwrap());
    redis.restart().await;
    // The first answer comes as soon as one can, likely before the caller is there again.
    within(async {
        while worker.store(&first, &answer(json!(1))).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(within(waiting).await.unwrap().unwrap(), answer(json!(1)));
    worker.store(&second, &answer(json!(2))).await.unwrap();
    assert_eq!(within(also).await.unwrap().unwrap(), answer(json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_came_before_another_caller_connected_again_is_found() {
    let mut server = OwnRedis::start().await;
    let clock = TestClock::new();
    let builder = RedisResults::builder(&server.url()).unwrap();
    let caller = builder.clock(Arc::new(clock.clone())).build();
    let (first, second) = (request(), request());
    let waiting = tokio::spawn(caller.expect(first.id).await.unwrap());
    let plain = redis::Client::open(server.url()).unwrap();
    let mut plain = plain.get_multiplexed_async_connection().await.unwrap();
    within(async {
        let mut statistics = redis::cmd("INFO");
        statistics.arg("commandstats");
        // It has looked, and listens from here on.
        while !statistics
            .query_async::<String>(&mut plain)
            .await
            .unwrap()
            .contains("cmdstat_get:")
        {}
    })
    .await;
    server.kill();
    // It has tried in vain to connect again, and will not try until its clock goes on.
    within(async {
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.restart().await;
    let worker = RedisResults::builder(&server.url()).unwrap().build();
    worker.store(&first, &answer(json!(1))).await.unwrap();
    let pending = caller.expect(second.id).await.unwrap();
    worker.store(&second, &answer(json!(2))).await.unwrap();
    assert_eq!(within(pending).await.unwrap(), answer(json!(2)));
    let time = tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert_eq!(within(waiting).await.unwrap().unwrap(), answer(json!(1)));
    time.abort();
}

/// Redis closes the connection over such a value, sometimes before it is read.
#[tokio::test]
async fn an_answer_that_is_larger_than_redis_takes_can_never_be_stored_and_others_can() {
    const MOST: usize = 1_048_576;
    let server = OwnRedis::start().await;
    let plain = redis::Client::open(server.url()).unwrap();
    let mut plain = plain.get_multiplexed_async_connection().await.unwrap();
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("proto-max-bulk-len").arg(MOST);
    let () = set.query_async(&mut plain).await.unwrap();
    let results = RedisResults::builder(&server.url()).unwrap().build();
    for larger in [1, 20 * MOST] {
        let large = answer(json!("x".repeat(MOST + larger)));
        let refused = results.store(&request(), &large).await.unwrap_err();
        let ResultError::TooLarge { bytes, reason } = &refused else {
            panic!("{refused:?}");
        };
        assert!(*bytes > MOST + larger, "{refused}");
        assert!(
            reason.contains("1048576") && reason.contains("proto-max-bulk-len"),
            "{reason}"
        );
    }
    let asked = request();
    let large = answer(json!("x".repeat(MOST - 1_000)));
    results.store(&asked, &large).await.unwrap();
    let pending = results.expect(asked.id).await.unwrap();
    assert_eq!(within(pending).await.unwrap(), large);
}

#[tokio::test]
async fn a_redis_that_is_down_is_an_error_without_secrets_and_a_later_call_works() {
    let mut redis = OwnRedis::start().await;
    redis.kill();
    let url = redis.url().replace("redis://", "redis://:s3cret@");
    let down = RedisResults::builder(&url).unwrap().build();
    let Err(error) = down.expect(Uuid::now_v7()).await else {
        panic!("nothing is there to answer");
    };
    assert!(matches!(&error, ResultError::Unreachable { .. }));
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");

    let results = RedisResults::builder(&redis.url()).unwrap().build();
    assert!(results.expect(Uuid::now_v7()).await.is_err());
    redis.restart().await;
    let asked = request();
    let pending = results.expect(asked.id).await.unwrap();
    results.store(&asked, &answer(json!(7))).await.unwrap();
    assert_eq!(within(pending).await.unwrap(), answer(json!(7)));
}

#[tokio::test]
async fn nobody_listens_once_the_last_owner_is_gone() {
    let redis = OwnRedis::start().await;
    let results = RedisResults::builder(&redis.url()).unwrap().build();
    let asked = request();
    let pending = results.expect(asked.id).await.unwrap();
    results.store(&asked, &answer(json!(1))).await.unwrap();
    assert_eq!(within(pending).await.unwrap(), answer(json!(1)));
    let client = redis::Client::open(redis.url()).unwrap();
    let mut plain = client.get_multiplexed_async_connection().await.unwrap();
    let mut others = async || connections(&mut plain).await.len() - 1;
    assert_eq!(others().await, 2, "one for commands and one that listens");
    drop(results);
    within(async {
        while others().await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
