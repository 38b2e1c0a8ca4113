//! TLS of the service: what may be chosen, and certificates and keys from their files.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{NamedGroup, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};
use tokio_rustls::TlsAcceptor;

use super::file::{ClientAuth, Named, TlsSettings};
use super::yaml::mistake;
use crate::settings::Mistake;

/// A larger file is none with certificates.
pub(super) const MOST_BYTES: u64 = 1024 * 1024;

/// A version of TLS, older ones being smaller.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    #[default]
    Tls12,
    Tls13,
}

/// How connections may be encrypted.
pub(super) struct Choices {
    pub(super) least: Version,
    pub(super) most: Version,
    /// Empty: all that there are.
    pub(super) suites: Vec<SupportedCipherSuite>,
    /// Empty: all that there are.
    pub(super) curves: Vec<&'static dyn SupportedKxGroup>,
    /// Whether the order of the suites here goes before that of the client.
    pub(super) own_order: bool,
}

impl Default for Choices {
    fn default() -> Self {
        let (least, most) = (Version::Tls12, Version::Tls13);
        Self { least, most, suites: Vec::new(), curves: Vec::new(), own_order: true }
    }
}

impl Choices {
    /// The suites. A list in which no suite of TLS 1.3 is named says nothing about TLS 1.3, as with other exporters.
    fn suites(&self) -> Vec<SupportedCipherSuite> {
        let all = ring::default_provider().cipher_suites;
        if self.suites.is_empty() {
            return all;
        }
        let mut chosen = self.suites.clone();
        if chosen.iter().all(|suite| suite.tls13().is_none()) {
            chosen.extend(all.into_iter().filter(|suite| suite.tls13().is_some()));
        }
        chosen
    }

    /// The versions that are allowed and have a suite.
    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let suites = self.suites();
        let has = |is_13: bool| suites.iter().any(|suite| suite.tls13().is_some() == is_13);
        let all = [(Version::Tls13, &version::TLS13, has(true)), (Version::Tls12, &version::TLS12, has(false))];
        let allowed = |version: Version| (self.least..=self.most).contains(&version);
        all.into_iter().filter(|(version, _, has)| *has && allowed(*version)).map(|(_, version, _)| version).collect()
    }

    pub(super) fn is_possible(&self) -> bool {
        !self.versions().is_empty()
    }
}

/// The versions, under the names that Go has for them.
pub(super) fn versions() -> [(String, Version); 2] {
    [("TLS12".to_owned(), Version::Tls12), ("TLS13".to_owned(), Version::Tls13)]
}

/// The cipher suites, under their registered names.
pub(super) fn suites() -> Vec<(String, SupportedCipherSuite)> {
    let all = ring::default_provider().cipher_suites.into_iter();
    all.map(|suite| (format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1), suite)).collect()
}

/// The curves, under the names that Go has for them.
pub(super) fn curves() -> Vec<(String, &'static dyn SupportedKxGroup)> {
    let name = |group: &dyn SupportedKxGroup| match group.name() {
        NamedGroup::X25519 => Some("X25519"),
        NamedGroup::secp256r1 => Some("CurveP256"),
        NamedGroup::secp384r1 => Some("CurveP384"),
        _ => None,
    };
    let all = ring::default_provider().kx_groups.into_iter();
    all.filter_map(|group| Some((name(group)?.to_owned(), group))).collect()
}

/// Reads the files and makes what accepts connections; `directory` is where relative paths begin.
///
/// # Errors
/// Everything that is wrong with the files.
pub(super) fn acceptor(settings: &TlsSettings, directory: &Path) -> Result<TlsAcceptor, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut kept = |result: Result<Vec<u8>, Mistake>| result.map_err(|mistake| mistakes.push(mistake)).ok();
    let cert = kept(content(&settings.cert_file, directory, "cert_file"));
    let key = kept(content(&settings.key_file, directory, "key_file"));
    let ca = settings.client_ca_file.as_ref().map(|file| kept(content(file, directory, "client_ca_file")));
    let (Some(cert), Some(key), Some(ca)) = (cert, key, ca.map_or(Some(None), |ca| ca.map(Some))) else {
        return Err(mistakes);
    };
    config(settings, &cert, &key, ca.as_deref()).map(TlsAcceptor::from).map_err(|mistake| vec![mistake])
}

fn config(settings: &TlsSettings, cert: &[u8], key: &[u8], ca: Option<&[u8]>) -> Result<Arc<ServerConfig>, Mistake> {
    let choices = &settings.choices;
    let mut provider = CryptoProvider { cipher_suites: choices.suites(), ..ring::default_provider() };
    if !choices.curves.is_empty() {
        provider.kx_groups.clone_from(&choices.curves);
    }
    let provider = Arc::new(provider);
    let certificates = certificates(cert, &settings.cert_file, "cert_file")?;
    let of_key = |problem: String, hint: &str| at(&settings.key_file, "key_file", problem, hint);
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        let hint = "it should be one in PEM (PKCS#8, PKCS#1 or SEC1) without a passphrase";
        of_key("the file holds no private key".to_owned(), hint)
    })?;
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&choices.versions());
    let builder = builder.map_err(|error| {
        mistake(settings.line, "tls_server_config", error.to_string(), "leave cipher_suites and the versions out")
    })?;
    let builder = match (ca, settings.client_auth, &settings.client_ca_file) {
        (Some(ca), auth @ (ClientAuth::IfGiven | ClientAuth::Always), Some(file)) => {
            builder.with_client_cert_verifier(verifier(ca, file, auth, provider)?)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            of_key("the key is not that of the certificate in cert_file".to_owned(), "give the two that go together")
        }
        error => of_key(format!("certificate and key cannot be used: {error}"), "give others"),
    })?;
    config.ignore_client_order = choices.own_order;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(
    ca: &[u8],
    file: &Named,
    auth: ClientAuth,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Mistake> {
    let mut roots = RootCertStore::empty();
    let unusable = |error: String| {
        at(file, "client_ca_file", format!("a certificate in it cannot be used: {error}"), "take it out, or renew it")
    };
    for certificate in certificates(ca, file, "client_ca_file")? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if auth == ClientAuth::IfGiven { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|error| unusable(error.to_string()))
}

fn certificates(pem: &[u8], file: &Named, key: &str) -> Result<Vec<CertificateDer<'static>>, Mistake> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(at(file, key, "the file holds no certificate".to_owned(), "it should be one in PEM")),
    }
}

fn at(file: &Named, key: &str, problem: String, hint: &str) -> Mistake {
    mistake(file.line, &format!("tls_server_config.{key}"), problem, hint)
}

/// The content of a file that the configuration names.
fn content(file: &Named, directory: &Path, key: &str) -> Result<Vec<u8>, Mistake> {
    let path = directory.join(&file.path);
    bounded(&path).map_err(|problem| {
        let hint = "the path begins where the web configuration is, and the service must be able to read it";
        at(file, key, format!("cannot read {}: {problem}", path.display()), hint)
    })
}

/// Reads a regular file of no more than a mebibyte; others could block their reader.
pub(super) fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let other = |problem: &str| Err(std::io::Error::other(problem.to_owned()));
    if !std::fs::metadata(path)?.is_file() {
        return other("it is no regular file");
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES { other("it is larger than 1 MiB") } else { Ok(bytes) }
}
