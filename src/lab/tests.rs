//! The lab, asked directly: what a row says is what its servers do.

mod endpoints;
mod forms;
mod network;
mod objects;
mod signatures;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::*;
use crate::sign::{self, KeyTime};
use crate::target::{Target, TargetDefaults};

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs") })
}

async fn start(name: &str) -> Lab {
    Lab::start(find(name).unwrap()).await.unwrap()
}

async fn connect(lab: &Lab, port: u16) -> std::io::Result<TcpStream> {
    let rule = lab.connect_to().iter().find(|rule| rule.port == Some(port)).unwrap();
    TcpStream::connect((rule.to, rule.to_port.unwrap())).await
}

async fn connect_tls_as(lab: &Lab, name: &str) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(lab.ca_file()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, connect(lab, 443).await?).await
}

async fn connect_tls(lab: &Lab) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    connect_tls_as(lab, lab.host()).await
}

/// What came back.
#[derive(Debug)]
struct Answer {
    head: Response<()>,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.status().as_u16()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Status and code; for an answer without a code, its status and nothing.
    fn refusal(&self) -> (u16, &str) {
        let code = self.body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        (self.status(), code.map_or("", |(code, _)| code))
    }
}

/// Sends one request on a connection and reads the whole answer.
async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> hyper::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer { head: Response::from_parts(parts, ()), body: String::from_utf8_lossy(&body).into_owned() })
}

/// What carries the signature of a request, and its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Nothing,
    Header,
    /// With the token in the header.
    Query,
    MergedQuery,
    /// With the token in the query.
    QueryWithToken,
}

/// A request that is to be made.
#[derive(Debug, Clone)]
struct Ask {
    method: &'static str,
    host: String,
    /// Decoded.
    path: String,
    params: Vec<(String, String)>,
    /// Beside the Host, and as well signed.
    headers: Vec<(String, String)>,
    unsigned_headers: Vec<(String, String)>,
    signs_host: bool,
    key: Option<Key>,
    by: By,
    window_shift_seconds: i64,
    body: Bytes,
}

/// An anonymous request.
fn ask(lab: &Lab, method: &'static str, path: &str) -> Ask {
    Ask {
        method,
        host: lab.host().to_owned(),
        path: path.to_owned(),
        params: vec![],
        headers: vec![],
        unsigned_headers: vec![],
        signs_host: true,
        key: lab.key(),
        by: By::Nothing,
        window_shift_seconds: 0,
        body: Bytes::new(),
    }
}

/// A request signed in the Authorization header with the client's key.
fn signed(lab: &Lab, method: &'static str, path: &str) -> Ask {
    Ask { by: By::Header, ..ask(lab, method, path) }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

impl Ask {
    fn by(self, by: By) -> Self {
        Self { by, ..self }
    }

    fn at(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(pair(name, value));
        self
    }

    fn with_unsigned(mut self, name: &str, value: &str) -> Self {
        self.unsigned_headers.push(pair(name, value));
        self
    }

    fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.push(pair(name, value));
        self
    }

    fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    fn request(mut self) -> Request<Full<Bytes>> {
        let token = self.key.filter(|_| self.by != By::Nothing).and_then(|key| key.token);
        if let Some(token) = token {
            let token = pair("x-cos-security-token", token);
            if self.by == By::QueryWithToken { self.params.push(token) } else { self.headers.push(token) }
        }
        let mut to_sign = self.headers.clone();
        if self.signs_host {
            to_sign.push(pair("host", &self.host));
        }
        let encoded = |(name, value): &(String, String)| format!("{}={}", sign::encode(name), sign::encode(value));
        let mut query: Vec<String> = self.params.iter().map(encoded).collect();
        if let Some(key) = self.key.filter(|_| self.by != By::Nothing) {
            let now = jiff::Timestamp::now().as_second() + self.window_shift_seconds;
            let request =
                sign::Request { method: self.method, path: &self.path, params: &self.params, headers: &to_sign };
            let made = sign::sign(request, key.secret_id, key.secret_key, KeyTime::around(now, 600));
            match self.by {
                By::Nothing => {}
                By::Header => self.unsigned_headers.push(pair("authorization", &made.authorization)),
                By::Query | By::QueryWithToken => query.push(made.presigned_query()),
                By::MergedQuery => query.push(encoded(&pair("sign", &made.authorization))),
            }
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = format!("{}{mark}{}", sign::encode_path(&self.path), query.join("&"));
        let mut request = Request::builder().method(self.method).uri(uri).header("host", &self.host);
        for (name, value) in self.headers.iter().chain(&self.unsigned_headers) {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body)).unwrap()
    }

    /// Sends it in clear text.
    async fn send(self, lab: &Lab) -> Answer {
        send(connect(lab, 80).await.unwrap(), self.request()).await.unwrap()
    }

    /// Sends it and gives status and code.
    async fn refusal(self, lab: &Lab) -> (u16, String) {
        let answer = self.send(lab).await;
        let (status, code) = answer.refusal();
        (status, code.to_owned())
    }
}

#[test]
fn the_table_is_consistent() {
    assert_eq!(SCENARIOS[0].name, "healthy-private");
    for scenario in SCENARIOS {
        let name = scenario.name;
        assert_eq!(SCENARIOS.iter().filter(|other| other.name == name).count(), 1, "{name}");
        assert_eq!(name.starts_with("hostile-"), scenario.hidden, "{name}");
        assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name}");
        assert!(!scenario.summary.is_empty() && !scenario.summary.ends_with('.'), "{name}");
        assert_eq!(scenario.roots.is_empty(), scenario.status == "healthy", "{name}");
        assert!(["healthy", "degraded", "unreachable"].contains(&scenario.status), "{name}");
        assert!(scenario.dead.iter().all(|dead| scenario.all_given_addresses().contains(dead)), "{name}");
        let target = Target::parse(scenario.target, &TargetDefaults::default()).unwrap();
        assert_eq!(target.host, scenario.host(), "{name}");
        let is_custom = scenario.host() == hosts::CUSTOM_HOST;
        assert_eq!(target.may_be_signed(), !is_custom, "{name}");
        let named = target.bucket.as_deref() == Some(hosts::BUCKET);
        assert_eq!(named, !is_custom && name != "service", "{name}");
    }
}

#[test]
fn every_code_of_keys_and_buckets_has_a_row() {
    let codes = (1..=9).filter(|number| *number != 8).map(|number| format!("AUT00{number}"));
    for code in codes.chain((1..=7).map(|number| format!("BKT00{number}"))) {
        assert!(SCENARIOS.iter().any(|scenario| scenario.roots == [code.as_str()]), "{code}");
    }
    // AUT008 is no root: without a key there is nothing wrong.
    assert_eq!(find("no-key").unwrap().key.key(), None);
}

#[test]
fn every_scenario_starts_and_cleans_up() {
    use std::os::unix::fs::PermissionsExt;
    run(async {
        for scenario in SCENARIOS {
            let lab = Lab::start(scenario).await.unwrap();
            let directory = lab.ca_file().parent().unwrap().to_owned();
            assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
            assert!(lab.resolver().ip().is_loopback());
            assert!(lab.connect_to().iter().all(|rule| rule.to.is_loopback()));
            assert_eq!(lab.calls(), Calls::default());
            drop(lab);
            assert!(!directory.exists(), "{}", scenario.name);
        }
    });
}

#[test]
fn a_dropped_lab_is_gone() {
    run(async {
        let lab = start("healthy-private").await;
        let rule = lab.connect_to()[0].clone();
        let idle = connect(&lab, 80).await;
        drop(lab);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(TcpStream::connect((rule.to, rule.to_port.unwrap())).await.is_err());
        assert!(!matches!(idle.unwrap().read(&mut [0; 1]).await, Ok(1)));
    });
}
