//! Alerts to a receiver elsewhere, by signed requests. Must never make whoever raises an alert wait, nor send one in the
//! clear off this machine, nor follow where an answer points.
//!
//! What waits is what the gate keeps of its alerts anyway: while a receiver is away the oldest go, and are counted.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use ring::hmac;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::http::Api;
use crate::http::metrics::Delivery;
use crate::routes::alerts::OneAlert;
use crate::security::{Told, random};

/// Where systems keep whom they trust.
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/// A shorter secret could be guessed.
const SECRET_BYTES_MIN: usize = 32;
const SECRET_BYTES_MAX: u64 = 4096;

/// Where alerts go, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// `https://host[:port]/path`, or `http` on this machine.
    pub url: String,
    /// File with the secret that signs requests.
    pub secret: PathBuf,
    /// PEM file of whoever signed the receiver's certificate; the system's own without it.
    pub roots: Option<PathBuf>,
}

/// How patiently alerts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Longest that one request may take.
    pub time: Duration,
    /// Wait after the first failure; each further one is twice as long.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let [time, first_wait, longest_wait] = [10, 1, 60].map(Duration::from_secs);
        Self { time, first_wait, longest_wait }
    }
}

/// Alerts cannot be sent like this. Names the setting; never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The address is none, or none that alerts may go to.
    #[error("api.alert_webhook_url {0}")]
    Url(&'static str),
    /// A file cannot be used.
    #[error("{setting}: {path}: {why}")]
    File {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] random::NoRandomness),
}

/// An address that alerts may go to.
struct Receiver {
    host: String,
    port: u16,
    /// As the header says it.
    authority: String,
    path: String,
    is_tls: bool,
}

impl Receiver {
    fn parse(url: &str) -> Result<Self, WebhookError> {
        let refused = |why| Err(WebhookError::Url(why));
        let Ok(uri) = url.parse::<Uri>() else { return refused("is not a URL") };
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return refused("has to begin with https://, or on this machine with http://"),
        };
        let (Some(authority), Some(host)) = (uri.authority(), uri.host()) else { return refused("names no host") };
        if authority.as_str().contains('@') {
            return refused("must not hold a name or password: requests are signed with api.alert_webhook_secret_file");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if !is_tls && !is_here {
            return refused("has to begin with https://, as it is not on this machine");
        }
        Ok(Self {
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            host,
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            is_tls,
        })
    }
}

/// Looks whether alerts may go to this address.
///
/// # Errors
/// [`WebhookError::Url`].
pub fn check_url(url: &str) -> Result<(), WebhookError> {
    Receiver::parse(url).map(|_| ())
}

/// Sends alerts.
pub struct Webhook {
    receiver: Receiver,
    tls: Option<TlsConnector>,
    key: hmac::Key,
    pace: Pace,
    /// Tells this run of the program from others, which number their alerts from 1 too.
    run: String,
}

/// What became of one request.
enum Answer {
    Taken,
    /// Whoever is there does not want it, now or later.
    Refused(StatusCode),
    /// It may be taken another time.
    Later(String),
}

impl Webhook {
    /// Reads what it needs.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn open(settings: &WebhookSettings, pace: Pace) -> Result<Self, WebhookError> {
        let receiver = Receiver::parse(&settings.url)?;
        let secret = read_secret(&settings.secret)?;
        let tls = if receiver.is_tls { Some(connector(settings.roots.as_deref())?) } else { None };
        let run: [u8; 8] = random::bytes()?;
        let run = run.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { receiver, tls, key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), pace, run })
    }

    /// Sends alerts as they are raised, for as long as it is polled.
    pub async fn run(self, api: Arc<Api>) {
        let Some(security) = api.ports.security.clone() else { return };
        let mut alerts = security.alerts(0);
        loop {
            match alerts.next().await {
                Told::Missed(count) => {
                    api.metrics.alerts(Delivery::Lost, count);
                    warn!(target: "security", count, "alerts were not sent: the receiver takes none, and no more wait");
                }
                Told::Alert(alert) => self.deliver(&api, &OneAlert::from(&*alert), alert.seq).await,
            }
        }
    }

    /// Sends one alert, again and again until it is taken or refused.
    async fn deliver(&self, api: &Api, alert: &OneAlert, seq: u64) {
        let world = api.ports.world.status().world;
        let body = Bytes::from(json!({ "type": "alert", "world": world, "alert": alert }).to_string());
        let delivery = format!("{}-{seq}", self.run);
        let mut wait = self.pace.first_wait;
        loop {
            let now_s = api.ports.clock.now().0 / 1000;
            let sending = tokio::time::timeout(self.pace.time, self.send(now_s, &delivery, body.clone())).await;
            match sending.unwrap_or_else(|_| Answer::Later("no answer in time".to_owned())) {
                Answer::Taken => {
                    info!(target: "security", delivery, "an alert was sent");
                    return api.metrics.alerts(Delivery::Sent, 1);
                }
                Answer::Refused(status) => {
                    warn!(target: "security", delivery, %status, "the receiver refused an alert; it is not sent again");
                    return api.metrics.alerts(Delivery::Lost, 1);
                }
                Answer::Later(why) => {
                    api.metrics.alerts(Delivery::Failed, 1);
                    warn!(target: "security", delivery, why, again_in_ms = wait.as_millis(), "an alert could not be sent");
                }
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(self.pace.longest_wait);
        }
    }

    async fn send(&self, now_s: u64, delivery: &str, body: Bytes) -> Answer {
        let signed = [format!("{now_s}.{delivery}.").as_bytes(), &body].concat();
        let signature: String = hmac::sign(&self.key, &signed).as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let request = Request::post(&self.receiver.path)
            .header(HOST, &self.receiver.authority)
            .header(USER_AGENT, concat!("spacetime/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("spacetime-timestamp", now_s)
            .header("spacetime-delivery", delivery)
            .header("spacetime-signature", format!("sha256={signature}"))
            .body(Full::new(body));
        let answered = match request {
            Ok(request) => self.exchange(request).await,
            Err(error) => Err(error.to_string()),
        };
        match answered {
            Ok(status) if status.is_success() => Answer::Taken,
            Ok(status) if status.is_server_error() || [408, 425, 429].contains(&status.as_u16()) => {
                Answer::Later(format!("status {}", status.as_u16()))
            }
            // A redirect is one, too: what is signed for one place is for that place.
            Ok(status) => Answer::Refused(status),
            Err(why) => Answer::Later(why),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        let stream = self.connect().await?;
        let Some(tls) = &self.tls else { return ask(stream, request).await };
        let name = ServerName::try_from(self.receiver.host.clone()).map_err(|e| e.to_string())?;
        ask(tls.connect(name, stream).await.map_err(|e| e.to_string())?, request).await
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let found = tokio::net::lookup_host((self.receiver.host.as_str(), self.receiver.port)).await;
        let mut why = "the host has no address".to_owned();
        // Whatever `localhost` is said to be: in the clear nothing leaves this machine.
        let may = |address: &SocketAddr| self.tls.is_some() || address.ip().is_loopback();
        for address in found.map_err(|e| e.to_string())?.filter(may) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }
}

/// Asks over a connection of its own. Only the status of the answer is read.
async fn ask<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::pin!(connection);
    let mut sending = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        answer = &mut sending => answer.map(|answer| answer.status()).map_err(|e| e.to_string()),
        // It may have ended with the answer.
        ended = &mut connection => match sending.await {
            Ok(answer) => Ok(answer.status()),
            Err(error) => Err(ended.err().unwrap_or(error).to_string()),
        },
    }
}

fn file_error(setting: &'static str, path: &Path, why: impl ToString) -> WebhookError {
    WebhookError::File { setting, path: path.to_owned(), why: why.to_string() }
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, WebhookError> {
    let failed = |why: &dyn ToString| file_error("api.alert_webhook_secret_file", path, why.to_string());
    let about = std::fs::metadata(path).map_err(|e| failed(&e))?;
    if about.mode() & 0o027 != 0 {
        return Err(failed(&"may be read by everybody or written by its group: take those rights away"));
    }
    if about.len() > SECRET_BYTES_MAX {
        return Err(failed(&"is larger than a secret"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| failed(&e))?);
    let secret = Zeroizing::new(text.trim().to_owned());
    if secret.len() < SECRET_BYTES_MIN {
        return Err(failed(&format!("a secret has {SECRET_BYTES_MIN} bytes at least")));
    }
    Ok(secret)
}

fn connector(roots: Option<&Path>) -> Result<TlsConnector, WebhookError> {
    const SETTING: &str = "api.alert_webhook_ca_file";
    let system = || SYSTEM_ROOTS.into_iter().map(Path::new).find(|path| path.exists());
    let Some(path) = roots.or_else(system) else {
        return Err(file_error(SETTING, Path::new(SYSTEM_ROOTS[0]), "is not there, so name a file"));
    };
    let mut trusted = RootCertStore::empty();
    let read: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let (added, _) = trusted.add_parsable_certificates(read.map_err(|e| file_error(SETTING, path, e))?);
    if added == 0 {
        return Err(file_error(SETTING, path, "holds no certificate"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| file_error(SETTING, path, e))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_alerts_may_go_to_are_taken() {
        for good in [
            "https://ops.example.org/hook?a=b",
            "https://[2001:db8::1]:8443/",
            "http://127.0.0.1:9/hook",
            "http://[::1]:9/",
            "http://localhost/",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "hook",
            "/hook",
            "ftp://localhost/",
            "ldap://localhost/",
            "http://ops.example.org/",
            "http://10.0.0.1/",
            "http://localhost.example.org/",
            "https://user:word@ops.example.org/",
            "https://",
        ] {
            let told = check_url(bad).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(told.starts_with("api.alert_webhook_url "), "{bad}: {told}");
            assert!(!told.contains("word@"), "{told}");
        }
        let receiver = Receiver::parse("https://ops.example.org/hook?a=b").ok();
        assert_eq!(
            receiver.map(|r| (r.host, r.port, r.path)),
            Some(("ops.example.org".into(), 443, "/hook?a=b".into()))
        );
    }
}
