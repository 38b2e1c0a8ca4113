//! Connections: how many there may be, how long they may take, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::State;
use super::handlers::{self, Answer};
use super::web::Web;
use crate::error::Error;

/// Connections at the same time; further ones are closed at once, so that those who wait see it.
const CONNECTIONS: usize = 1024;
/// Time for the head of a request, with the handshake before the first one, and for which a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);
/// The longest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// How long an answer may wait for a client that does not read it (tcp(7), `TCP_USER_TIMEOUT`).
const UNREAD: Duration = Duration::from_secs(30);
/// After an error of accepting, as where no descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens at all addresses, or at none.
pub(super) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Error> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.map_err(|error| Error::Start {
            what: "the service",
            problem: format!("listening at {address}: {error}; --web.listen-address names another one"),
        })?);
    }
    Ok(listeners)
}

/// Accepts until it is to stop; the set is empty when the last connection is over.
pub(super) fn accept_all(
    listeners: Vec<TcpListener>,
    state: &Arc<State>,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(state), Arc::clone(&permits), stopped.clone()));
    }
    accepting
}

async fn accept(listener: TcpListener, state: Arc<State>, permits: Arc<Semaphore>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            // Ended connections are cleared away as they end.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            state.counts.refused_connections.add();
            continue;
        };
        let (state, stopped) = (Arc::clone(&state), stopped.clone());
        connections.spawn(async move {
            connection(stream, state, stopped).await;
            drop(permit);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, state: Arc<State>, stopped: watch::Receiver<bool>) {
    // Answers are written at once; without the option they are only later. Who does not read its answer is cut off; without that
    // option it holds its connection.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
    let deadline = Instant::now() + HEAD;
    let mut changes = state.webs.changes();
    let web = Arc::clone(&changes.borrow_and_update());
    let ends = Ends { deadline, stopped, changes };
    let Some(acceptor) = &web.tls else {
        return serve(stream, ends, |request| handlers::answer(Arc::clone(&state), request)).await;
    };
    let Some(stream) = ends.within(peeked(stream)).await else { return };
    match stream {
        Ok((stream, true)) => match ends.within(acceptor.accept(stream)).await {
            Some(Ok(stream)) => serve(stream, ends, |request| handlers::answer(Arc::clone(&state), request)).await,
            // A handshake that fails is the client's affair; that many do is the service's.
            Some(Err(_)) | None => state.counts.failed_handshakes.add(),
        },
        Ok((stream, false)) => serve(stream, ends, |_| std::future::ready(Ok(handlers::over_plain_http()))).await,
        Err(_) => {}
    }
}

/// A stream, and whether a record of a TLS handshake is what comes first (RFC 8446, 5.1).
async fn peeked(stream: TcpStream) -> std::io::Result<(TcpStream, bool)> {
    let mut first = [0];
    let count = stream.peek(&mut first).await?;
    Ok((stream, count == 0 || first == [22]))
}

/// What ends a connection, beside its client.
struct Ends {
    /// Until then the head of the first request must be there.
    deadline: Instant,
    stopped: watch::Receiver<bool>,
    /// Another web configuration: the next request is the last one of the connection, so that what it asks for holds soon.
    changes: watch::Receiver<Arc<Web>>,
}

impl Ends {
    /// What comes of some work; `None`: it is over before.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            done = tokio::time::timeout_at(self.deadline, work) => done.ok(),
            _ = stopped.wait_for(|stopped| *stopped) => None,
        }
    }
}

async fn serve<S, F>(stream: S, ends: Ends, answer: impl Fn(Request<Incoming>) -> F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<Answer, Infallible>>,
{
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        // No path takes a body. What is behind one that was not read must never be taken for a request.
        let has_body = !request.body().is_end_stream();
        // Kept apart in memory: a connection has room for it all the time, and answers are seldom under way.
        let (answer, changes) = (Box::pin(answer(request)), ends.changes.clone());
        async move {
            let mut answer = answer.await?;
            if has_body || changes.has_changed().unwrap_or(false) {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut stopped = ends.stopped.clone();
    let too_late = async {
        tokio::time::sleep_until(ends.deadline).await;
        if has_asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // A connection that fails is the client's affair.
        _ = &mut connection => return,
        // The handshake took of the time for the head.
        () = too_late => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
