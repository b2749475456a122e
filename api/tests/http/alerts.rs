//! SEC-059: alerts arrive where they are waited for, over a WebSocket and at a receiver elsewhere: once, signed, in order;
//! whoever takes none does nobody any harm.

use std::collections::VecDeque;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::clock::{Moment, TurnedClock};
use api::gate::{Gatekeeper as _, Sign};
use api::http::{Rules, Tls, TlsFiles};
use api::identity::{Correlation, Person, Visit};
use api::ports::{
    Account, AccountError, Accounts, Act, AuditError, AuditLog, Entry, NewAccount, Reading, StoredSignIn,
};
use api::security::keys::Keys;
use api::security::policy::Policy;
use api::security::{Outside, Security};
use api::webhook::{Pace, Webhook, WebhookSettings};
use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PATIENCE, Running};

/// A store without anybody, and an audit log that takes everything.
struct Empty;

#[async_trait]
impl Accounts for Empty {
    async fn by_name(&self, _: &str) -> Result<Option<Account>, AccountError> {
        Ok(None)
    }

    async fn by_person(&self, _: Person) -> Result<Option<Account>, AccountError> {
        Ok(None)
    }

    async fn list(&self, _: Option<Person>, _: usize) -> Result<(Vec<Account>, bool), AccountError> {
        Ok((Vec::new(), false))
    }

    async fn create(&self, _: &NewAccount) -> Result<Account, AccountError> {
        Err(AccountError::Taken)
    }

    async fn update(&self, _: &Account) -> Result<Account, AccountError> {
        Err(AccountError::NotFound)
    }

    async fn sign_ins(&self, _: Moment) -> Result<Vec<StoredSignIn>, AccountError> {
        Ok(Vec::new())
    }

    async fn put_sign_in(&self, _: &StoredSignIn) -> Result<u64, AccountError> {
        Err(AccountError::Conflict)
    }

    async fn licence(&self) -> Result<u32, AccountError> {
        Ok(0)
    }

    async fn publish_licence(&self, _: u32) -> Result<(), AccountError> {
        Ok(())
    }
}

#[async_trait]
impl AuditLog for Empty {
    async fn record(&self, _: Act) -> Result<u64, AuditError> {
        Ok(1)
    }

    async fn page(&self, _: Reading, _: usize) -> Result<(Vec<Entry>, bool), AuditError> {
        Ok((Vec::new(), false))
    }

    async fn verify(&self) -> Result<u64, AuditError> {
        Ok(0)
    }
}

/// A server with a gate that raises alerts.
async fn watched() -> (Running, Arc<Security>) {
    let clock = Arc::new(TurnedClock::at(Moment(1_800_000_000_000)));
    let outside = Outside { clock: clock.clone(), accounts: Arc::new(Empty), audit: Arc::new(Empty) };
    let security = Security::start(Policy::default(), outside, Keys::in_memory().expect("random numbers")).await;
    let security = security.expect("it starts");
    let ports = |ports: &mut api::http::Ports| {
        ports.security = Some(Arc::clone(&security));
        ports.clock = clock;
    };
    (Running::around(crate::support::table(), Rules::default(), |_| {}, None, ports).await, security)
}

/// An attack from an address of its own, which raises one alert.
fn attack(security: &Security, n: u32) -> Correlation {
    let mut correlation = [7; 12];
    correlation[..4].copy_from_slice(&n.to_be_bytes());
    let visit =
        Visit { address: std::net::Ipv4Addr::from(0x0a00_0000 + n).into(), correlation: Correlation(correlation) };
    (0..3).for_each(|_| security.saw(&visit, Sign::Traversal));
    visit.correlation
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

type Ws = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(running: &Running, role: &str) -> Ws {
    let url = format!("ws://{}/ws/alerts", running.server.address());
    let mut ws = tokio_tungstenite::connect_async(&url).await.expect("a WebSocket").0;
    say(&mut ws, &format!("{{\"type\":\"authenticate\",\"token\":\"{role}\"}}")).await;
    ws
}

async fn say(ws: &mut Ws, text: &str) {
    ws.send(Message::text(text)).await.expect("sent");
}

async fn hear(ws: &mut Ws) -> Value {
    loop {
        match soon(ws.next()).await.expect("a message").expect("sound") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Close(frame) => return frame.map_or(0, |frame| u16::from(frame.code)).into(),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_socket_gets_what_is_kept_and_then_what_is_new() {
    let (running, security) = watched().await;
    let first = attack(&security, 1);
    assert_eq!(hear(&mut open(&running, "player").await).await, 4403, "a player");
    let mut ws = open(&running, "operator").await;
    assert_eq!(hear(&mut ws).await["type"], "authenticated");
    say(&mut ws, "{\"type\":\"subscribe\",\"seq\":1,\"after\":0}").await;
    assert_eq!(hear(&mut ws).await["type"], "subscribed");
    let kept = hear(&mut ws).await;
    let alert = &kept["alert"];
    assert_eq!((&alert["rule"], &alert["correlation"]), (&"traversal".into(), &first.to_string().into()));
    let (began, second) = (Instant::now(), attack(&security, 2));
    let new = hear(&mut ws).await;
    assert_eq!((&new["alert"]["seq"], &new["alert"]["correlation"]), (&2.into(), &second.to_string().into()));
    assert!(began.elapsed() < Duration::from_secs(5), "SEC-059: in less than 5 s");
    // More than are kept come at once: it is told how many are missed, and the rest comes in order.
    say(&mut ws, "{\"type\":\"unsubscribe\",\"seq\":2}").await;
    assert_eq!(hear(&mut ws).await["type"], "unsubscribed");
    (3..=302).for_each(|n| {
        attack(&security, n);
    });
    say(&mut ws, "{\"type\":\"subscribe\",\"seq\":3,\"after\":2}").await;
    assert_eq!(hear(&mut ws).await["type"], "subscribed");
    let missed = hear(&mut ws).await;
    assert_eq!((&missed["type"], &missed["count"]), (&"missed".into(), &44.into()));
    for seq in 47..=302_u64 {
        assert_eq!(hear(&mut ws).await["alert"]["seq"], seq);
    }
    // A number of another run of the program is behind all.
    say(&mut ws, "{\"type\":\"subscribe\",\"seq\":4,\"after\":9999}").await;
    assert_eq!(hear(&mut ws).await["after"], 0);
}

/// What came to the receiver.
#[derive(Clone, Debug)]
struct Came {
    head: String,
    body: Vec<u8>,
}

impl Came {
    fn header(&self, name: &str) -> String {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name}: {}", self.head)).to_owned()
    }

    fn seq(&self) -> u64 {
        serde_json::from_slice::<Value>(&self.body).expect("JSON")["alert"]["seq"].as_u64().expect("a number")
    }
}

/// A receiver that answers with these statuses in turn, then with 204; 0 for no answer at all.
#[derive(Clone, Default)]
struct Receiver {
    came: Arc<Mutex<Vec<Came>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    fn answering(answers: &[u16]) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() }
    }

    async fn take(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut bytes = Vec::new();
        let end = loop {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).expect("a length");
        while bytes.len() < end + length {
            assert!(stream.read_buf(&mut bytes).await.expect("more") > 0);
        }
        self.came.lock().expect("no panic").push(Came { head, body: bytes[end..].to_vec() });
        let status = self.answers.lock().expect("no panic").pop_front().unwrap_or(204);
        if status == 0 {
            return std::future::pending().await;
        }
        let answer = format!("HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
        drop(stream.write_all(answer.as_bytes()).await);
        drop(stream.shutdown().await);
    }

    fn listen(&self, listener: TcpListener, tls: Option<Arc<Tls>>) {
        let receiver = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (receiver, tls) = (receiver.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => receiver.take(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tokio_rustls::TlsAcceptor::from(tls.config()).accept(stream).await {
                                receiver.take(stream).await;
                            }
                        }
                    }
                });
            }
        });
    }

    async fn came(&self, count: usize) -> Vec<Came> {
        let all = async {
            loop {
                let came = self.came.lock().expect("no panic").clone();
                if came.len() >= count {
                    return came;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon(all).await
    }
}

const SECRET: &str = "a secret that only the two ends of this know";
const HASTE: Pace = Pace {
    time: Duration::from_millis(400),
    first_wait: Duration::from_millis(20),
    longest_wait: Duration::from_millis(100),
};

fn private(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    let mut file = std::fs::File::create(&path).expect("a file");
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).expect("ours");
    file.write_all(text.as_bytes()).expect("written");
    path
}

/// Starts to send to a receiver at this address.
fn sending(running: &Running, folder: &tempfile::TempDir, url: String, roots: Option<PathBuf>) {
    let settings = WebhookSettings { url, secret: private(folder, "secret", SECRET), roots };
    let webhook = Webhook::open(&settings, HASTE).expect("it can be used");
    tokio::spawn(webhook.run(Arc::clone(&running.api)));
}

/// A counter of what became of alerts.
fn counted(running: &Running, outcome: &str) -> u64 {
    let line = format!("spacetime_api_webhook_alerts_total{{outcome=\"{outcome}\"}} ");
    let text = running.api.metrics.text();
    text.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().expect("a number"))
}

async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_receiver_gets_each_alert_once_signed_and_in_order() {
    let (running, security) = watched().await;
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}/hook?of=test", listener.local_addr().expect("an address"));
    let receiver = Receiver::default();
    receiver.listen(listener, None);
    sending(&running, &folder, url, None);
    let began = Instant::now();
    let correlations: Vec<Correlation> = (1..=3).map(|n| attack(&security, n)).collect();
    let came = receiver.came(3).await;
    assert!(began.elapsed() < Duration::from_secs(5), "SEC-059: in less than 5 s");
    until(|| counted(&running, "sent") == 3).await;
    assert_eq!(came.iter().map(Came::seq).collect::<Vec<_>>(), [1, 2, 3]);
    for (one, correlation) in came.iter().zip(correlations) {
        assert!(one.head.starts_with("POST /hook?of=test HTTP/1.1\r\n"), "{}", one.head);
        let body: Value = serde_json::from_slice(&one.body).expect("JSON");
        assert_eq!((&body["world"], &body["alert"]["correlation"]), (&"still".into(), &correlation.to_string().into()));
        // As a receiver would: HMAC-SHA256 over time, delivery and body.
        let (time, delivery) = (one.header("spacetime-timestamp"), one.header("spacetime-delivery"));
        assert_eq!(time, "1800000000");
        let signed = [format!("{time}.{delivery}.").as_bytes(), &one.body].concat();
        let told = one.header("spacetime-signature");
        let tag: Vec<u8> =
            (7..told.len()).step_by(2).map(|i| u8::from_str_radix(&told[i..i + 2], 16).expect("hex")).collect();
        let verify = |secret: &str, signed: &[u8]| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
            ring::hmac::verify(&key, signed, &tag).is_ok()
        };
        assert!(told.starts_with("sha256=") && verify(SECRET, &signed));
        assert!(!verify("another secret, as long as that one is", &signed) && !verify(SECRET, &one.body), "control");
    }
    let metrics = running.get("/metrics", "operator").await;
    let text = &metrics.body;
    assert!(text.contains("spacetime_api_alerts_total{rule=\"traversal\"} 3\n"), "{text}");
    assert!(text.contains("spacetime_api_alerts_total{rule=\"injection\"} 0\n"), "control: of another rule none");
    // Nothing more comes of it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.came(3).await.len(), 3, "once");
}

#[tokio::test]
async fn a_receiver_that_is_away_slow_or_unwilling_loses_no_more_than_it_must() {
    let (running, security) = watched().await;
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    sending(&running, &folder, format!("http://{address}/"), None);
    let one = attack(&security, 1);
    until(|| counted(&running, "failed") >= 2).await;
    assert_eq!(counted(&running, "sent"), 0, "nobody is there");
    // It comes back; it takes no answer's time, fails, and then takes it.
    let receiver = Receiver::answering(&[0, 503, 429]);
    receiver.listen(TcpListener::bind(address).await.expect("the same address"), None);
    until(|| counted(&running, "sent") == 1).await;
    let came = receiver.came(4).await;
    assert!(came.iter().all(|came| came.seq() == 1 && String::from_utf8_lossy(&came.body).contains(&one.to_string())));
    let deliveries: Vec<String> = came.iter().map(|came| came.header("spacetime-delivery")).collect();
    assert!(deliveries.windows(2).all(|pair| pair[0] == pair[1]), "told apart from another alert: {deliveries:?}");
    // What points elsewhere is not followed, and what is refused is not sent again.
    receiver.answers.lock().expect("no panic").extend([302, 404]);
    (2..=4).for_each(|n| {
        attack(&security, n);
    });
    until(|| counted(&running, "sent") == 2).await;
    assert_eq!(counted(&running, "lost"), 2);
    assert_eq!(receiver.came(7).await.iter().skip(4).map(Came::seq).collect::<Vec<_>>(), [2, 3, 4]);
    // While it hangs, more are raised than are kept: whoever raises them does not wait, and the loss is counted.
    receiver.answers.lock().expect("no panic").push_back(0);
    attack(&security, 5);
    receiver.came(8).await;
    let began = Instant::now();
    (6..=305).for_each(|n| {
        attack(&security, n);
    });
    assert!(began.elapsed() < HASTE.time, "{:?}", began.elapsed());
    until(|| counted(&running, "sent") == 2 + 1 + 256).await;
    assert_eq!(counted(&running, "lost"), 2 + 44);
}

#[tokio::test]
async fn over_tls_only_who_has_a_certificate_of_ours_gets_anything() {
    let (running, security) = watched().await;
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let files = TlsFiles {
            certificates: private(&folder, &format!("{name}.pem"), &made.cert.pem()),
            key: private(&folder, &format!("{name}.key"), &made.signing_key.serialize_pem()),
        };
        (files.certificates.clone(), Arc::new(Tls::open(files).expect("it can be used")))
    };
    let ((root, tls), (other_root, _)) = (made("ours"), made("theirs"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let receiver = Receiver::default();
    receiver.listen(listener, Some(tls));
    sending(&running, &folder, format!("https://localhost:{port}/"), Some(other_root));
    attack(&security, 1);
    until(|| counted(&running, "failed") >= 2).await;
    assert!(receiver.came(0).await.is_empty(), "control: whom we do not trust gets nothing");
    sending(&running, &folder, format!("https://localhost:{port}/"), Some(root));
    assert_eq!(receiver.came(1).await[0].seq(), 1);
}

#[test]
fn a_secret_that_is_short_or_lies_open_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |secret: PathBuf| {
        let settings = WebhookSettings { url: "http://localhost/".into(), secret, roots: None };
        Webhook::open(&settings, HASTE).err().map(|e| e.to_string())
    };
    assert_eq!(open(private(&folder, "good", SECRET)), None, "control");
    let exposed = private(&folder, "exposed", SECRET);
    std::fs::set_permissions(&exposed, std::fs::Permissions::from_mode(0o604)).expect("ours");
    for secret in [private(&folder, "short", "hunter2"), exposed, folder.path().join("none")] {
        let told = open(secret).expect("refused");
        assert!(told.starts_with("api.alert_webhook_secret_file: ") && !told.contains("hunter2"), "{told}");
    }
}
