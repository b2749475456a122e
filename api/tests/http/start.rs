//! TLS, and settings with which nothing starts.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::http::{
    Answer, Bound, Listen, ListenError, Origins, Route, Rules, Table, TableError, Tls, TlsError, TlsFiles,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{PATIENCE, Running};

fn write_certificate(folder: &Path) -> (TlsFiles, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { certificates: folder.join("chain.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificates, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).expect("rights");
    (files, made.cert.der().clone())
}

/// One request over TLS.
async fn ask(address: SocketAddr, root: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// What the server says to a client that knows TLS 1.2 and nothing newer: this program's own client does not know it.
async fn alert_for_tls_1_2(address: SocketAddr) -> Vec<u8> {
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [&[0, 16][..], &groups, &signatures].concat();
    let ciphers = [0, 4, 0xc0, 0x2b, 0xc0, 0x2f];
    let hello = [&[3, 3][..], &[7; 32], &[0], &ciphers, &[1, 0], &extensions].concat();
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short hello");
    let message = [&[1, 0, 0, length(&hello)][..], &hello].concat();
    let record = [&[0x16, 3, 1, 0, length(&message)][..], &message].concat();
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(&record).await.expect("sent");
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("in time").expect("an answer");
    answer
}

#[tokio::test]
async fn tls_is_of_version_1_3_and_certificates_are_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, first) = write_certificate(folder.path());
    let tls = Arc::new(Tls::open(files).expect("TLS"));
    let running = Running::with(
        Rules::default(),
        |listen| listen.handshake_time = Duration::from_millis(700),
        Some(Arc::clone(&tls)),
    )
    .await;
    let address = running.server.address();
    let got = ask(address, &first).await.expect("a reply");
    assert!(got.starts_with("HTTP/1.1 401") && got.contains("strict-transport-security: max-age=31536000"), "{got}");
    assert_eq!(alert_for_tls_1_2(address).await, [0x15, 3, 3, 0, 2, 2, 70]);
    // Plain text is no handshake, and silence is cut off.
    let mut plain = running.client().await;
    plain.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(plain.is_closed_within(PATIENCE).await);
    assert!(running.client().await.is_closed_within(PATIENCE).await);
    let (_, second) = write_certificate(folder.path());
    ask(address, &second).await.expect_err("the new one is not read yet");
    tls.reload().expect("read again");
    ask(address, &second).await.expect("a reply");
    std::fs::write(folder.path().join("chain.pem"), "nothing").expect("written");
    tls.reload().expect_err("no certificate");
    ask(address, &second).await.expect("what was in force goes on");
}

#[test]
fn a_key_that_others_may_read_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, _) = write_certificate(folder.path());
    for mode in [0o604, 0o644, 0o666, 0o620] {
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(mode)).expect("rights");
        assert_eq!(Tls::open(files.clone()).expect_err("exposed"), TlsError::Exposed(files.key.clone()));
    }
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).expect("rights");
    Tls::open(files).expect("TLS");
}

#[tokio::test]
async fn unsafe_settings_stop_the_start() {
    let running = Running::start().await;
    let start = async |change: fn(&mut Listen)| {
        let mut listen = Listen::at(SocketAddr::from(([127, 0, 0, 1], 0)));
        listen.connections = 100;
        change(&mut listen);
        match Bound::open(listen, None).await {
            Ok(bound) => {
                bound.serve(Arc::clone(&running.api)).end().await;
                String::new()
            }
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(start(|_| {}).await, "");
    for (change, setting) in [
        ((|listen| listen.address = ([0, 0, 0, 0], 0).into()) as fn(&mut Listen), "api.certificate_file"),
        (|listen| listen.address = ([192, 0, 2, 1], 0).into(), "api.certificate_file"),
        (|listen| listen.address = "[::]:0".parse().expect("an address"), "api.certificate_file"),
        (|listen| listen.connections = 0, "api.connections_max"),
        (|listen| listen.connections_per_address = 0, "api.address_connections_max"),
        (|listen| listen.requests_per_connection = 0, "api.requests_per_connection"),
        (|listen| listen.head_time = Duration::ZERO, "api.head_time"),
        (|listen| listen.streams = 0, "api.streams"),
        (|listen| listen.connections = 1 << 40, "api.connections_max"),
    ] {
        let error = start(change).await;
        assert!(error.contains(setting), "{setting}: {error:?}");
    }
    assert!(
        ListenError::from(Origins::new(["*".to_owned()]).expect_err("a wildcard")).to_string().contains("api.origins")
    );
}

#[test]
fn a_table_that_is_not_sound_stops_the_start() {
    let of = |change: fn(&mut Route)| {
        let mut route = *api::routes::status::ROUTES.first().expect("a route");
        change(&mut route);
        // Tables live as long as the program.
        Table::new([&*Box::leak(Box::new(route))]).map(|_| ()).map_err(|error| matches!(error, TableError::Unsound(..)))
    };
    assert_eq!(of(|_| {}), Ok(()));
    assert_eq!((of(|route| route.path = "/"), of(|route| route.path = "/status/")), (Ok(()), Ok(())));
    for change in [
        (|route| route.path = "/a/{b}") as fn(&mut Route),
        |route| route.path = "status",
        |route| route.path = "//",
        |route| route.path = "/status//",
        |route| route.path = "/a//b",
        |route| route.id = "Status",
        |route| route.limits.at_once = 0,
        |route| route.limits.body_bytes = 1,
        |route| route.limits.time = Duration::ZERO,
        |route| route.answers = &[],
        |route| route.answers = const { &[Answer::empty(302, "elsewhere")] },
        |route| route.doc.summary = "",
    ] {
        assert_eq!(of(change), Err(true));
    }
    let status = api::routes::status::ROUTES.first().expect("a route");
    assert_eq!(Table::new([status, status]).map(|_| ()), Err(TableError::Twice("status")));
}
