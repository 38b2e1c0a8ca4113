//! Open connections that one step leaves for the next, so that TLS and HTTP run over the very connections whose connect was
//! measured.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::http::Exchange;
use crate::evidence::ObservationId;

/// An open connection.
pub(super) enum Connection {
    /// TCP, nothing sent yet.
    Tcp(TcpStream),
    /// TLS, nothing sent yet.
    Tls(Box<TlsStream<TcpStream>>),
    /// HTTP, ready for another request.
    Http(Exchange),
}

/// The open connections, by the observation that opened or last used them.
#[derive(Default)]
pub(super) struct Connections(Mutex<BTreeMap<ObservationId, Vec<Connection>>>);

impl Connections {
    pub(super) fn put(&self, owner: ObservationId, connection: Connection) {
        self.lock().entry(owner).or_default().push(connection);
    }

    pub(super) fn take(&self, owner: Option<ObservationId>) -> Option<Connection> {
        let owner = owner?;
        let mut connections = self.lock();
        let of_owner = connections.get_mut(&owner)?;
        if of_owner.is_empty() { None } else { Some(of_owner.remove(0)) }
    }

    /// A connection, if there are more than the ones that others use.
    pub(super) fn take_spare(&self, owner: Option<ObservationId>, used_by_others: usize) -> Option<Connection> {
        self.lock().get_mut(&owner?).filter(|connections| connections.len() > used_by_others)?.pop()
    }

    // A panic elsewhere cannot leave a map of vectors half changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObservationId, Vec<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
