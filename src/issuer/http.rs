//! One small HTTP exchange: bounded in time and size, over trusted TLS or clear text, without redirects.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::{Error, usage};

/// Bytes of an answer that are read. A key with its token is under 8 KiB.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Where a question goes.
#[derive(Debug, Clone)]
pub(super) struct Url {
    flag: &'static str,
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    /// Reads `http://HOST[:PORT][/PATH]` or the same with https.
    pub(super) fn read(flag: &'static str, text: &str) -> Result<Self, Error> {
        let problem = || {
            format!(
                "the address of {flag} should look like https://HOST[:PORT]/ or http://…, without user name and query"
            )
        };
        let Ok(uri) = text.parse::<hyper::Uri>() else { return usage(problem()) };
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return usage(problem()),
        };
        let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else {
            return usage(problem());
        };
        if uri.query().is_some() || authority.host().is_empty() || authority.port_u16() == Some(0) {
            return usage(problem());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { flag, tls, host, port, path: format!("{}/", uri.path().trim_end_matches('/')) })
    }

    /// Refuses an address to which a token would travel readably.
    pub(super) fn refuse_clear_text(&self) -> Result<(), Error> {
        let is_loopback = self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if self.tls || is_loopback {
            return Ok(());
        }
        usage(format!("{} speaks plain HTTP to loopback addresses only: {self} should begin with https://", self.flag))
    }

    /// A place below this one.
    pub(super) fn join(&self, path: &str) -> Self {
        Self { path: format!("{}{path}", self.path), ..self.clone() }
    }

    /// Host, port and path, when clear text is spoken there.
    pub(super) fn clear_text_place(&self) -> Option<(&str, u16, &str)> {
        (!self.tls).then_some((self.host.as_str(), self.port, self.path.as_str()))
    }

    /// The value of the Host header.
    pub(super) fn host_header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host_header(), self.path)
    }
}

/// What is sent.
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: String,
    /// For the whole exchange.
    pub(super) within: Duration,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Holds the roots that are trusted beside the system's.
#[derive(Debug)]
pub(super) struct Client {
    roots: Vec<CertificateDer<'static>>,
}

impl Client {
    pub(super) const fn new(roots: Vec<CertificateDer<'static>>) -> Self {
        Self { roots }
    }

    /// Asks once. The error says what went wrong, without the address.
    pub(super) async fn ask(&self, url: &Url, question: Question<'_>) -> Result<Answer, String> {
        let within = question.within;
        match tokio::time::timeout(within, self.exchange(url, question)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", within.as_secs_f64())),
        }
    }

    async fn exchange(&self, url: &Url, question: Question<'_>) -> Result<Answer, String> {
        let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(|error| error.to_string())?;
        if !url.tls {
            return exchange_over(stream, url, question).await;
        }
        let name =
            ServerName::try_from(url.host.clone()).map_err(|_| "its name cannot stand in a certificate".to_owned())?;
        let connector = TlsConnector::from(Arc::new(self.tls_config().await?));
        let stream = connector.connect(name, stream).await.map_err(|error| format!("TLS failed: {error}"))?;
        exchange_over(stream, url, question).await
    }

    async fn tls_config(&self) -> Result<ClientConfig, String> {
        // Reading the system's roots takes a while and blocks.
        let system = tokio::task::spawn_blocking(|| rustls_native_certs::load_native_certs().certs);
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(system.await.unwrap_or_default());
        store.add_parsable_certificates(self.roots.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Ok(builder.map_err(|error| error.to_string())?.with_root_certificates(store).with_no_client_auth())
    }
}

async fn exchange_over<S>(stream: S, url: &Url, question: Question<'_>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    // Errors of the connection come out of the request that meets them.
    let connection = tokio::spawn(async move { drop(connection.await) });
    let answer = async {
        let response = sender.send_request(request(url, question)?).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                format!("the answer is larger than {} KiB", MAX_BODY_BYTES / 1024)
            } else {
                format!("the answer breaks off: {error}")
            }
        })?;
        Ok(Answer { status, body: body.to_bytes().to_vec() })
    };
    let answer = answer.await;
    connection.abort();
    answer
}

fn request(url: &Url, question: Question<'_>) -> Result<hyper::Request<Full<Bytes>>, String> {
    let unusable = || "the question cannot be put into words".to_owned();
    let mut request = hyper::Request::builder()
        .method(question.method)
        .uri(&url.path)
        .header(HOST, url.host_header())
        .header(USER_AGENT, concat!("cosprobe/", env!("CARGO_PKG_VERSION")));
    if let Some(content_type) = question.content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    for (name, value) in question.headers {
        let mut value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(question.body))).map_err(|_| unusable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_without_a_password_in_the_message() {
        let read = |text: &str| Url::read("--sts-url", text);
        assert_eq!(read("https://sts.example").unwrap().to_string(), "https://sts.example/");
        assert_eq!(read("http://[::1]:8080/a/b").unwrap().host_header(), "[::1]:8080");
        assert_eq!(read("http://127.0.0.1/a").unwrap().join("b").to_string(), "http://127.0.0.1/a/b");
        for text in
            ["", "sts.example", "ftp://sts.example/", "https://user:fakePassword@sts.example/", "https://a/?q=1"]
        {
            let problem = read(text).unwrap_err().to_string();
            assert!(problem.contains("--sts-url") && !problem.contains("fakePassword"), "{problem}");
        }
    }

    #[test]
    fn clear_text_goes_to_loopback_only() {
        for (text, is_fine) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]/", true),
            ("http://localhost:1/", true),
            ("https://sts.example/", true),
            ("http://sts.example/", false),
            ("http://192.0.2.1/", false),
        ] {
            assert_eq!(Url::read("--sts-url", text).unwrap().refuse_clear_text().is_ok(), is_fine, "{text}");
        }
    }
}
