//! One TLS handshake. The certificate chain is recorded with the result of checking it, and the handshake goes on whatever
//! that result is: a wrong certificate is an observation. Signed requests look at the result before they are sent.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::connection::Connection;
use super::{Context, tcp};
use crate::error::Error;
use crate::evidence::{
    Certificate, Detail, FailureKind, ObservationId, Outcome, Tls, Verification, VerificationResult, clean,
};
use crate::plan::{self, Step};
use crate::sys;

/// Certificates of a chain that are recorded.
const MAX_CHAIN: usize = 10;
/// Names of a certificate that are recorded.
const MAX_NAMES: usize = 20;

/// The trusted roots: the system's, and those of `--cacert`.
pub struct Roots {
    extra: Vec<CertificateDer<'static>>,
    loaded: OnceCell<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    store: Arc<RootCertStore>,
    described: String,
}

impl Roots {
    /// Those of the system, which are read when they are needed, and those of a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds none.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, Error> {
        let extra = ca_file.map(read_ca_file).transpose()?.unwrap_or_default();
        Ok(Self { extra, loaded: OnceCell::new() })
    }

    /// Loads the system's roots once, on another thread.
    pub(super) async fn load(&self) {
        self.loaded().await;
    }

    async fn loaded(&self) -> Loaded {
        let extra = self.extra.clone();
        let load = async {
            let fallback = extra.clone();
            match tokio::task::spawn_blocking(move || load_roots(extra)).await {
                Ok(loaded) => loaded,
                Err(_) => store_of(&fallback, "roots of --cacert only: reading the system's failed".to_owned()),
            }
        };
        self.loaded.get_or_init(|| load).await.clone()
    }
}

fn load_roots(extra: Vec<CertificateDer<'static>>) -> Loaded {
    let mut system = rustls_native_certs::load_native_certs();
    let count = system.certs.len();
    let mut described = match count {
        0 => "no system roots".to_owned(),
        _ => format!("{count} system roots"),
    };
    if !system.errors.is_empty() {
        described = format!("{described} ({} files could not be read)", system.errors.len());
    }
    if !extra.is_empty() {
        described = format!("{described} and {} of --cacert", extra.len());
    }
    system.certs.extend(extra);
    store_of(&system.certs, described)
}

fn store_of(certificates: &[CertificateDer<'static>], described: String) -> Loaded {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates.iter().cloned());
    Loaded { store: Arc::new(store), described }
}

/// Reads the certificates of a PEM file.
pub(crate) fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::Read { what: "CA certificates", path: path.to_owned(), source })?;
    let malformed = |problem: String| Error::Malformed {
        expected: "a PEM file with CA certificates",
        path: path.to_owned(),
        problem,
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(error.to_string()))?;
    let mut store = RootCertStore::empty();
    match store.add_parsable_certificates(certificates.iter().cloned()) {
        (0, _) => Err(malformed("there is no certificate in it that can be trusted as a root".to_owned())),
        _ => Ok(certificates),
    }
}

/// Handshakes on the connection that the TCP step left open, or on a new one.
pub(super) async fn handshake(
    context: &Context,
    id: ObservationId,
    step: &Step,
    server_name: &str,
    for_signed_request: bool,
) -> (Outcome, Detail) {
    let mut tls = Tls { server_name: server_name.to_owned(), for_signed_request, ..Tls::default() };
    let end = Instant::now() + context.config.limits.attempt_timeout;
    let stream = match context.connections.take(step.parent) {
        Some(Connection::Tcp(stream)) if is_open(&stream) => Ok(stream),
        _ => redial(context, step, end).await,
    };
    let outcome = match stream {
        Ok(stream) => {
            let watched = tcp::watched(&stream);
            let secured = secure(context, stream, &mut tls, end).await;
            tls.tcp = watched.and_then(|socket| tcp::state(&socket));
            match secured {
                Ok(stream) => {
                    context.connections.put(id, Connection::Tls(Box::new(stream)));
                    Outcome::Succeeded
                }
                Err(outcome) => outcome,
            }
        }
        Err(outcome) => outcome,
    };
    (outcome, Detail::Tls(tls))
}

/// Whether a connection that was kept can still be used: a server may close one that is idle while others are measured.
pub(super) fn is_open(stream: &TcpStream) -> bool {
    sys::tcp_info(stream).is_ok_and(|info| info.established && !info.peer_closed)
}

/// A new TCP connection to the step's peer.
pub(super) async fn redial(context: &Context, step: &Step, end: Instant) -> Result<TcpStream, Outcome> {
    let Some(peer) = step.peer else { return Err(Outcome::failed(FailureKind::Internal)) };
    let to = plan::redirect(&context.config, step.endpoint.as_deref().unwrap_or_default(), peer).unwrap_or(peer);
    let attempt =
        tcp::dial_with(to, end.saturating_duration_since(Instant::now()), tcp::Settings::of(&context.config)).await;
    attempt.stream.ok_or(attempt.sample.outcome)
}

/// Does the handshake for HTTP and fills in what was seen.
pub(super) async fn secure(
    context: &Context,
    stream: TcpStream,
    tls: &mut Tls,
    end: Instant,
) -> Result<TlsStream<TcpStream>, Outcome> {
    secure_for(context, stream, tls, end, &[b"http/1.1"]).await
}

/// Does the handshake for some application protocols (ALPN, RFC 7301) and fills in what was seen.
pub(super) async fn secure_for(
    context: &Context,
    stream: TcpStream,
    tls: &mut Tls,
    end: Instant,
    protocols: &[&[u8]],
) -> Result<TlsStream<TcpStream>, Outcome> {
    let Ok(loaded) = timeout_at(end, context.roots.loaded()).await else {
        return Err(Outcome::failed_with(
            FailureKind::Unreadable,
            "the system's CA certificates could not be read in time",
        ));
    };
    let name = ServerName::try_from(tls.server_name.clone())
        .map_err(|_| Outcome::failed_with(FailureKind::Other, "the host cannot be a TLS server name"))?;
    let recorder =
        Arc::new(Recorder::new(&loaded).map_err(|problem| Outcome::failed_with(FailureKind::Internal, &problem))?);
    let config = client_config(Arc::clone(&recorder), protocols)
        .map_err(|error| Outcome::failed_with(FailureKind::Internal, &error.to_string()))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let result = timeout_at(end, connecting).await;
    (tls.chain, tls.verification) = recorder.seen(loaded.described);
    match result {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            tls.version = session
                .protocol_version()
                .and_then(|version| version.as_str())
                .map(|v| v.replace("TLSv", "TLS ").replace('_', "."));
            tls.cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).map(str::to_owned);
            Ok(stream)
        }
        Ok(Err(error)) => Err(handshake_failure(&error)),
        Err(_) => Err(Outcome::failed(FailureKind::HandshakeTimeout)),
    }
}

fn client_config(recorder: Arc<Recorder>, protocols: &[&[u8]]) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(recorder)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    // A resumed session would skip the certificates, and be measured too short.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Which failure a broken handshake is.
fn handshake_failure(error: &std::io::Error) -> Outcome {
    use std::io::ErrorKind;
    let kind = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => FailureKind::NotTls,
        Some(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)) => FailureKind::TlsVersion,
        Some(rustls::Error::AlertReceived(_)) => FailureKind::HandshakeAlert,
        Some(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13)) => {
            FailureKind::TlsVersion
        }
        Some(_) => FailureKind::HandshakeFailed,
        None => match error.kind() {
            ErrorKind::UnexpectedEof => FailureKind::HandshakeClosed,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
                FailureKind::HandshakeReset
            }
            _ => FailureKind::HandshakeFailed,
        },
    };
    Outcome::failed_with(kind, &error.to_string())
}

/// Checks like a browser would, records chain and result, and lets the handshake go on.
#[derive(Debug)]
struct Recorder {
    strict: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<(Vec<Certificate>, Verification)>,
}

impl Recorder {
    fn new(loaded: &Loaded) -> Result<Self, String> {
        let provider = provider();
        // Without any root there is nothing to check against: every chain is then untrusted.
        let strict = if loaded.store.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(&loaded.store), Arc::clone(&provider));
            Some(builder.build().map_err(|error| error.to_string())?)
        };
        Ok(Self { strict, provider, seen: Mutex::default() })
    }

    fn seen(&self, roots: String) -> (Vec<Certificate>, Verification) {
        let (chain, mut verification) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        verification.roots = Some(roots);
        (chain, verification)
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked = match &self.strict {
            Some(strict) => strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let (result, message) = match checked {
            Ok(_) => (VerificationResult::Trusted, None),
            Err(error) => (verification_result(&error), Some(clean(&error.to_string(), 300))),
        };
        let chain =
            std::iter::once(end_entity).chain(intermediates).take(MAX_CHAIN).map(|der| certificate(der)).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            (chain, Verification { result, message, roots: None });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn verification_result(error: &rustls::Error) -> VerificationResult {
    let rustls::Error::InvalidCertificate(error) = error else { return VerificationResult::Invalid };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => VerificationResult::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => VerificationResult::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            VerificationResult::WrongName
        }
        CertificateError::UnknownIssuer => VerificationResult::UntrustedIssuer,
        _ => VerificationResult::Invalid,
    }
}

/// The facts of a certificate that people ask for. One that cannot be read has empty facts.
fn certificate(der: &CertificateDer<'_>) -> Certificate {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return Certificate::default() };
    let names = match parsed.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().filter_map(general_name).take(MAX_NAMES).collect(),
        _ => Vec::new(),
    };
    let time = |seconds: i64| Timestamp::from_second(seconds).ok();
    Certificate {
        subject: clean(&parsed.subject().to_string(), 300),
        issuer: clean(&parsed.issuer().to_string(), 300),
        names,
        not_before: time(parsed.validity().not_before.timestamp()),
        not_after: time(parsed.validity().not_after.timestamp()),
    }
}

fn general_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) => Some(clean(text, 253)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_handshakes_have_their_words() {
        let of = |error: std::io::Error| handshake_failure(&error).failure();
        let tls = |error: rustls::Error| of(std::io::Error::new(std::io::ErrorKind::InvalidData, error));
        assert_eq!(tls(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)), Some(FailureKind::TlsVersion));
        assert_eq!(
            tls(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure)),
            Some(FailureKind::HandshakeAlert)
        );
        assert_eq!(
            tls(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
            Some(FailureKind::NotTls)
        );
        assert_eq!(of(std::io::ErrorKind::UnexpectedEof.into()), Some(FailureKind::HandshakeClosed));
        assert_eq!(of(std::io::ErrorKind::ConnectionReset.into()), Some(FailureKind::HandshakeReset));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate here").unwrap();
        assert!(matches!(read_ca_file(file.path()), Err(Error::Malformed { .. })));
        assert!(matches!(read_ca_file(Path::new("no/such/file.pem")), Err(Error::Read { .. })));
    }
}
