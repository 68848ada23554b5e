//! `amqps://` against a broker that speaks TLS, with certificates of the test's own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use celerysalt::broker::{Broker, BrokerError, QueueSpec};
use celerysalt_amqp::{AmqpBroker, AmqpBuilder, SettingsError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use support::figures;
use support::load::{Running, Tally, event, publish_all};
use support::node::OwnNode;

const PASSWORD: &str = "s3cret-of-the-mesh";

/// A CA, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, in PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A broker of the test's own that speaks TLS.
struct TlsNode {
    node: OwnNode,
    folder: TempDir,
}

impl TlsNode {
    /// `asks`: whether it asks clients for a certificate.
    fn start(authority: &Authority, asks: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let (certificate, key) = authority.sign("localhost");
        let config = [
            ("cacertfile", authority.pem()),
            ("certfile", certificate),
            ("keyfile", key),
        ]
        .map(|(name, pem)| {
            format!(
                "ssl_options.{name} = {}\n",
                file(&folder, name, &pem).display()
            )
        });
        let verify = if asks { "verify_peer" } else { "verify_none" };
        let config = format!(
            "{}ssl_options.verify = {verify}\nssl_options.fail_if_no_peer_cert = {asks}\n",
            config.concat()
        );
        let mut node = OwnNode::speaking_tls(&config);
        node.up();
        node.ctl(&["change_password", "guest", PASSWORD]);
        Self { node, folder }
    }

    fn url(&self, host: &str, query: &str) -> String {
        let port = self.node.tls_port.unwrap();
        format!("amqps://guest:{PASSWORD}@{host}:{port}/%2f{query}")
    }

    fn builder(&self) -> AmqpBuilder {
        AmqpBroker::builder(&self.url("localhost", "")).unwrap()
    }
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn spec() -> QueueSpec {
    QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

/// That events go over this broker.
async fn serves(builder: AmqpBuilder) {
    let broker = builder.connect_timeout(Duration::from_secs(30)).build();
    broker.declare(&spec()).await.unwrap();
    let tally = Tally::default();
    let worker = Running::start(&broker, "svc", vec![tally.handler("order.#")]);
    let one = event("order.paid", 1);
    publish_all(&broker, vec![one.clone()]).await;
    tally.until(&BTreeSet::from([one.id])).await;
    worker.stop().await;
    broker.close().await;
}

/// That it does not connect, and why; never with a secret.
async fn refused(builder: AmqpBuilder, remedy: &str) {
    let shown = format!("{builder:?}");
    let broker = builder.connect_timeout(Duration::from_secs(30)).build();
    let error = broker.declare(&spec()).await.unwrap_err();
    let published = broker
        .publish(&[event("order.paid", 1)])
        .await
        .remove(0)
        .unwrap_err();
    assert!(
        matches!(&error, BrokerError::Unreachable { reason } if reason.contains(remedy)),
        "{error} does not say `{remedy}`"
    );
    figures(format_args!("{error}"));
    let said = format!("{shown} {error} {error:?} {published} {published:?} {broker:?}");
    assert!(
        !said.contains(PASSWORD) && !said.contains("PRIVATE KEY"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_trusted_by_its_ca_and_by_nothing_else() {
    let (authority, stranger) = (
        Authority::new("the mesh's CA"),
        Authority::new("another CA"),
    );
    let node = TlsNode::start(&authority, false);
    serves(
        node.builder()
            .ca_certificates(authority.pem().as_bytes())
            .unwrap(),
    )
    .await;
    let trusted = format!(
        "?cacertfile={}",
        node.folder.path().join("cacertfile").display()
    );
    serves(AmqpBroker::builder(&node.url("localhost", &trusted)).unwrap()).await;

    // The system's CAs have not signed it.
    refused(node.builder(), "name its CA").await;
    let namesake = Authority::new("the mesh's CA");
    for other in [stranger, namesake] {
        let other = node.builder().ca_certificates(other.pem().as_bytes());
        refused(other.unwrap(), "name its CA").await;
    }
    refused(
        AmqpBroker::builder(&node.url("127.0.0.1", &trusted)).unwrap(),
        "for another host",
    )
    .await;
    let plain = node.url("localhost", &trusted);
    let plain = plain.replace(
        &node.node.tls_port.unwrap().to_string(),
        &node.node.port.to_string(),
    );
    refused(
        AmqpBroker::builder(&plain).unwrap(),
        "speak TLS at this port",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_asks_for_a_certificate_is_shown_one() {
    let (authority, stranger) = (
        Authority::new("the mesh's CA"),
        Authority::new("another CA"),
    );
    let node = TlsNode::start(&authority, true);
    let trusting = || {
        node.builder()
            .ca_certificates(authority.pem().as_bytes())
            .unwrap()
    };
    let showing = |authority: &Authority| {
        let (chain, key) = authority.sign("shop");
        trusting()
            .client_certificate(chain.as_bytes(), key.as_bytes())
            .unwrap()
    };
    serves(showing(&authority)).await;
    // With TLS 1.3 a client may see the refusal, or only that the connection ends: no word of it is sure.
    refused(trusting(), "").await;
    refused(showing(&stranger), "").await;
}

#[test]
fn what_is_no_certificate_is_told_at_once_and_not_shown() {
    let authority = Authority::new("a CA");
    let (chain, key) = authority.sign("shop");
    let builder = || AmqpBroker::builder("amqps://shop:s3cret@broker.example/%2f").unwrap();
    let folder = TempDir::new().unwrap();
    let of_url = |query: &str| {
        AmqpBroker::builder(&format!("amqps://shop:s3cret@broker.example/%2f?{query}"))
    };
    let path = |name: &Path| name.display().to_string();
    let absent = path(&folder.path().join("absent.pem"));
    let given = path(&file(&folder, "chain.pem", &chain));
    let cases = [
        (
            builder().ca_certificates(b"s3cret").unwrap_err(),
            "there is none",
        ),
        (
            builder().ca_certificates(key.as_bytes()).unwrap_err(),
            "there is none",
        ),
        (
            builder()
                .client_certificate(chain.as_bytes(), chain.as_bytes())
                .unwrap_err(),
            "no private key",
        ),
        (
            of_url(&format!("cacertfile={absent}")).unwrap_err(),
            "absent.pem",
        ),
        (
            of_url(&format!("certfile={given}")).unwrap_err(),
            "belong together",
        ),
    ];
    for (error, expected) in cases {
        assert!(matches!(error, SettingsError::Tls { .. }), "{error}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected), "{said} does not say {expected}");
        assert!(
            !said.contains("s3cret") && !said.contains("PRIVATE KEY"),
            "{said}"
        );
    }
}
