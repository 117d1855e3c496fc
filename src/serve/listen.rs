//! Binding, serving and stopping; and patience with slow clients, which has an end.

use super::follow;
use super::parts::{Parts, ServeOptions};
use super::question::Shared;
use super::routes;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("{addr} is in use by another process; stop it, or choose another address (serve.bind, or --bind)")]
    PortInUse {
        /// Where.
        addr: SocketAddr,
    },
    /// Other machines would reach it and nobody would be asked who they are.
    #[error(
        "{addr} can be reached from other machines and no tokens are set; bind to 127.0.0.1, or set serve.editor_token_file or serve.viewer_token_file"
    )]
    Unguarded {
        /// Where.
        addr: SocketAddr,
    },
    /// A token that can be guessed.
    #[error("the secret of token {name:?} is shorter than {LEAST_SECRET} characters; make it longer")]
    WeakToken {
        /// Its name.
        name: String,
    },
    /// The address cannot be used.
    #[error("could not listen on {addr}: {error}")]
    Bind {
        /// Where.
        addr: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// Shortest secret of a token, in bytes.
const LEAST_SECRET: usize = 16;

impl ServeError {
    /// Whether the configuration is at fault (exit 78) and not the moment (exit 75).
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            ServeError::Unguarded { .. } | ServeError::WeakToken { .. } => true,
            ServeError::PortInUse { .. } => false,
            ServeError::Bind { error, .. } => matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput
            ),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Serving {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

impl Serving {
    /// Where it listens (the port chosen, where 0 was asked for).
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections, lets requests under way finish for at most `grace`, then ends.
    pub async fn shutdown(self, grace: Duration) {
        let Self { stop, mut task, .. } = self;
        stop.send_replace(true);
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Binds and serves until [`Serving::shutdown`]. Must be called within a tokio runtime.
///
/// # Errors
/// The address cannot be bound, or would be open to others without tokens.
pub async fn start(options: ServeOptions, parts: Parts) -> Result<Serving, ServeError> {
    let addr = options.bind;
    if options.tokens.is_empty() && !addr.ip().is_loopback() {
        return Err(ServeError::Unguarded { addr });
    }
    if let Some(weak) = options.tokens.iter().find(|t| t.secret.len() < LEAST_SECRET) {
        return Err(ServeError::WeakToken {
            name: weak.name.clone(),
        });
    }
    let listener = TcpListener::bind(addr).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            ServeError::PortInUse { addr }
        } else {
            ServeError::Bind { addr, error }
        }
    })?;
    let addr = listener
        .local_addr()
        .map_err(|error| ServeError::Bind { addr, error })?;
    let patience = Patience {
        idle: options.idle,
        sending: options.sending,
    };
    let connections = Arc::new(Semaphore::new(options.connections.max(1)));
    let routes = routes::Routes::all();
    let (stop, mut stopped) = watch::channel(false);
    let shared = Shared::new(options, parts, routes.openapi(), stopped.clone());
    if shared.parts.alerts.is_some() {
        tokio::spawn(follow::keep_looking(shared.clone()));
    }
    let app = routes.into_router(shared);
    let listening = Patient {
        patience,
        listener,
        connections,
    };
    let task = tokio::spawn(async move {
        axum::serve(listening, app)
            .with_graceful_shutdown(async move {
                // An error means that `Serving` was dropped: then the server stops as well.
                stopped.wait_for(|stop| *stop).await.map_or((), |_| ())
            })
            .await
    });
    Ok(Serving { addr, stop, task })
}

/// How long a connection may do nothing, and how long a request may take to arrive.
#[derive(Debug, Clone, Copy)]
struct Patience {
    idle: Duration,
    sending: Duration,
}

/// Takes so many connections at once, each with limits of time.
struct Patient {
    patience: Patience,
    listener: TcpListener,
    connections: Arc<Semaphore>,
}

impl axum::serve::Listener for Patient {
    type Io = PatientStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (PatientStream, SocketAddr) {
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok();
        let (stream, addr) = axum::serve::Listener::accept(&mut self.listener).await;
        // Small answers leave at once; failing to ask for it costs only time.
        drop(stream.set_nodelay(true));
        (PatientStream::new(stream, permit, self.patience), addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A stream that gives up: when nothing happens for too long, or when one request takes too long to arrive.
struct PatientStream {
    patience: Patience,
    inner: TcpStream,
    deadline: Pin<Box<Sleep>>,
    /// When the first byte since our last answer came.
    sending_since: Option<Instant>,
    _place: Option<OwnedSemaphorePermit>,
}

impl PatientStream {
    fn new(inner: TcpStream, place: Option<OwnedSemaphorePermit>, patience: Patience) -> Self {
        Self {
            patience,
            inner,
            deadline: Box::pin(tokio::time::sleep(patience.idle)),
            sending_since: None,
            _place: place,
        }
    }

    fn extend(&mut self) {
        let idle = Instant::now() + self.patience.idle;
        let until = self
            .sending_since
            .map_or(idle, |since| idle.min(since + self.patience.sending));
        self.deadline.as_mut().reset(until);
    }

    /// What a stalled operation gives: still pending, or an end.
    fn stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.deadline
            .as_mut()
            .poll(cx)
            .map(|()| io::Error::new(io::ErrorKind::TimedOut, "the client was too slow"))
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() {
            if buf.filled().len() > before {
                self.sending_since.get_or_insert_with(Instant::now);
                self.extend();
            }
            return polled;
        }
        self.stalled(cx).map(Err)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if polled.is_ready() {
            self.sending_since = None;
            self.extend();
            return polled;
        }
        self.stalled(cx).map(Err)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        if polled.is_ready() {
            self.sending_since = None;
            self.extend();
            return polled;
        }
        self.stalled(cx).map(Err)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
