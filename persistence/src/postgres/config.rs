//! How a PostgreSQL store is reached. Must never show a password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::error::StoreError;

/// How a PostgreSQL store is reached, and how long it may take.
#[derive(Clone)]
pub struct PostgresConfig {
    /// Such as `postgresql://spacetime_app@db1:5432,db2:5432/spacetime`. All hosts are of one cluster; the one that takes
    /// writes is used.
    pub url: String,
    /// The password, where it is neither in the URL nor in a file.
    pub password: Option<String>,
    /// A file that holds the password. It is read for every new connection, so a new password needs no restart.
    pub password_file: Option<PathBuf>,
    /// The certificate that the servers' own are checked against, as PEM. Without it only this machine's servers are
    /// spoken to, as TLS is never left out elsewhere.
    pub root_certificate: Option<PathBuf>,
    /// As the server lists the program.
    pub application_name: String,
    /// Connections that are kept open.
    pub connections_min: usize,
    /// Connections at most.
    pub connections_max: usize,
    /// How long one host may take to let a connection in.
    pub connect_timeout: Duration,
    /// How long a call may wait for a connection.
    pub wait_timeout: Duration,
    /// How long a read may take: a page, not a whole copy.
    pub read_timeout: Duration,
    /// How long a commit may take, with all that is asked again.
    pub write_timeout: Duration,
    /// Where to note the newest server seen, so that an old one is known after a restart, too.
    pub seen_file: Option<PathBuf>,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            url: "postgresql://spacetime_app@127.0.0.1/spacetime".to_owned(),
            password: None,
            password_file: None,
            root_certificate: None,
            application_name: "spacetime".to_owned(),
            connections_min: 2,
            connections_max: 10,
            connect_timeout: Duration::from_secs(2),
            wait_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(2),
            write_timeout: Duration::from_secs(4),
            seen_file: None,
        }
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field(
                "hosts",
                &self.hosts().map_or_else(|_| Vec::new(), |hosts| hosts.into_iter().map(|h| h.name).collect()),
            )
            .field("password_file", &self.password_file)
            .field("root_certificate", &self.root_certificate)
            .field("application_name", &self.application_name)
            .field("connections", &(self.connections_min..=self.connections_max))
            .finish_non_exhaustive()
    }
}

/// One of the servers.
#[derive(Clone)]
pub(super) struct HostConfig {
    /// For messages.
    pub name: String,
    /// Everything but the password, where that is in a file.
    pub client: tokio_postgres::Config,
    /// Whether it is this machine.
    pub is_local: bool,
}

impl PostgresConfig {
    /// Which store is meant: hosts and database, and neither the user nor a password.
    ///
    /// # Errors
    /// [`StoreError::Other`] where the URL is none.
    pub fn place(&self) -> Result<String, StoreError> {
        let hosts = self.hosts()?;
        let client = hosts.first().map(|host| &host.client);
        let database = client.and_then(|client| client.get_dbname().or(client.get_user())).unwrap_or_default();
        let hosts: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        Ok(format!("postgres://{}/{database}", hosts.join(",")))
    }

    /// One for each host of the URL.
    pub(super) fn hosts(&self) -> Result<Vec<HostConfig>, StoreError> {
        // The parser's own message could repeat what it did not understand.
        let bad = |why: &str| StoreError::Other(format!("the URL of the PostgreSQL store {why}"));
        let all: tokio_postgres::Config = self.url.parse().map_err(|_| bad("is none"))?;
        if all.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
            return Err(bad("asks for a read-only server"));
        }
        if all.get_hosts().is_empty() || !all.get_hostaddrs().is_empty() {
            return Err(bad("needs a host, and no hostaddr"));
        }
        let port = |at: usize| match all.get_ports() {
            [] => 5432,
            [one] => *one,
            ports => ports.get(at).copied().unwrap_or(5432),
        };
        let hosts = all.get_hosts().iter().enumerate();
        Ok(hosts.map(|(at, host)| self.host(&all, host, port(at))).collect())
    }

    fn host(&self, all: &tokio_postgres::Config, host: &Host, port: u16) -> HostConfig {
        let mut client = tokio_postgres::Config::new();
        let (name, is_local) = match host {
            Host::Tcp(name) => {
                client.host(name);
                let is_loopback = name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
                (format!("{name}:{port}"), name == "localhost" || is_loopback)
            }
            Host::Unix(folder) => {
                client.host_path(folder);
                (format!("{} ({port})", folder.display()), true)
            }
        };
        client.port(port).connect_timeout(self.connect_timeout).application_name(&self.application_name);
        if let Some(user) = all.get_user() {
            client.user(user);
        }
        if let Some(database) = all.get_dbname() {
            client.dbname(database);
        }
        if let Some(password) = self.password.as_ref().map(String::as_bytes).or_else(|| all.get_password()) {
            client.password(password);
        }
        let millis = |duration: Duration| duration.as_millis().max(1);
        // The server's own time-outs end what nobody waits for any more; the client's do not depend on them.
        let (write, read) = (millis(self.write_timeout), millis(self.read_timeout));
        client.options(format!(
            "-c search_path=spacetime -c statement_timeout={write} -c lock_timeout={write} \
             -c idle_in_transaction_session_timeout={} -c client_encoding=UTF8 -c TimeZone=UTC",
            write.max(read) * 2
        ));
        HostConfig { name, client, is_local }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> PostgresConfig {
        PostgresConfig { url: url.to_owned(), ..PostgresConfig::default() }
    }

    #[test]
    fn hosts_are_told_apart() {
        let config = of("postgresql://me:geheim@127.0.0.1:5433,db.example:5434,localhost:5435/spacetime");
        let hosts = config.hosts().expect("hosts");
        let found: Vec<_> = hosts.iter().map(|host| (host.name.as_str(), host.is_local)).collect();
        assert_eq!(found, [("127.0.0.1:5433", true), ("db.example:5434", false), ("localhost:5435", true)]);
        assert_eq!(hosts[0].client.get_password(), Some(&b"geheim"[..]));
        assert!(!format!("{config:?}").contains("geheim"));
        let place = config.place().expect("a place");
        assert_eq!(place, "postgres://127.0.0.1:5433,db.example:5434,localhost:5435/spacetime");
        assert_eq!(of("postgres://me@h").place().expect("a place"), "postgres://h:5432/me");
    }

    #[test]
    fn what_cannot_work_is_refused_without_repeating_it() {
        for url in ["nonsense geheim", "postgresql://a:geheim@h/d?target_session_attrs=read-only", "user=geheim"] {
            let refused = of(url).hosts().err().expect("refused").to_string();
            assert!(!refused.contains("geheim"), "{refused}");
        }
    }
}
