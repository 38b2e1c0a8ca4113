//! DNS over TLS (RFC 7858) and over HTTPS (RFC 8484) in front of the lab's name server: both are opened here and asked on over TCP.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::LOOPBACK;

/// The path of questions over HTTPS.
const PATH: &str = "/dns-query";
/// The media type of questions and answers.
const DNS_MESSAGE: &str = "application/dns-message";
/// A question is no longer.
const MOST_BYTES: usize = 4096;

/// What is spoken inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// What is spoken over TCP, byte for byte.
    Framed,
    /// HTTP.
    Http,
}

/// Starts a server in front of a name server. It runs as long as the set of tasks lives.
pub(super) async fn start(
    inside: Inside,
    server: SocketAddr,
    config: Arc<ServerConfig>,
    servers: &mut JoinSet<()>,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((LOOPBACK, 0)).await?;
    let address = listener.local_addr()?;
    servers.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            // What becomes of a single connection is the client's affair.
            connections.spawn(async move {
                let _ = converse(inside, stream, acceptor, server).await;
            });
        }
    });
    Ok(address)
}

async fn converse(inside: Inside, stream: TcpStream, acceptor: TlsAcceptor, server: SocketAddr) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    match inside {
        Inside::Framed => {
            let mut onward = TcpStream::connect(server).await?;
            onward.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut stream, &mut onward).await.map(drop)
        }
        Inside::Http => {
            let service = service_fn(move |request| answer(request, server));
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(std::io::Error::other)
        }
    }
}

async fn answer(request: Request<Incoming>, server: SocketAddr) -> std::io::Result<Response<Full<Bytes>>> {
    let is_question = request.method() == Method::POST
        && request.uri().path() == PATH
        && request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == DNS_MESSAGE);
    if !is_question {
        let mut refusal = Response::new(Full::from("this is a name server"));
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        return Ok(refusal);
    }
    let body = Limited::new(request.into_body(), MOST_BYTES).collect().await.map_err(std::io::Error::other)?;
    let mut response = Response::new(Full::from(asked_on(server, &body.to_bytes()).await?));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(DNS_MESSAGE));
    Ok(response)
}

async fn asked_on(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}
