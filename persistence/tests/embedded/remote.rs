//! A store behind its socket: the suite of all stores, and what goes wrong on the way.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use persistence::remote::{self, Control, Remote};
use persistence::{Embedded, Health, Kind, Store, StoreError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

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
    persistence_testkit::suite::runtime().block_on(async {
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
    persistence_testkit::suite::runtime().block_on(async {
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
    persistence_testkit::suite::runtime().block_on(async {
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
