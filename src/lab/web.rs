//! The web server: takes connections, does TLS, hands requests to `cos`, or spoils the answer.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::account::{Carrier, carrier_of};
use super::asked::Asked;
use super::cos::Double;
use super::moment::Moment;
use super::scenario::{AnswerBehaviour, TlsBehaviour};
use super::{Counters, LOOPBACK, cannot_start, count};
use crate::error::Error;

/// A request head that is longer than this is not waited for.
const MOST_HEAD_BYTES: usize = 64 << 10;
/// A body that is longer than this is not kept.
const MOST_BODY_BYTES: usize = 64 << 10;
/// And one that is longer than this is not read to its end. Between the two, the client gets an answer and no RST.
const MOST_UNKEPT_BYTES: usize = 1 << 20;
/// How long ago a cache kept its answer.
const CACHED_SECONDS: i64 = 3600;

/// A fatal alert `protocol_version` in a record of TLS 1.0.
const NO_COMMON_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// What a port speaks.
#[derive(Clone)]
pub(super) enum Speech {
    /// HTTP.
    ClearText,
    /// HTTP over TLS, or what comes in its place.
    Tls(TlsBehaviour, Arc<ServerConfig>),
}

/// What the tasks of one port share.
struct Site {
    double: Arc<Double>,
    counters: Arc<Counters>,
    speech: Speech,
}

/// Starts a server on a free port and returns the port.
pub(super) async fn listen(
    double: &Arc<Double>,
    counters: &Arc<Counters>,
    speech: Speech,
    servers: &mut JoinSet<()>,
) -> Result<u16, Error> {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.map_err(cannot_start)?;
    let port = listener.local_addr().map_err(cannot_start)?.port();
    let site = Site { double: Arc::clone(double), counters: Arc::clone(counters), speech };
    servers.spawn(accept_all(listener, Arc::new(site)));
    Ok(port)
}

/// Takes connections for ever. The tasks of the connections end with this one.
async fn accept_all(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                count(&site.counters.connections);
                // What becomes of a single connection is the client's affair.
                let site = Arc::clone(&site);
                connections.spawn(async move {
                    let _ = site.take(stream).await;
                });
            }
            // Too many open files, or a client that is gone already. The former passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

impl Site {
    async fn take(&self, mut stream: TcpStream) -> std::io::Result<()> {
        // Without it each answer waits 40 ms for a delayed acknowledgement.
        stream.set_nodelay(true)?;
        if self.double.scenario.answer == AnswerBehaviour::ResetMidAnswer {
            reset_when_closed(&stream)?;
        }
        match &self.speech {
            Speech::ClearText => self.converse(stream, &self.counters.http).await,
            Speech::Tls(TlsBehaviour::Normal, config) => {
                let stream = TlsAcceptor::from(Arc::clone(config)).accept(stream).await?;
                self.converse(stream, &self.counters.https).await
            }
            Speech::Tls(TlsBehaviour::PlainText, _) => {
                if read_some(&mut stream).await? > 0 {
                    let answer = "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n";
                    stream.write_all(answer.as_bytes()).await?;
                    stream.shutdown().await?;
                }
                Ok(())
            }
            Speech::Tls(TlsBehaviour::Silent, _) => wait_for_end(&mut stream).await,
            Speech::Tls(TlsBehaviour::NoCommonVersion, _) => {
                read_some(&mut stream).await?;
                stream.write_all(&NO_COMMON_VERSION).await?;
                stream.shutdown().await
            }
            Speech::Tls(TlsBehaviour::Reset, _) => {
                read_some(&mut stream).await?;
                reset_when_closed(&stream)
            }
        }
    }

    /// Reads requests and answers them as the scenario says.
    async fn converse<S>(&self, stream: S, counter: &AtomicU32) -> std::io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.double.scenario.answer {
            AnswerBehaviour::Cos
            | AnswerBehaviour::Cached
            | AnswerBehaviour::Portal
            | AnswerBehaviour::NotCos
            | AnswerBehaviour::ServerError
            | AnswerBehaviour::SlowDown
            | AnswerBehaviour::Redirect
            | AnswerBehaviour::Conflict
            | AnswerBehaviour::ControlCharacters => self.answer_well(stream, counter).await,
            AnswerBehaviour::EndlessHeaders
            | AnswerBehaviour::EndlessBody
            | AnswerBehaviour::Garbage
            | AnswerBehaviour::SlowDrip
            | AnswerBehaviour::HugeHeaderLine(_)
            | AnswerBehaviour::ResetMidAnswer
            | AnswerBehaviour::Silent => self.answer_badly(stream, counter).await,
        }
    }

    async fn answer_well<S>(&self, stream: S, counter: &AtomicU32) -> std::io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(async |request: hyper::Request<Incoming>| {
            let (parts, body) = request.into_parts();
            // A body that breaks off has nobody to answer.
            let body = whole(body).await?;
            let asked = Asked::new(parts, body);
            self.count_kind(&asked);
            let moment = self.next_moment(counter);
            Ok::<_, hyper::Error>(self.double.answer(asked, moment))
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(std::io::Error::other)
    }

    /// Counts what a request is, beside that it is one.
    fn count_kind(&self, asked: &Asked) {
        let counters = &self.counters;
        if let Some(carrier) = carrier_of(asked) {
            count(&counters.signed);
            count(match carrier {
                Carrier::Header => &counters.signed_by_header,
                Carrier::Query | Carrier::MergedQuery => &counters.signed_by_query,
                Carrier::Form => &counters.signed_by_form,
            });
        }
        match *asked.method() {
            Method::PUT | Method::POST => _ = count(&counters.writes),
            Method::DELETE => _ = count(&counters.deletes),
            _ => {}
        }
    }

    /// Counts a request and reads the double's clock.
    fn next_moment(&self, counter: &AtomicU32) -> Moment {
        count(counter);
        let shifted = |time: Timestamp, seconds| time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(time);
        let now = shifted(Timestamp::now(), self.double.scenario.clock_offset_seconds);
        let is_cached = self.double.scenario.answer == AnswerBehaviour::Cached;
        let told = if is_cached { shifted(now, -CACHED_SECONDS) } else { now };
        Moment { now, told, serial: count(&self.counters.answers) }
    }

    /// One request, and an answer that no HTTP library would send.
    async fn answer_badly<S>(&self, mut stream: S, counter: &AtomicU32) -> std::io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let head = read_head(&mut stream).await?;
        if head.is_empty() {
            return Ok(());
        }
        if head.to_ascii_lowercase().contains("\nauthorization:") {
            count(&self.counters.signed);
            count(&self.counters.signed_by_header);
        }
        let moment = self.next_moment(counter);
        let identity =
            format!("Server: tencent-cos\r\nDate: {}\r\nx-cos-request-id: {}\r\n", moment.date(), moment.request_id());
        match self.double.scenario.answer {
            AnswerBehaviour::EndlessHeaders => {
                stream.write_all(format!("HTTP/1.1 200 OK\r\n{identity}").as_bytes()).await?;
                repeat(&mut stream, &format!("x-filler: {}\r\n", "a".repeat(1000))).await
            }
            AnswerBehaviour::EndlessBody => {
                let kind = "Content-Type: application/xml\r\nConnection: close\r\n\r\n";
                stream.write_all(format!("HTTP/1.1 403 Forbidden\r\n{identity}{kind}").as_bytes()).await?;
                if head.starts_with("HEAD ") {
                    return stream.shutdown().await;
                }
                stream.write_all(b"<Error><Code>AccessDenied</Code><Message>").await?;
                repeat(&mut stream, &"a".repeat(4096)).await
            }
            AnswerBehaviour::HugeHeaderLine(length) => {
                let line = format!("x-filler: {}\r\n", "a".repeat(length));
                let rest = "Content-Length: 0\r\n\r\n";
                stream.write_all(format!("HTTP/1.1 200 OK\r\n{identity}{line}{rest}").as_bytes()).await?;
                stream.shutdown().await
            }
            AnswerBehaviour::Garbage => {
                let bytes: Vec<u8> = (0..=u8::MAX).rev().cycle().take(4096).collect();
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            }
            AnswerBehaviour::SlowDrip => {
                for byte in format!("HTTP/1.1 200 OK\r\n{identity}Content-Length: 0\r\n\r\n").into_bytes() {
                    stream.write_all(&[byte]).await?;
                    stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Ok(())
            }
            AnswerBehaviour::ResetMidAnswer => {
                stream.write_all(format!("HTTP/1.1 200 OK\r\n{identity}x-cos-buck").as_bytes()).await?;
                stream.flush().await?;
                // RST throws away what the client has not read; half an answer is to be seen.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(())
            }
            _ => wait_for_end(&mut stream).await,
        }
    }
}

/// A body, when it is short enough to be kept.
async fn whole(mut body: Incoming) -> hyper::Result<Option<Bytes>> {
    let mut kept = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length <= MOST_BODY_BYTES {
            kept.extend_from_slice(&data);
        } else if length > MOST_UNKEPT_BYTES {
            break;
        }
    }
    Ok((length <= MOST_BODY_BYTES).then(|| kept.freeze()))
}

/// Makes the kernel end the connection with RST instead of FIN.
fn reset_when_closed(stream: &TcpStream) -> std::io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

async fn read_some(stream: &mut TcpStream) -> std::io::Result<usize> {
    stream.read(&mut [0; 4096]).await
}

/// Reads until the client closes, and says nothing.
async fn wait_for_end<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<()> {
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

/// The head of a request; empty when the client closes before its end, or when it is too long.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<String> {
    let mut head = Vec::new();
    while head.len() < MOST_HEAD_BYTES {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
        if head.windows(4).any(|window| window == b"\r\n\r\n") {
            return Ok(String::from_utf8_lossy(&head).into_owned());
        }
    }
    Ok(String::new())
}

/// Writes the same for ever, which ends when the client closes.
async fn repeat<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> std::io::Result<()> {
    loop {
        stream.write_all(text.as_bytes()).await?;
    }
}
