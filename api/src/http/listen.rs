//! The accept loop: connections with TLS or without, each in its limits, until the server ends. Must never start where a
//! setting is unsafe.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::service::Service as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::connection::{Connection, Places, Unstalled};
use super::cors::NotAnOrigin;
use super::dispatch::Arrived;
use super::tls::{Tls, TlsError};
use super::{Api, wire};
use crate::identity::Visit;

/// How the server listens.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where; port 0 for any that is free.
    pub address: SocketAddr,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Requests over one connection.
    pub requests_per_connection: u32,
    /// Time for the TLS handshake.
    pub handshake_time: Duration,
    /// Time for the head of a request, from its first byte or from the end of the one before; also for the first one.
    pub head_time: Duration,
    /// Time that a connection of HTTP/2 may have nothing to do.
    pub idle_time: Duration,
    /// Time that the other end may take nothing of what is sent.
    pub stall_time: Duration,
    /// Time for what runs when the server ends.
    pub drain_time: Duration,
    /// Bytes of a request's head.
    pub head_bytes: u32,
    /// Requests at once over one connection of HTTP/2.
    pub streams: u32,
}

impl Listen {
    /// At this address, with usual limits.
    #[must_use]
    pub const fn at(address: SocketAddr) -> Self {
        Self {
            address,
            connections: 12_000,
            connections_per_address: 256,
            requests_per_connection: 1_000_000,
            handshake_time: Duration::from_secs(10),
            head_time: Duration::from_secs(15),
            idle_time: Duration::from_secs(25),
            stall_time: Duration::from_secs(25),
            drain_time: Duration::from_secs(5),
            head_bytes: 16 << 10,
            streams: 64,
        }
    }
}

/// The server does not start. Each names the setting at fault.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Off loopback without TLS.
    #[error("api.listen: {0} is not on loopback, so it needs api.certificate_file and api.private_key_file")]
    NoTls(SocketAddr),
    /// A limit of nothing.
    #[error("api.{0} is 0: a limit of nothing lets nothing through, or everything")]
    Zero(&'static str),
    /// An origin that is none, such as `*`.
    #[error("api.origins: {0}")]
    Origin(#[from] NotAnOrigin),
    /// Certificates.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// More connections than the machine lets the program have.
    #[error("api.connections_max: {wanted} connections need {needed} descriptors, and the limit is {limit}")]
    Descriptors {
        /// Connections at once.
        wanted: usize,
        /// Descriptors for them and for what else the program has open.
        needed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The address cannot be had.
    #[error("api.listen: {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// An address that is had, and where nobody is served yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    listen: Listen,
    tls: Option<Arc<Tls>>,
    address: SocketAddr,
}

impl Bound {
    /// Takes the address.
    ///
    /// # Errors
    /// [`ListenError`]; nothing is open then.
    pub async fn open(listen: Listen, tls: Option<Arc<Tls>>) -> Result<Self, ListenError> {
        check(&listen, tls.is_some())?;
        raise_descriptors(listen.connections)?;
        let bad = |error| ListenError::Bind(listen.address, error);
        let listener = TcpListener::bind(listen.address).await.map_err(bad)?;
        let address = listener.local_addr().map_err(bad)?;
        Ok(Self { listener, listen, tls, address })
    }

    /// Where it is, with the port that it was given.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves whoever comes.
    #[must_use]
    pub fn serve(self, api: Arc<Api>) -> Server {
        let Self { listener, listen, tls, address } = self;
        let (end, ending) = watch::channel(false);
        api.telemetry.start(&api);
        info!(%address, tls = tls.is_some(), "listening");
        let task = tokio::spawn(accept(listener, Door::new(api, listen, tls), ending));
        Server { address, end, task }
    }
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends: takes no new connections, and gives what runs its time.
    pub async fn end(self) {
        self.end.send_replace(true);
        // A task of ours that panicked has ended as well.
        drop(self.task.await);
    }
}

/// Whether the settings are safe.
fn check(listen: &Listen, has_tls: bool) -> Result<(), ListenError> {
    if !has_tls && !listen.address.ip().to_canonical().is_loopback() {
        return Err(ListenError::NoTls(listen.address));
    }
    let limits = [
        ("connections_max", listen.connections == 0),
        ("address_connections_max", listen.connections_per_address == 0),
        ("requests_per_connection", listen.requests_per_connection == 0),
        ("handshake_time", listen.handshake_time.is_zero()),
        ("head_time", listen.head_time.is_zero()),
        ("idle_time", listen.idle_time.is_zero()),
        ("stall_time", listen.stall_time.is_zero()),
        ("drain_time", listen.drain_time.is_zero()),
        ("head_bytes", listen.head_bytes == 0),
        ("streams", listen.streams == 0),
    ];
    match limits.iter().find(|(_, is_zero)| *is_zero) {
        Some((name, _)) => Err(ListenError::Zero(name)),
        None => Ok(()),
    }
}

/// Descriptors that the program needs beside its connections: files, databases, peers.
const OTHER_DESCRIPTORS: u64 = 256;

fn raise_descriptors(connections: usize) -> Result<(), ListenError> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let limit = now.maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum: now.maximum });
    if raised.is_err() || limit < needed {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(limit);
        return Err(ListenError::Descriptors { wanted: connections, needed, limit });
    }
    Ok(())
}

type Served = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// A filter as a service of hyper; the type that warp gives it has no name.
type Filtered = Box<dyn Fn(hyper::Request<Incoming>) -> Served + Send + Sync>;

fn service(filter: BoxedFilter<(Response,)>) -> Filtered {
    let service = TowerToHyperService::new(warp::service(filter));
    Box::new(move |request| Box::pin(service.call(request)))
}

/// What connections come in by.
struct Door {
    api: Arc<Api>,
    listen: Listen,
    tls: Option<Arc<Tls>>,
    places: Arc<Places>,
    builder: Builder<TokioExecutor>,
    plain: Filtered,
    upgrading: Filtered,
}

impl Door {
    fn new(api: Arc<Api>, listen: Listen, tls: Option<Arc<Tls>>) -> Arc<Self> {
        let gauge = api.metrics.connections.clone();
        let places = Places::new(listen.connections, listen.connections_per_address, gauge);
        let plain = service(wire::plain(Arc::clone(&api)));
        let upgrading = service(wire::upgrading(Arc::clone(&api)));
        let builder = builder(&listen);
        Arc::new(Self { api, listen, tls, places, builder, plain, upgrading })
    }
}

fn builder(listen: &Listen) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let head_bytes = usize::try_from(listen.head_bytes).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(listen.head_time)
        .max_buf_size(head_bytes.max(8192))
        .max_headers(64)
        .half_close(false)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(listen.streams)
        .max_header_list_size(listen.head_bytes)
        .max_pending_accept_reset_streams(Some(20))
        .max_local_error_reset_streams(Some(64))
        .max_send_buf_size(256 << 10)
        .keep_alive_interval(Some(listen.idle_time / 2))
        .keep_alive_timeout(listen.stall_time);
    builder
}

async fn accept(listener: TcpListener, door: Arc<Door>, mut ending: watch::Receiver<bool>) {
    let (running, mut all_ended) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ended(&mut ending) => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(place) = door.places.take(from.ip()) else {
                    door.api.metrics.refuse("connections");
                    continue;
                };
                let (door, ending, running) = (Arc::clone(&door), ending.clone(), running.clone());
                tokio::spawn(async move {
                    connected(&door, stream, from, place, ending).await;
                    drop(running);
                });
            }
            Err(error) => {
                // Mostly too few descriptors, which others give back.
                warn!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((listener, running));
    door.api.ending.send_replace(true);
    // Whatever is left then is dropped with the runtime; each task ends itself after this time.
    if tokio::time::timeout(door.listen.drain_time, all_ended.recv()).await.is_err() {
        warn!("connections were cut off at the end");
    }
}

async fn connected(
    door: &Arc<Door>,
    stream: TcpStream,
    from: SocketAddr,
    place: super::connection::Place,
    ending: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no TCP_NODELAY");
    }
    let connection = Arc::new(Connection::new(from.ip().to_canonical(), door.tls.is_some(), place));
    let stream = Unstalled::new(stream, door.listen.stall_time);
    let Some(tls) = &door.tls else { return serve(door, stream, connection, ending).await };
    let handshake = TlsAcceptor::from(tls.config()).accept(stream);
    match tokio::time::timeout(door.listen.handshake_time, handshake).await {
        Ok(Ok(stream)) => serve(door, stream, connection, ending).await,
        Ok(Err(error)) => {
            door.api.metrics.refuse("handshake");
            debug!(address = %connection.address, %error, "no TLS");
        }
        Err(_) => door.api.metrics.refuse("handshake_time"),
    }
}

/// Serves one connection until it ends, is idle for too long, or the server ends.
async fn serve<S>(door: &Arc<Door>, stream: S, connection: Arc<Connection>, mut ending: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let (door, connection) = (Arc::clone(door), Arc::clone(&connection));
        hyper::service::service_fn(move |request| answer(Arc::clone(&door), Arc::clone(&connection), request))
    };
    let listen = &door.listen;
    let mut running = pin!(door.builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    loop {
        let Some(wait) = connection.may_idle(listen.head_time, listen.idle_time) else {
            door.api.metrics.refuse("idle");
            break;
        };
        tokio::select! {
            outcome = running.as_mut() => {
                if let Err(error) = outcome {
                    debug!(address = %connection.address, %error, "a connection ended badly");
                }
                return;
            }
            () = tokio::time::sleep(wait) => {}
            () = connection.is_spent.notified() => running.as_mut().graceful_shutdown(),
            () = ended(&mut ending) => break,
        }
    }
    running.as_mut().graceful_shutdown();
    let grace = if *ending.borrow() { listen.drain_time } else { Duration::from_secs(1) };
    if tokio::time::timeout(grace, running).await.is_err() {
        debug!(address = %connection.address, "a connection was cut off");
    }
}

/// Waits until the server ends.
pub(super) async fn ended(ending: &mut watch::Receiver<bool>) {
    drop(ending.wait_for(|ending| *ending).await);
}

async fn answer(
    door: Arc<Door>,
    connection: Arc<Connection>,
    mut request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let _in_flight = connection.begin(door.listen.requests_per_connection);
    let visit = Visit { address: connection.address, correlation: door.api.draw_correlation() };
    let is_upgrade = request.headers().contains_key(hyper::header::UPGRADE);
    // Only warp's own filter of WebSockets looks at headers.
    let head = if is_upgrade { request.headers().clone() } else { std::mem::take(request.headers_mut()) };
    let arrived = Arrived {
        connection,
        visit,
        method: request.method().clone(),
        uri: request.uri().clone(),
        has_body: !request.body().is_end_stream(),
        head,
    };
    request.extensions_mut().insert(Arc::new(arrived));
    if is_upgrade { (door.upgrading)(request).await } else { (door.plain)(request).await }
}
