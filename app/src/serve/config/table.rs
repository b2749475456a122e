//! Every key of the service's configuration, as data: the file, the environment, the documented list and the tests all go
//! by this table. Must never hold a default that its own range refuses.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A whole number within a range, ends included.
    Whole(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a world.
    Name,
    /// Any text on one line; empty where there is none.
    Text,
    /// A path; empty for the usual place. A relative one is below the folder that the service runs in.
    Path,
    /// An address and a port.
    Address,
    /// Public keys of peers; in the environment separated by commas.
    Keys,
    /// Origins of web pages; in the environment separated by commas.
    Origins,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its table in the file.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What its value is.
    pub kind: Type,
    /// What holds where nothing is said; lists have their items separated by commas.
    pub default: &'static str,
    /// Unit of the value; empty where it has none.
    pub unit: &'static str,
    /// Never in the file and never shown: only by the environment, or in a file of its own that another key names.
    pub secret: bool,
    /// What it is, for the documented list.
    pub doc: &'static str,
}

impl Entry {
    /// As messages and commands name it, such as `log.group_ms`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        let section = self.section.replace('.', "__").to_uppercase();
        format!("{PREFIX}{section}__{}", self.name.to_uppercase())
    }
}

/// What the names of all variables begin with.
pub const PREFIX: &str = "SPACETIME_SERVE__";

const fn entry(
    section: &'static str,
    name: &'static str,
    kind: Type,
    default: &'static str,
    unit: &'static str,
    doc: &'static str,
) -> Entry {
    Entry { section, name, kind, default, unit, secret: false, doc }
}

const fn secret(section: &'static str, name: &'static str, doc: &'static str) -> Entry {
    Entry { section, name, kind: Type::Text, default: "", unit: "", secret: true, doc }
}

use Type::{Address, Choice, Keys, Name, Origins, Path, Text, Whole};

/// All keys, section by section.
pub const ENTRIES: &[Entry] = &joined::<{ count(PARTS) }>(PARTS);

const PARTS: &[&[Entry]] = &[TO_STORE, &postgres("store.postgres"), FROM_BREAKER, &postgres("keys.postgres"), API];

const fn count(parts: &[&[Entry]]) -> usize {
    let (mut count, mut part) = (0, 0);
    while part < parts.len() {
        count += parts[part].len();
        part += 1;
    }
    count
}

/// One list of several; not by iterators, as these do not work in constants.
const fn joined<const N: usize>(parts: &[&[Entry]]) -> [Entry; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut entry = 0;
        while entry < parts[part].len() {
            all[at] = parts[part][entry];
            (at, entry) = (at + 1, entry + 1);
        }
        part += 1;
    }
    all
}

/// How a PostgreSQL server is reached: the same in each section that names one.
const fn postgres(section: &'static str) -> [Entry; 10] {
    [
        entry(section, "url", Text, "", "", "`postgres://user@host:port,host:port/database`, without a password"),
        secret(section, "password", "Password of that user"),
        entry(section, "password_file", Path, "", "", "File with the password, read again whenever it is needed"),
        entry(section, "root_certificate", Path, "", "", "PEM file of whoever signed the server's certificate"),
        entry(section, "pool_min", Whole(1, 512), "2", "", "Connections that are opened at once"),
        entry(section, "pool_max", Whole(1, 512), "8", "", "Most connections"),
        entry(
            section,
            "connect_ms",
            Whole(10, 600_000),
            "2000",
            "ms",
            "How long one host may take to let a connection in",
        ),
        entry(section, "wait_ms", Whole(10, 600_000), "2000", "ms", "How long a call may wait for a connection"),
        entry(section, "read_ms", Whole(10, 600_000), "5000", "ms", "How long a read may take"),
        entry(section, "write_ms", Whole(10, 600_000), "10000", "ms", "How long a commit may take"),
    ]
}

/// Up to the store.
const TO_STORE: &[Entry] = &[
    entry("world", "name", Name, "main", "", "Name of the world in the store; it is made if it is not there"),
    entry("world", "scenario", Text, "demo", "", "Scenario of a new world: name of a shipped one, or path of a file"),
    entry("world", "threads", Whole(1, 1024), "1", "", "Threads of the simulation; the result is the same"),
    entry(
        "log",
        "durability",
        Choice(&["group", "synchronous"]),
        "group",
        "",
        "`group`: ticks are made durable in groups; `synchronous`: turn by turn, and only durable ticks are published",
    ),
    entry("log", "group_ms", Whole(10, 1000), "250", "ms", "Ticks of so long share one durable commit"),
    entry("log", "keep_days", Whole(0, 36_500), "30", "days", "How long the log is kept; 0 for good"),
    entry("log", "backlog_mb", Whole(1, 65_536), "256", "MiB", "Most memory for what waits to be written"),
    entry("log", "backlog_batches", Whole(16, 1_000_000), "4096", "", "Most batches that wait to be written"),
    entry("saves", "every_s", Whole(1, 86_400), "60", "s", "Time between saves of the whole state"),
    entry(
        "saves",
        "keep",
        Whole(2, 1_000_000),
        "60",
        "",
        "Newest saves without a label that are kept, beside older ones that the log needs",
    ),
    entry("retention", "sign_in_days", Whole(1, 36_500), "30", "days", "How long a sign-in is kept after it expired"),
    entry("retention", "audit_days", Whole(1, 36_500), "90", "days", "How long an audit entry is kept"),
    entry(
        "retention",
        "consent_days",
        Whole(1, 36_500),
        "1095",
        "days",
        "How long a consent is kept after it was taken back",
    ),
    entry("retention", "trade_days", Whole(1, 36_500), "1095", "days", "How long a trade is kept"),
    entry(
        "store",
        "kind",
        Choice(&["embedded", "postgres"]),
        "embedded",
        "",
        "`embedded`: one file on this machine; `postgres`: a PostgreSQL server",
    ),
    entry(
        "store",
        "path",
        Path,
        "",
        "",
        "File of the embedded store; `world.redb` in the service's folder unless given",
    ),
];

/// From the breaker on.
const FROM_BREAKER: &[Entry] = &[
    entry("breaker", "failures", Whole(1, 1000), "5", "", "Failures in a row that open the breaker"),
    entry("breaker", "open_ms", Whole(10, 600_000), "1000", "ms", "How long it stays open at first"),
    entry("breaker", "open_ms_max", Whole(10, 3_600_000), "30000", "ms", "How long it stays open at most"),
    entry("breaker", "trials", Whole(1, 100), "1", "", "Trials that must succeed before it closes"),
    entry("session", "listen", Address, "127.0.0.1:4850", "", "UDP address for peers; port 0 takes any"),
    entry(
        "session",
        "advertise",
        Text,
        "",
        "",
        "`host:port` by which peers reach the service, where it is another one",
    ),
    entry("session", "turn_ticks", Whole(1, 64), "3", "ticks", "Ticks that share one exchange of inputs"),
    entry("session", "invites", Whole(0, 100), "1", "", "Invites that are printed at the start"),
    entry(
        "session",
        "alone_s",
        Whole(0, 86_400),
        "30",
        "s",
        "How long so many peers may be gone that nothing is agreed on, before the world goes on without them; 0 for ever, else 3 at least",
    ),
    entry("session", "allow", Keys, "", "", "Public keys of peers that need no invite of their own"),
    entry(
        "session",
        "identity_file",
        Path,
        "",
        "",
        "File with who the service is to peers; `identity` in the service's folder, made there, unless given",
    ),
    entry(
        "control",
        "socket",
        Path,
        "",
        "",
        "Unix socket for commands; `control.socket` in the service's folder unless given",
    ),
    entry(
        "keys",
        "kind",
        Choice(&["embedded", "postgres"]),
        "embedded",
        "",
        "`embedded`: people's keys are in one file on this machine; `postgres`: on a PostgreSQL server of their own",
    ),
    entry(
        "keys",
        "path",
        Path,
        "",
        "",
        "File of the embedded store of people's keys; `keys.redb` in the service's folder unless given",
    ),
    entry(
        "keys",
        "lost",
        Choice(&["refuse", "erase"]),
        "refuse",
        "",
        "People of the world whose keys are lost: `refuse` to start, or `erase` what is left of them",
    ),
    secret("keys", "master_key", "Key that wraps people's keys, 64 hexadecimal digits"),
    entry("keys", "master_key_file", Path, "", "", "File with the master key"),
    entry(
        "keys",
        "former_master_key_file",
        Path,
        "",
        "",
        "File with the master key of before: at the start all keys are wrapped with the new one",
    ),
];

/// The API.
const API: &[Entry] = &[
    entry("api", "enabled", Choice(&["on", "off"]), "on", "", "Whether there is an HTTP API with the console"),
    entry(
        "api",
        "listen",
        Address,
        "127.0.0.1:8790",
        "",
        "TCP address of the API; port 0 takes any. Off loopback it needs a certificate",
    ),
    entry(
        "api",
        "certificate_file",
        Path,
        "",
        "",
        "PEM file with the certificate and its chain: TLS where it is given",
    ),
    entry(
        "api",
        "private_key_file",
        Path,
        "",
        "",
        "PEM file with the certificate's private key, for its owner's eyes only",
    ),
    entry(
        "api",
        "origins",
        Origins,
        "",
        "",
        "Web pages of other origins that may use the API, such as `https://ops.example.org`",
    ),
    entry(
        "api",
        "token_key_file",
        Path,
        "",
        "",
        "File with the keys that sign access tokens; `api-keys` in the service's folder, made there, unless given",
    ),
    entry("api", "registration", Choice(&["closed", "open"]), "closed", "", "Whether anybody may make an account"),
    entry(
        "api",
        "licence_version",
        Whole(0, 1_000_000),
        "0",
        "",
        "Version of the licence that accounts have to accept; 0 where there is none",
    ),
    entry("api", "access_token_s", Whole(5, 3600), "3600", "s", "How long an access token is good"),
    entry("api", "idle_s", Whole(10, 900), "900", "s", "How long a sign-in lasts that is not used"),
    entry("api", "sign_in_s", Whole(60, 28_800), "28800", "s", "How long a sign-in lasts at most"),
    entry("api", "requests_per_minute", Whole(1, 10_000_000), "100", "", "Requests of one address in any minute"),
    entry("api", "person_requests_per_minute", Whole(1, 10_000_000), "600", "", "Requests of one person in any minute"),
    entry(
        "api",
        "person_messages_per_minute",
        Whole(1, 10_000_000),
        "1000",
        "",
        "WebSocket messages of one person in any minute",
    ),
    entry(
        "api",
        "alert_webhook_url",
        Text,
        "",
        "",
        "Where alerts are sent to by POST: `https://host/path`, or `http` on this machine; nowhere unless given",
    ),
    entry(
        "api",
        "alert_webhook_secret_file",
        Path,
        "",
        "",
        "File with the secret that signs what is sent there, 32 bytes at least, for its owner's eyes only",
    ),
    entry(
        "api",
        "alert_webhook_ca_file",
        Path,
        "",
        "",
        "PEM file of whoever signed the receiver's certificate; whom this system trusts unless given",
    ),
    entry("api", "connections_max", Whole(1, 1_000_000), "10500", "", "Connections at once"),
    entry("api", "address_connections_max", Whole(1, 1_000_000), "256", "", "Connections of one address at once"),
    entry(
        "recordings",
        "count_max",
        Whole(1, 10_000),
        "200",
        "",
        "How many recordings are kept: captures and what people bring along",
    ),
    entry("recordings", "mb_max", Whole(1, 10_000_000), "10240", "MB", "How large all recordings together may be"),
    entry(
        "recordings",
        "file_mb_max",
        Whole(1, 2048),
        "1024",
        "MB",
        "How large one recording may be: a capture ends there",
    ),
    entry(
        "recordings",
        "free_mb_min",
        Whole(0, 10_000_000),
        "1024",
        "MB",
        "How much of the disk recordings leave free: nothing is taken in below, and a capture ends there",
    ),
];

/// The entry of a key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.key() == key)
}

/// The documented list, as a table of Markdown.
#[must_use]
pub fn documented() -> String {
    let mut text = "| key | value | default | what it is |\n|---|---|---|---|\n".to_owned();
    for entry in ENTRIES {
        let unit = if entry.unit.is_empty() { String::new() } else { format!(" {}", entry.unit) };
        let value = match entry.kind {
            Type::Whole(least, most) => format!("{least} to {most}{unit}"),
            Type::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
            Type::Name => "name".to_owned(),
            Type::Text if entry.secret => "secret, by the environment only".to_owned(),
            Type::Text => "text".to_owned(),
            Type::Path => "path".to_owned(),
            Type::Address => "address:port".to_owned(),
            Type::Keys => "list of keys".to_owned(),
            Type::Origins => "list of origins".to_owned(),
        };
        let default = if entry.default.is_empty() { String::new() } else { format!("`{}`", entry.default) };
        text.push_str(&format!("| `{}` | {value} | {default} | {} |\n", entry.key(), entry.doc));
    }
    text
}
