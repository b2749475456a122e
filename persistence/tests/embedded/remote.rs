//! A store behind its socket: the suite of all stores, and what goes wrong on the way.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use persistence::remote::{self, Control, Remote};
use persistence::{Batch, Copy, Copying, Embedded, Health, Key, Kind, Page, Query, Record, Store, StoreError};
use persistence_testkit::records;
use persistence_testkit::suite::runtime;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

struct Echo;

#[async_trait]
impl Control for Echo {
    async fn ask(&self, question: &str) -> Result<String, String> {
        if question == "status" { Ok(r#"{"tick":90}"#.to_owned()) } else { Err(format!("no {question} here")) }
    }
}

async fn served() -> (TempDir, Remote) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(&folder.path().join("store.redb")).expect("a store");
    let path = folder.path().join("socket");
    let listener = remote::bind(&path).await.expect("a socket");
    tokio::spawn(remote::serve(listener, Arc::new(store), Arc::new(Echo)));
    (folder, Remote::at(&path))
}

async fn empty() -> (TempDir, Arc<dyn Store>) {
    let (folder, remote) = served().await;
    (folder, Arc::new(remote))
}

persistence_testkit::store_tests!(empty);

#[test]
fn the_socket_is_its_owners_alone_and_the_only_one() {
    runtime().block_on(async {
        let (folder, remote) = served().await;
        let path = folder.path().join("socket");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(remote.is_there().await);
        let second = remote::bind(&path).await.expect_err("one is enough");
        assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
        assert_eq!(remote.ask("status").await, Ok(r#"{"tick":90}"#.to_owned()));
        assert_eq!(remote.ask("tea").await, Err(StoreError::Other("no tea here".to_owned())));
        // One that a killed service left behind is replaced.
        let left = folder.path().join("left");
        drop(std::os::unix::net::UnixListener::bind(&left).expect("a socket"));
        remote::bind(&left).await.expect("nobody listens there");
    });
}

#[test]
fn nobody_there_is_told_apart() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let remote = Remote::at(&folder.path().join("socket"));
        assert!(!remote.is_there().await);
        let health = remote.health().await;
        assert!(
            matches!(&health, Health::Ill(StoreError::Unavailable(why)) if why.contains("no service")),
            "{health:?}"
        );
        assert!(remote.copy(&[Kind::Player]).await.is_err());
    });
}

#[test]
fn nonsense_on_the_socket_harms_nobody() {
    runtime().block_on(async {
        let (folder, remote) = served().await;
        let path = folder.path().join("socket");
        for nonsense in
            [&b""[..], b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x05\x00\x00\x00\x63abcd", b"\x09\x00\x00\x00a"]
        {
            let mut stream = UnixStream::connect(&path).await.expect("connected");
            stream.write_all(nonsense).await.expect("sent");
            stream.shutdown().await.expect("ended");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("closed");
            assert_eq!(answer, b"", "{nonsense:?}");
        }
        assert!(matches!(remote.health().await, Health::Well { .. }));
    });
}

fn players() -> Vec<Record> {
    (1..=5).map(|n| Record::Player(records::player(n, 1, 0))).collect()
}

/// What a copy gives, and how it ends.
async fn all(store: &dyn Store) -> (Vec<Record>, Result<(), StoreError>) {
    let mut records = Vec::new();
    let mut copy = match store.copy(&[Kind::Player]).await {
        Ok(copy) => copy,
        Err(error) => return (records, Err(error)),
    };
    while let Some(record) = copy.recv().await {
        match record {
            Ok(record) => records.push(record),
            Err(error) => return (records, Err(error)),
        }
    }
    (records, Ok(()))
}

/// A socket that hands so many bytes of one answer on, and then hangs up.
async fn cutting(path: &Path, to: &Path, bytes: u64) -> Remote {
    let _ = std::fs::remove_file(path);
    let (listener, to) = (UnixListener::bind(path).expect("a socket"), to.to_owned());
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("somebody comes");
        let (mut asked, mut told) = client.into_split();
        let (answer, mut question) = UnixStream::connect(&to).await.expect("the service").into_split();
        let asking = tokio::spawn(async move { tokio::io::copy(&mut asked, &mut question).await });
        tokio::io::copy(&mut answer.take(bytes), &mut told).await.expect("handed on");
        asking.abort();
    });
    Remote::at(path)
}

#[test]
fn a_copy_whose_connection_is_cut_anywhere_is_an_error() {
    runtime().block_on(async {
        let (folder, remote) = served().await;
        remote.commit(&Batch::put(players()).expect("a batch")).await.expect("written");
        let (socket, cut) = (folder.path().join("socket"), folder.path().join("cut"));
        let mut whole = 0;
        loop {
            let (records, end) = all(&cutting(&cut, &socket, whole).await).await;
            if end.is_ok() {
                assert_eq!(records, players());
                break;
            }
            assert!(matches!(end, Err(StoreError::Unavailable(_))), "{whole} bytes: {end:?}");
            assert_eq!(records, players()[..records.len()], "{whole} bytes");
            whole += 1;
        }
        // Each record has at least its number, and behind them stands that they were all.
        assert!(whole > 5 * 8 + 5, "complete after {whole} bytes");
    });
}

/// A store whose copies end in the middle, as those of a program with a mistake do.
struct Panics;

#[async_trait]
impl Store for Panics {
    async fn commit(&self, _: &Batch) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    async fn get(&self, _: &Key) -> Result<Option<Record>, StoreError> {
        Err(StoreError::Closed)
    }

    async fn list(&self, _: &Query) -> Result<Page, StoreError> {
        Err(StoreError::Closed)
    }

    async fn keys(&self, _: &Query) -> Result<Vec<Key>, StoreError> {
        Err(StoreError::Closed)
    }

    async fn copy(&self, _: &[Kind]) -> Result<Copy, StoreError> {
        let (copying, copy) = Copying::begin();
        tokio::spawn(async move {
            copying.push(players().remove(0)).await.expect("it is taken");
            panic!("on purpose");
        });
        Ok(copy)
    }

    async fn health(&self) -> Health {
        Health::Ill(StoreError::Closed)
    }
}

#[test]
fn a_copy_whose_maker_panics_is_an_error_on_both_sides_of_the_socket() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = remote::bind(&path).await.expect("a socket");
        tokio::spawn(remote::serve(listener, Arc::new(Panics), Arc::new(Echo)));
        for store in [&Panics as &dyn Store, &Remote::at(&path)] {
            let (records, end) = all(store).await;
            assert_eq!(records, players()[..1]);
            assert!(matches!(&end, Err(StoreError::Unavailable(why)) if why.contains("cut off")), "{end:?}");
        }
    });
}

#[test]
fn a_service_that_hangs_is_not_waited_for() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        // It takes connections, as the system does it for a stopped process, and says nothing.
        let _listener = UnixListener::bind(&path).expect("a socket");
        let limit = Duration::from_millis(200);
        let remote = Remote::at(&path).within(limit);
        assert!(remote.is_there().await);
        let began = Instant::now();
        let late = StoreError::TimedOut(limit);
        assert_eq!(remote.ask("status").await, Err(late.clone()));
        assert_eq!(remote.get(&players()[0].key()).await, Err(late.clone()));
        assert_eq!(remote.list(&Query::of(Kind::Player)).await, Err(late.clone()));
        assert_eq!(remote.health().await, Health::Ill(late.clone()));
        assert_eq!(all(&remote).await, (Vec::new(), Err(late)));
        let commit = remote.commit(&Batch::put(players()).expect("a batch")).await;
        assert!(matches!(commit, Err(StoreError::Unknown(_))), "it may be written yet: {commit:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    });
}

#[test]
fn a_service_that_lets_nobody_in_yet_is_there_and_is_waited_for() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let socket = UnixSocket::new_stream().expect("a socket");
        socket.bind(&path).expect("its name");
        let listener = socket.listen(1).expect("it listens");
        // As many as the system lets wait; the next one it sends away at once.
        let mut waiting = Vec::new();
        let full = loop {
            match UnixStream::connect(&path).await {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
            assert!(waiting.len() < 100, "there is always room");
        };
        assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
        let remote = Remote::at(&path);
        assert!(remote.is_there().await, "it is not nobody");
        let taken = remote::bind(&path).await.expect_err("its socket is not taken away");
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
        let limit = Duration::from_millis(100);
        assert_eq!(remote.clone().within(limit).ask("status").await, Err(StoreError::TimedOut(limit)));
        // It is waited for until there is room.
        let asking = tokio::spawn(async move { remote.ask("status").await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!asking.is_finished());
        drop(waiting);
        tokio::spawn(remote::serve(listener, Arc::new(Panics), Arc::new(Echo)));
        assert_eq!(asking.await.expect("it ends"), Ok(r#"{"tick":90}"#.to_owned()));
    });
}
