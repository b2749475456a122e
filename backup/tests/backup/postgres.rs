//! PostgreSQL on a real cluster: destroyed and brought back to a moment, from either repository; a bad disk under one of
//! them; the log that piles up when one fails. The server refuses to run as root: there it runs as the user `postgres`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::told;

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster in a temporary folder, reached by its Unix socket only.
struct Cluster {
    folder: TempDir,
    user: Option<(u32, u32)>,
    port: u16,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let cluster = Self { folder, user: user(), port: 54_321 };
        if let Some((user, group)) = cluster.user {
            chown(cluster.folder.path(), Some(user), Some(group)).unwrap();
        }
        cluster.must("initdb", &["-A", "trust", "-N", "-D", &cluster.text("data")]);
        // The superuser of the database by the name of whoever runs pgBackRest.
        let settings = format!(
            "listen_addresses = ''\nport = {}\nunix_socket_directories = '{}'\nshared_buffers = '16MB'\n\
             include_if_exists = '{}'\n",
            cluster.port,
            cluster.folder.path().display(),
            cluster.text("archive.conf")
        );
        let file = cluster.path("data/postgresql.conf");
        let text = fs::read_to_string(&file).unwrap() + &settings;
        fs::write(file, text).unwrap();
        cluster.begin();
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs a program of PostgreSQL as the cluster's user.
    fn call(&self, program: &str, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(program_of(program));
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        told(&command.output().unwrap())
    }

    fn must(&self, program: &str, arguments: &[&str]) -> String {
        let (code, out, error) = self.call(program, arguments);
        assert_eq!(code, 0, "{program} {arguments:?}: {out}{error}{}", self.log());
        out.trim().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn begin(&self) {
        // The server must not hold our outputs open.
        let (data, log) = (self.text("data"), self.text("log"));
        let mut command = Command::new(program_of("pg_ctl"));
        command.args(["-D", &data, "-l", &log, "-w", "start"]).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        assert!(command.status().unwrap().success(), "{}", self.log());
    }

    fn end(&self) {
        self.must("pg_ctl", &["-D", &self.text("data"), "-m", "immediate", "-w", "stop"]);
    }

    fn sql(&self, statement: &str) -> String {
        let (folder, port) = (self.folder.path().display().to_string(), self.port.to_string());
        self.must("psql", &["-X", "-qAt", "-h", &folder, "-p", &port, "-d", "postgres", "-c", statement])
    }

    /// Waits until a statement says `t`.
    fn until(&self, statement: &str) {
        let began = Instant::now();
        while self.sql(statement) != "t" {
            assert!(began.elapsed() < PATIENCE, "{statement} is never true: {}", self.log());
            breathe(50);
        }
    }

    /// Closes the piece of the log that is written to, and waits until it is archived.
    fn archive(&self) {
        let last = self.sql("SELECT pg_walfile_name(pg_switch_wal())");
        // A new piece wakes an archiver that gave up for a minute.
        let wake = "SELECT FROM pg_logical_emit_message(false, '', ''); SELECT FROM pg_switch_wal();";
        let is_there = format!("SELECT coalesce(last_archived_wal >= '{last}', false) FROM pg_stat_archiver");
        let began = Instant::now();
        while self.sql(&is_there) != "t" {
            assert!(began.elapsed() < PATIENCE, "{last} is never archived: {}", self.log());
            self.sql(wake);
            breathe(500);
        }
    }

    /// The backup program on this cluster, with two repositories.
    fn backup(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spacetime-backup"));
        command.current_dir(self.folder.path()).env("SPACETIME_BACKUP_KEY", "2a".repeat(32));
        let port = self.port.to_string();
        command.args(["--postgres", "data", "--postgres-socket", ".", "--postgres-port", &port]);
        command.args(["--repo", "r1", "--repo2", "r2", "--pgbackrest", "pgbackrest"]).args(line.split_whitespace());
        told(&command.output().unwrap())
    }

    fn must_backup(&self, line: &str) -> String {
        let (code, out, error) = self.backup(line);
        assert_eq!(code, 0, "{line}: {out}{error}{}", self.log());
        out
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.call("pg_ctl", &["-D", &self.text("data"), "-m", "immediate", "-w", "stop"]);
    }
}

/// Lets the server do something, ms.
fn breathe(ms: u64) {
    let _ = std::sync::mpsc::channel::<()>().1.recv_timeout(Duration::from_millis(ms));
}

/// Where Debian keeps the server's programs.
fn program_of(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let mut found: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin").join(name)).collect();
    found.sort();
    found.into_iter().rfind(|path| path.exists()).expect("the program is installed")
}

/// User and group to run the server as, where we are root.
fn user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres");
    let field = |n: usize| line.split(':').nth(n).unwrap().parse().unwrap();
    Some((field(2), field(3)))
}

/// The largest file below a folder.
fn largest(folder: &Path) -> PathBuf {
    let (mut found, mut waiting) = ((0, PathBuf::new()), vec![folder.to_owned()]);
    while let Some(folder) = waiting.pop() {
        for item in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if item.file_type().unwrap().is_dir() {
                waiting.push(item.path());
            } else {
                found = found.max((item.metadata().unwrap().len(), item.path()));
            }
        }
    }
    found.1
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_cluster_comes_back_to_a_moment_from_either_repository() {
    let cluster = Cluster::start();
    // It says what PostgreSQL has to be told, and then it is told so.
    let (code, _, error) = cluster.backup("now");
    assert_eq!(code, 2, "{error}");
    let advice = error.split_once("archive_mode = on").map(|(_, rest)| format!("archive_mode = on{rest}"));
    fs::write(cluster.path("archive.conf"), advice.expect("the lines that are missing")).unwrap();
    cluster.end();
    cluster.begin();
    cluster.sql("CREATE TABLE player (id int PRIMARY KEY)");
    cluster.sql("INSERT INTO player SELECT generate_series(1, 100)");
    let out = cluster.must_backup("now");
    assert!(out.contains("r1") && out.contains("r2"), "{out}");
    // The passphrase is nobody's but the cluster's user's.
    let config = fs::metadata(cluster.path("pgbackrest/pgbackrest.conf")).unwrap();
    assert_eq!((config.mode() & 0o777, config.uid()), (0o600, cluster.user.map_or(config.uid(), |(user, _)| user)));
    cluster.sql("INSERT INTO player SELECT generate_series(101, 150)");
    cluster.archive();
    // The second backup holds what has changed since the first.
    cluster.must_backup("now");
    let listed: serde_json::Value = serde_json::from_str(&cluster.must_backup("list --json")).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 4);
    let kinds: Vec<bool> =
        listed.as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap().ends_with('I')).collect();
    assert_eq!(kinds.iter().filter(|is_incremental| **is_incremental).count(), 2, "{listed}");
    cluster.must_backup("verify");
    cluster.must_backup("prune");
    cluster.sql("INSERT INTO player SELECT generate_series(151, 180)");
    let moment =
        cluster.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
    let moment = backup::moment::rfc3339(persistence::Millis(backup::moment::parse(&moment).unwrap().0 + 1));
    cluster.until(&format!("SELECT clock_timestamp() > '{moment}'::timestamptz"));
    cluster.sql("INSERT INTO player SELECT generate_series(181, 200)");
    cluster.archive();

    bad_disks(&cluster);

    // Destroyed, and the first repository with it.
    cluster.end();
    fs::rename(cluster.path("data"), cluster.path("lost")).unwrap();
    fs::rename(cluster.path("r1"), cluster.path("r1-lost")).unwrap();
    let (code, _, error) = cluster.backup("restore --at 2020-01-01T00:00:00Z --to data");
    assert_eq!(code, 2);
    assert!(error.contains("no backup was complete by 2020-01-01") && !cluster.path("data").exists(), "{error}");
    let out = cluster.must_backup(&format!("restore --at {moment} --to data"));
    assert!(out.contains("archive_mode is off"), "{out}");
    cluster.begin();
    cluster.until("SELECT NOT pg_is_in_recovery()");
    assert_eq!(cluster.sql("SELECT count(*), max(id) FROM player"), "180|180");
    // Nothing is written over.
    let (code, _, error) = cluster.backup("restore latest --to data");
    assert_eq!(code, 2);
    assert!(error.contains("is there already"), "{error}");

    // From the first one alone, to the end of the log.
    cluster.end();
    fs::remove_dir_all(cluster.path("data")).unwrap();
    fs::remove_dir_all(cluster.path("r2")).unwrap();
    fs::rename(cluster.path("r1-lost"), cluster.path("r1")).unwrap();
    cluster.must_backup("restore latest --to data");
    cluster.begin();
    cluster.until("SELECT NOT pg_is_in_recovery()");
    assert_eq!(cluster.sql("SELECT count(*), max(id) FROM player"), "200|200");
}

/// A flipped byte is found; one repository that fails is named, and does not keep backups or the log from the other.
fn bad_disks(cluster: &Cluster) {
    let file = largest(&cluster.path("r2/backup"));
    flip(&file);
    let (code, out, error) = cluster.backup("verify");
    assert_eq!(code, 1, "{out}{error}");
    assert!(error.contains("r2 is damaged") && out.contains("r1 are sound"), "{out}{error}");
    flip(&file);
    cluster.must_backup("verify");
    fs::rename(cluster.path("r2"), cluster.path("away")).unwrap();
    fs::write(cluster.path("r2"), "").unwrap();
    let (code, out, error) = cluster.backup("now");
    assert_eq!(code, 2);
    assert!(out.contains("r1") && error.contains("r2") && !error.contains("/r1:"), "{out}{error}");
    fs::remove_file(cluster.path("r2")).unwrap();
    fs::rename(cluster.path("away"), cluster.path("r2")).unwrap();
    cluster.archive();
}
