//! The configuration of the service: one documented TOML file, every key also by the environment, defaults that need
//! neither. This file gives the values their types. Must never read a value that the table does not have.

pub mod table;
pub mod values;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::webhook::WebhookSettings;
use netcode::protocol::PeerKey;
use netcode::transport::from_hex;
use persistence::Name;

use crate::exit::Failure;
use values::Values;

/// All of it.
#[derive(Clone)]
pub struct Config {
    /// What was said, and where.
    pub values: Values,
    /// The world's name in the store.
    pub world: Name,
    /// Scenario of a new world.
    pub scenario: String,
    /// Threads of the simulation.
    pub threads: NonZeroUsize,
    /// The log.
    pub log: Log,
    /// The saves.
    pub saves: Saves,
    /// The store.
    pub store: Store,
    /// The store of people's keys.
    pub keys: Store,
    /// The session.
    pub session: Session,
    /// The API, where there is to be one.
    pub api: Option<Api>,
    /// Recordings of the API.
    pub recordings: Recordings,
    /// The control socket.
    pub socket: PathBuf,
    /// Where the service keeps what is its own: identity, position, and whatever has no other place.
    pub folder: PathBuf,
}

/// How the log is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Turn by turn, and only durable ticks are published.
    pub is_synchronous: bool,
    /// Ticks of so long share one commit otherwise.
    pub group: Duration,
    /// Most bytes that wait.
    pub backlog_bytes: usize,
    /// Most batches that wait.
    pub backlog_batches: usize,
}

/// How often the state is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saves {
    /// Time between two.
    pub every: Duration,
    /// How many without a label are kept.
    pub keep: usize,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file.
    Embedded(PathBuf),
    /// A PostgreSQL server; how it is reached stands in the section `postgres` below.
    Postgres,
}

/// How peers come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// UDP address.
    pub listen: SocketAddr,
    /// Where peers reach it, if elsewhere.
    pub advertise: Option<String>,
    /// Ticks per turn.
    pub turn_ticks: u32,
    /// Invites that are printed at the start.
    pub invites: u32,
    /// Who needs none.
    pub allow: Vec<PeerKey>,
    /// How long nothing may be agreed on before the service goes on alone.
    pub alone_after: Option<Duration>,
}

/// How much of recordings is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Where they are.
    pub folder: PathBuf,
    /// How many at most.
    pub count: usize,
    /// Bytes of all together.
    pub bytes: u64,
    /// Bytes of each.
    pub file_bytes: u64,
    /// Bytes of the disk that are left free.
    pub free_bytes: u64,
}

/// The API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// TCP address.
    pub listen: SocketAddr,
    /// Certificate and key, where there is to be TLS.
    pub tls: Option<api::http::TlsFiles>,
    /// Web pages of other origins that may use it.
    pub origins: Vec<String>,
    /// File with the keys that sign access tokens.
    pub token_keys: PathBuf,
    /// Anybody may make an account.
    pub is_registration_open: bool,
    /// Version of the licence that has to be accepted; 0 for none.
    pub licence: u32,
    /// How long an access token is good.
    pub access_life: Duration,
    /// How long a sign-in lasts that is not used.
    pub idle: Duration,
    /// How long a sign-in lasts at most.
    pub sign_in: Duration,
    /// Requests of one address in any minute.
    pub address_requests: u32,
    /// Requests of one person in any minute.
    pub person_requests: u32,
    /// WebSocket messages of one person in any minute.
    pub person_messages: u32,
    /// Where alerts are sent to.
    pub webhook: Option<WebhookSettings>,
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once.
    pub address_connections: usize,
}

impl Api {
    fn of(values: &Values, folder: &Path) -> Result<Option<Self>, Failure> {
        if values.text("api.enabled") == "off" {
            return Ok(None);
        }
        let number = |key: &str| usize::try_from(values.whole(key)).unwrap_or(usize::MAX);
        let small = |key: &str| u32::try_from(values.whole(key)).unwrap_or(u32::MAX);
        let time = |key: &str| Duration::from_secs(values.whole(key));
        let listen = values.text("api.listen").parse();
        let tls = super::web::tls_files(values.path("api.certificate_file"), values.path("api.private_key_file"));
        Ok(Some(Self {
            listen: listen.map_err(|_| Failure::Misused("api.listen is not what it should be".to_owned()))?,
            tls: tls.map_err(Failure::Misused)?,
            origins: values.list("api.origins"),
            token_keys: values.path("api.token_key_file").unwrap_or_else(|| folder.join("api-keys")),
            is_registration_open: values.text("api.registration") == "open",
            licence: small("api.licence_version"),
            access_life: time("api.access_token_s"),
            idle: time("api.idle_s"),
            sign_in: time("api.sign_in_s"),
            address_requests: small("api.requests_per_minute"),
            person_requests: small("api.person_requests_per_minute"),
            person_messages: small("api.person_messages_per_minute"),
            webhook: webhook(values).map_err(Failure::Misused)?,
            connections: number("api.connections_max"),
            address_connections: number("api.address_connections_max"),
        }))
    }
}

impl Config {
    /// By this file, or the usual one if it is there, and the environment.
    ///
    /// # Errors
    /// [`Failure::Misused`] with a sentence for each mistake; [`Failure::Unreadable`].
    pub fn load(file: Option<&Path>) -> Result<Self, Failure> {
        let usual = usual_file().filter(|path| path.exists());
        let file = file.map(Path::to_owned).or(usual);
        // What is no text cannot be a value; a variable of another program may be anything.
        let environment = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        Self::of(Values::read(file.as_deref(), environment)?, folder()?)
    }

    /// Of checked values.
    ///
    /// # Errors
    /// [`Failure::Misused`] where keys contradict each other.
    pub fn of(values: Values, folder: PathBuf) -> Result<Self, Failure> {
        let mistakes = contradictions(&values);
        if !mistakes.is_empty() {
            return Err(Failure::Misused(mistakes.join("\n")));
        }
        let number = |key: &str| usize::try_from(values.whole(key)).unwrap_or(usize::MAX);
        let small = |key: &str| u32::try_from(values.whole(key)).unwrap_or(u32::MAX);
        let own = |key: &str, name: &str| values.path(key).unwrap_or_else(|| folder.join(name));
        let place = |section: &str, name: &str| match values.text(&format!("{section}.kind")).as_str() {
            "postgres" => Store::Postgres,
            _ => Store::Embedded(own(&format!("{section}.path"), name)),
        };
        let invalid = |key: &str| Failure::Misused(format!("{key} is not what it should be"));
        let allow = values.list("session.allow").iter().filter_map(|key| from_hex(key).map(PeerKey)).collect();
        Ok(Self {
            world: Name::new(values.text("world.name")).map_err(|e| Failure::Misused(e.to_string()))?,
            scenario: values.text("world.scenario"),
            threads: NonZeroUsize::new(number("world.threads")).unwrap_or(NonZeroUsize::MIN),
            log: Log {
                is_synchronous: values.text("log.durability") == "synchronous",
                group: Duration::from_millis(values.whole("log.group_ms")),
                backlog_bytes: number("log.backlog_mb").saturating_mul(1 << 20),
                backlog_batches: number("log.backlog_batches"),
            },
            saves: Saves { every: Duration::from_secs(values.whole("saves.every_s")), keep: number("saves.keep") },
            store: place("store", "world.redb"),
            keys: place("keys", "keys.redb"),
            session: Session {
                listen: values.text("session.listen").parse().map_err(|_| invalid("session.listen"))?,
                advertise: Some(values.text("session.advertise")).filter(|text| !text.is_empty()),
                turn_ticks: small("session.turn_ticks"),
                invites: small("session.invites"),
                allow,
                alone_after: Some(values.whole("session.alone_s")).filter(|s| *s > 0).map(Duration::from_secs),
            },
            api: Api::of(&values, &folder)?,
            recordings: Recordings {
                folder: folder.join("recordings"),
                count: number("recordings.count_max"),
                bytes: values.whole("recordings.mb_max").saturating_mul(1 << 20),
                file_bytes: values.whole("recordings.file_mb_max").saturating_mul(1 << 20),
                free_bytes: values.whole("recordings.free_mb_min").saturating_mul(1 << 20),
            },
            socket: own("control.socket", "control.socket"),
            folder,
            values,
        })
    }
}

/// What no single key can be blamed for.
fn contradictions(values: &Values) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (least, most) in [
        ("store.postgres.pool_min", "store.postgres.pool_max"),
        ("keys.postgres.pool_min", "keys.postgres.pool_max"),
        ("breaker.open_ms", "breaker.open_ms_max"),
        ("recordings.file_mb_max", "recordings.mb_max"),
    ] {
        if values.whole(least) > values.whole(most) {
            mistakes.push(format!("{least} is {}, more than {most}: {}", values.whole(least), values.whole(most)));
        }
    }
    for section in ["store", "keys"] {
        let url = values.text(&format!("{section}.postgres.url"));
        if values.text(&format!("{section}.kind")) == "postgres" && url.is_empty() {
            let why = format!("{section}.kind is postgres, and {section}.postgres.url does not say where that is");
            mistakes.push(why);
        }
        let user = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map_or("", |(user, _)| user);
        if user.contains(':') || url.contains("password") {
            let file = format!("name a file with {section}.postgres.password_file");
            mistakes.push(format!("{section}.postgres.url has a password in it: {file}"));
        }
    }
    mistakes.extend(api_contradiction(values));
    mistakes
}

/// Where alerts are sent to, if anywhere.
fn webhook(values: &Values) -> Result<Option<WebhookSettings>, String> {
    let url = values.text("api.alert_webhook_url").to_owned();
    if url.is_empty() {
        return Ok(None);
    }
    api::webhook::check_url(&url).map_err(|e| e.to_string())?;
    let unsigned = || "api.alert_webhook_url needs api.alert_webhook_secret_file, which signs what is sent".to_owned();
    let secret = values.path("api.alert_webhook_secret_file").ok_or_else(unsigned)?;
    Ok(Some(WebhookSettings { url, secret, roots: values.path("api.alert_webhook_ca_file") }))
}

/// What is wrong with where the API is to be reached.
fn api_contradiction(values: &Values) -> Option<String> {
    if values.text("api.enabled") == "off" {
        return None;
    }
    let files = super::web::tls_files(values.path("api.certificate_file"), values.path("api.private_key_file"));
    let listen = values.text("api.listen").parse::<SocketAddr>().ok()?;
    if let Err(why) = webhook(values) {
        return Some(why);
    }
    match files {
        Err(why) => Some(why),
        Ok(None) if !listen.ip().to_canonical().is_loopback() => Some(format!(
            "api.listen is {listen}, which is not on loopback: there is no API without TLS there, so name \
             api.certificate_file and api.private_key_file"
        )),
        Ok(_) => None,
    }
}

fn absolute(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The file that is read unless another is named, by the XDG base directories.
#[must_use]
pub fn usual_file() -> Option<PathBuf> {
    let config = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(config.join("spacetime").join("service.toml"))
}

/// The service's own folder, by the XDG base directories.
///
/// # Errors
/// [`Failure::Misused`] where no home is known.
pub fn folder() -> Result<PathBuf, Failure> {
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    let data = data.ok_or_else(|| Failure::Misused("there is no home folder: set HOME or XDG_DATA_HOME".into()))?;
    Ok(data.join("spacetime").join("service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, Failure> {
        let (values, mistakes) = Values::of(None, text, []);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        Config::of(values, PathBuf::from("/s"))
    }

    #[test]
    fn nothing_said_is_a_configuration() {
        let config = config("").unwrap();
        assert_eq!(config.store, Store::Embedded(PathBuf::from("/s/world.redb")));
        assert_eq!(config.keys, Store::Embedded(PathBuf::from("/s/keys.redb")));
        assert_eq!(config.socket, PathBuf::from("/s/control.socket"));
        assert!(config.session.listen.ip().is_loopback() && !config.log.is_synchronous);
        assert_eq!((config.world.as_str(), config.scenario.as_str()), ("main", "demo"));
    }

    #[test]
    fn keys_that_contradict_each_other_are_refused() {
        for (text, told) in [
            ("[store.postgres]\npool_min = 9\npool_max = 3", "store.postgres.pool_min is 9, more than"),
            ("[breaker]\nopen_ms = 500\nopen_ms_max = 400", "breaker.open_ms is 500, more than"),
            ("[recordings]\nmb_max = 5\nfile_mb_max = 6", "recordings.file_mb_max is 6, more than"),
            ("[store]\nkind = \"postgres\"", "store.postgres.url does not say"),
            ("[store.postgres]\nurl = \"postgres://a:b@c/d\"", "store.postgres.url has a password"),
            ("[store.postgres]\nurl = \"host=c password=b\"", "store.postgres.url has a password"),
            ("[keys]\nkind = \"postgres\"", "keys.postgres.url does not say"),
            ("[keys.postgres]\nurl = \"postgres://a:b@c/d\"", "keys.postgres.url has a password"),
            ("[keys.postgres]\npool_min = 9\npool_max = 3", "keys.postgres.pool_min is 9, more than"),
            ("[api]\nlisten = \"0.0.0.0:8790\"", "api.certificate_file"),
            ("[api]\nlisten = \"[2001:db8::1]:8790\"", "api.certificate_file"),
            ("[api]\ncertificate_file = \"/c.pem\"", "api.private_key_file"),
            ("[api]\nprivate_key_file = \"/k.pem\"", "api.certificate_file"),
            ("[api]\nalert_webhook_url = \"https://a.example/\"", "api.alert_webhook_secret_file"),
            ("[api]\nalert_webhook_url = \"http://a.example/\"", "has to begin with https://"),
        ] {
            assert!(config(text).is_err_and(|e| e.to_string().contains(told)), "{text}");
        }
        for text in [
            "[api]\nenabled = \"off\"\nlisten = \"0.0.0.0:8790\"",
            "[api]\nlisten = \"0.0.0.0:8790\"\ncertificate_file = \"/c.pem\"\nprivate_key_file = \"/k.pem\"",
            "[api]\nlisten = \"[::1]:8790\"",
        ] {
            assert!(config(text).is_ok(), "{text}");
        }
    }
}
