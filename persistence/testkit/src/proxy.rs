//! A way to a PostgreSQL server that can be made slow, closed, or cut at a statement. Must never change a byte that it lets
//! through.
//!
//! Connections are counted. So are statements where the client speaks without TLS: each ends with the client's `Sync`, or is
//! a simple `Query`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::cluster::DATABASE;

/// The code of a request for TLS, in the place of a protocol's version.
const TLS_REQUEST: u32 = 80_877_103;

/// What it does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Lets everything through.
    Open,
    /// Lets everything that clients send through so much later.
    Late(Duration),
    /// Ends all connections, and those that come at once.
    Closed,
}

/// Where a connection is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// So many statements are done and answered; the next one does not reach the server.
    Before(u64),
    /// So many statements are done, and the answer to the last of them does not reach the client.
    Answer(u64),
}

/// The proxy. All connections through it end when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    to: u16,
    way: watch::Sender<Way>,
    connections: AtomicU64,
    statements: AtomicU64,
    /// A cut that is to come, and the statements before the count of it began.
    cut: Mutex<Option<(Cut, u64)>>,
}

impl Proxy {
    /// To a server on this machine.
    ///
    /// # Panics
    /// Where the system gives no port or no thread.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket for the runtime");
        let port = listener.local_addr().expect("its address").port();
        let way = watch::Sender::new(Way::Open);
        let (connections, statements) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { to: server, way, connections, statements, cut: Mutex::new(None) });
        let accepting = Arc::clone(&shared);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                shared.connections.fetch_add(1, Ordering::AcqRel);
                // However a connection ends, both sides see it.
                tokio::spawn(async move { shared.carry(client).await });
            }
        });
        Self { port, shared, runtime: Some(runtime) }
    }

    /// How a role reaches the server through it.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        format!("postgresql://{role}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// From now on, also for connections that are there.
    pub fn set(&self, way: Way) {
        self.shared.way.send_replace(way);
    }

    /// Cuts the connection that gets there first; statements are counted from now on.
    pub fn cut(&self, cut: Cut) {
        *self.shared.cut() = Some((cut, self.statements()));
    }

    /// Whether a cut is still to come.
    #[must_use]
    pub fn will_cut(&self) -> bool {
        self.shared.cut().is_some()
    }

    /// Connections that were tried so far, whatever became of them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Statements that reached the server so far.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What becomes of a client's message.
#[derive(PartialEq, Eq)]
enum Fate {
    Passes,
    /// It passes, and what the server answers does not.
    PassesUnanswered,
    Cut,
}

impl Shared {
    fn cut(&self) -> std::sync::MutexGuard<'_, Option<(Cut, u64)>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry(&self, client: TcpStream) -> io::Result<()> {
        let mut way = self.way.subscribe();
        if *way.borrow() == Way::Closed {
            return Ok(());
        }
        let server = TcpStream::connect(("127.0.0.1", self.to)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let muted = watch::Sender::new(false);
        tokio::select! {
            ended = self.forth(from_client, to_server, &muted) => ended,
            ended = back(from_server, to_client, muted.subscribe()) => ended,
            _ = way.wait_for(|way| *way == Way::Closed) => Ok(()),
        }
    }

    async fn forth(
        &self,
        mut client: OwnedReadHalf,
        mut server: OwnedWriteHalf,
        muted: &watch::Sender<bool>,
    ) -> io::Result<()> {
        let (mut waiting, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        let (mut has_begun, mut is_sealed) = (false, false);
        loop {
            let count = client.read(&mut chunk).await?;
            if count == 0 {
                return Ok(());
            }
            self.wait().await;
            waiting.extend(&chunk[..count]);
            while let Some((length, code)) = message(&waiting, has_begun).filter(|_| !is_sealed) {
                is_sealed = !has_begun && code == TLS_REQUEST;
                let fate = if has_begun { self.fate(waiting[0]) } else { Fate::Passes };
                has_begun = true;
                if fate == Fate::Cut {
                    return Ok(());
                }
                if fate == Fate::PassesUnanswered {
                    muted.send_replace(true);
                }
                let rest = waiting.split_off(length);
                server.write_all(&std::mem::replace(&mut waiting, rest)).await?;
            }
            if is_sealed {
                server.write_all(&std::mem::take(&mut waiting)).await?;
            }
        }
    }

    /// Waits as long as what was sent is to come later; no longer, once that is over.
    async fn wait(&self) {
        let mut way = self.way.subscribe();
        let late = *way.borrow_and_update();
        if let Way::Late(delay) = late {
            // Which of the two it is does not matter.
            let _ = tokio::time::timeout(delay, way.wait_for(|way| *way != late)).await;
        }
    }

    fn fate(&self, kind: u8) -> Fate {
        // Who says goodbye wants nothing any more.
        if kind == b'X' {
            return Fate::Passes;
        }
        let is_end = matches!(kind, b'S' | b'Q');
        let mut cut = self.cut();
        let done = |since: u64| self.statements.load(Ordering::Acquire).saturating_sub(since);
        let fate = match *cut {
            Some((Cut::Before(count), since)) if done(since) >= count => Fate::Cut,
            Some((Cut::Answer(count), since)) if is_end && done(since) + 1 >= count => Fate::PassesUnanswered,
            _ => Fate::Passes,
        };
        if fate != Fate::Passes {
            *cut = None;
        }
        if is_end && fate != Fate::Cut {
            self.statements.fetch_add(1, Ordering::AcqRel);
        }
        fate
    }
}

/// What the server says, until it says something that is not to be heard.
async fn back(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, muted: watch::Receiver<bool>) -> io::Result<()> {
    let mut chunk = vec![0; 1 << 16];
    loop {
        let count = server.read(&mut chunk).await?;
        if count == 0 || *muted.borrow() {
            return Ok(());
        }
        client.write_all(&chunk[..count]).await?;
    }
}

/// Length of the first message if all of it is there, and the four bytes behind its length.
fn message(bytes: &[u8], has_begun: bool) -> Option<(usize, u32)> {
    // The first one of a connection has no kind.
    let at = usize::from(has_begun);
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let length = at + usize::try_from(word(at)?).ok()?;
    (bytes.len() >= length).then(|| (length, word(at + 4).unwrap_or_default()))
}
