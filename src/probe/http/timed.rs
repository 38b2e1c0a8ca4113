//! A stream that notes when bytes pass through it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// When the bytes of the current request passed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Phases {
    /// The last time that the kernel took bytes of the request.
    pub(super) last_write: Option<Instant>,
    /// The first time that bytes of the answer came.
    pub(super) first_read: Option<Instant>,
}

/// The notes, shared with the stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(Arc<Mutex<Phases>>);

impl Marks {
    pub(super) fn reset(&self) {
        self.with(|phases| *phases = Phases::default());
    }

    pub(super) fn read(&self) -> Phases {
        self.with(|phases| *phases)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Phases) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Timed<S> {
    inner: S,
    marks: Marks,
}

impl<S> Timed<S> {
    pub(super) fn new(inner: S) -> (Self, Marks) {
        let marks = Marks::default();
        (Self { inner, marks: marks.clone() }, marks)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if polled.is_ready() && buffer.filled().len() > before {
            self.marks.with(|phases| phases.first_read.get_or_insert_with(Instant::now).to_owned());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(count)) if count > 0) {
            self.marks.with(|phases| phases.last_write = Some(Instant::now()));
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
