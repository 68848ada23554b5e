//! TLS of `amqps://`: whose certificates are trusted, and with which one this side shows itself.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, Error};
use url::Url;

use crate::settings::SettingsError;

/// What a connection over TLS needs to know; by default the system's certificates are trusted.
#[derive(Default)]
pub(crate) struct Tls {
    trusted: Option<Vec<CertificateDer<'static>>>,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Clone for Tls {
    fn clone(&self) -> Self {
        let own = self.own.as_ref();
        Self {
            trusted: self.trusted.clone(),
            own: own.map(|(chain, key)| (chain.clone(), key.clone_key())),
        }
    }
}

impl Tls {
    /// What a URL says in RabbitMQ's own words: `?cacertfile=…&certfile=…&keyfile=…`.
    pub(crate) fn of_url(url: &Url) -> Result<Self, SettingsError> {
        let mut tls = Self::default();
        let file = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, file)| file)
        };
        if let Some(trusted) = file("cacertfile") {
            tls.trust(&read("cacertfile", &trusted)?)?;
        }
        match (file("certfile"), file("keyfile")) {
            (None, None) => {}
            (Some(chain), Some(key)) => {
                tls.show(&read("certfile", &chain)?, &read("keyfile", &key)?)?
            }
            _ => {
                return Err(wrong(
                    "certfile",
                    "`certfile` and `keyfile` belong together; give both",
                ));
            }
        }
        Ok(tls)
    }

    /// Trusts these certificates in PEM, and no others.
    pub(crate) fn trust(&mut self, pem: &[u8]) -> Result<(), SettingsError> {
        self.trusted = Some(certificates("the CA certificates", pem)?);
        Ok(())
    }

    /// Shows this certificate with its chain, in PEM.
    pub(crate) fn show(&mut self, chain: &[u8], key: &[u8]) -> Result<(), SettingsError> {
        let chain = certificates("the client's certificate", chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| wrong("the client's key", "it is no private key in PEM"))?;
        self.own = Some((chain, key));
        Ok(())
    }

    pub(crate) fn connector(&self) -> io::Result<RustlsConnector> {
        let config = match &self.trusted {
            Some(trusted) => {
                RustlsConnectorConfig::default().with_parsable_certificates(trusted.clone())
            }
            None => RustlsConnectorConfig::new_with_native_certs()?,
        };
        match &self.own {
            Some((chain, key)) => config.connector_with_single_cert(chain.clone(), key.clone_key()),
            None => config.connector_with_no_client_auth(),
        }
    }
}

fn read(what: &'static str, file: &str) -> Result<Vec<u8>, SettingsError> {
    let path = Path::new(file);
    std::fs::read(path).map_err(|error| wrong(what, format!("{}: {error}", path.display())))
}

fn certificates(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(wrong(
            what,
            "there is none: PEM has `-----BEGIN CERTIFICATE-----`",
        )),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(what, error.to_string())),
    }
}

fn wrong(what: &'static str, reason: impl Into<String>) -> SettingsError {
    SettingsError::Tls {
        what,
        reason: reason.into(),
    }
}

/// What to do about a failure of TLS; nothing when it is none.
pub(crate) fn remedy(error: &io::Error) -> Option<Cow<'static, str>> {
    let inner = error.get_ref()?;
    let failure = inner
        .downcast_ref()
        .or_else(|| inner.source()?.downcast_ref::<Error>())?;
    Some(match failure {
        // A bad signature: another CA of the same name has signed it.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "no CA that is trusted here has signed the broker's certificate; name its CA \
             (`cacertfile` in the URL, or `AmqpBuilder::ca_certificates`)"
            .into(),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the broker's certificate is for another host; use the name that it is for".into(),
        Error::InvalidCertificate(_) => "the broker's certificate cannot be trusted".into(),
        Error::AlertReceived(_) => {
            "the broker refused this side; if it asks for a certificate, give one \
             (`certfile` and `keyfile` in the URL, or `AmqpBuilder::client_certificate`)"
                .into()
        }
        _ => "does the broker speak TLS at this port?".into(),
    })
}
