//! PostgreSQL on a real cluster: destroyed and brought back to a moment, from either repository; a bad disk under one of
//! them; the log that piles up when one fails.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use persistence_testkit::cluster::{self, PASSWORD};

use crate::support::told;

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster, and its backups in the same folder.
struct Cluster(cluster::Cluster);

impl Cluster {
    fn start() -> Self {
        let cluster = Self(cluster::Cluster::start(&[]));
        // pgBackRest comes as whoever it runs as, who is `postgres` where we are root.
        let me = fs::metadata(cluster.0.data()).unwrap().uid();
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let name = users.lines().find(|line| line.split(':').nth(2) == Some(&me.to_string()));
        let name = name.and_then(|line| line.split(':').next()).expect("the cluster's user");
        if name != "postgres" {
            cluster.0.sql(&format!("CREATE ROLE {name:?} SUPERUSER LOGIN PASSWORD '{PASSWORD}'"));
        }
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.0.socket()).join(name)
    }

    /// Puts lines behind the cluster's configuration, and starts it anew.
    fn configure(&mut self, lines: &str) {
        let file = self.0.data().join("test.conf");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{text}{lines}")).unwrap();
        self.0.restart();
    }

    /// Starts what was restored, and waits until its log is replayed.
    fn begin(&mut self) {
        self.0.restart();
        self.0.await_that("SELECT NOT pg_is_in_recovery()");
    }

    /// Closes the piece of the log that is written to, and waits until it is archived.
    fn archive(&self) {
        let last = self.0.sql("SELECT pg_walfile_name(pg_switch_wal())");
        // A new piece wakes an archiver that gave up for a minute.
        let wake = "SELECT FROM pg_logical_emit_message(false, '', ''); SELECT FROM pg_switch_wal();";
        let is_there = format!("SELECT coalesce(last_archived_wal >= '{last}', false) FROM pg_stat_archiver");
        let began = Instant::now();
        while self.0.sql(&is_there) != "t" {
            assert!(began.elapsed() < PATIENCE, "{last} is never archived: {}", self.0.log());
            self.0.sql(wake);
            breathe(500);
        }
    }

    /// The backup program on this cluster, with two repositories.
    fn backup(&self, line: &str) -> (i32, String, String) {
        let port = self.0.port().to_string();
        let mut command = Command::new("sh");
        // As a timer's unit does it, which lets nobody else in.
        command.args(["-c", "umask 077; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_spacetime-backup")]);
        command.args(["--postgres", "data", "--postgres-socket", ".", "--postgres-port", &port]);
        command.args(["--repo", "r1", "--repo2", "r2", "--pgbackrest", "deep/own/pgbackrest"]);
        command.args(line.split_whitespace()).stdin(Stdio::null());
        command.current_dir(self.0.socket()).env("SPACETIME_BACKUP_KEY", "2a".repeat(32)).env("PGPASSWORD", PASSWORD);
        told(&command.output().unwrap())
    }

    fn must_backup(&self, line: &str) -> String {
        let (code, out, error) = self.backup(line);
        assert_eq!(code, 0, "{line}: {out}{error}{}", self.0.log());
        out
    }
}

/// Lets the server do something, ms.
fn breathe(ms: u64) {
    let _ = std::sync::mpsc::channel::<()>().1.recv_timeout(Duration::from_millis(ms));
}

/// The largest file of a cluster below a folder of backups.
fn largest(folder: &Path) -> PathBuf {
    let (mut found, mut waiting) = ((0, PathBuf::new()), vec![folder.to_owned()]);
    while let Some(folder) = waiting.pop() {
        for item in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if item.file_type().unwrap().is_dir() {
                waiting.push(item.path());
            } else if item.path().extension().is_some_and(|ending| ending == "zst") {
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
    let mut cluster = Cluster::start();
    // It says what PostgreSQL has to be told, and then it is told so.
    let (code, _, error) = cluster.backup("now");
    assert_eq!(code, 2, "{error}");
    let advice = error.split_once("archive_mode = on").map(|(_, rest)| format!("archive_mode = on{rest}"));
    cluster.configure(&advice.expect("the lines that are missing"));
    cluster.0.sql("CREATE TABLE player (id int PRIMARY KEY)");
    cluster.0.sql("INSERT INTO player SELECT generate_series(1, 100)");
    let out = cluster.must_backup("now");
    assert!(out.contains("r1") && out.contains("r2"), "{out}");
    // The passphrase is nobody's but the cluster's user's.
    let owner = fs::metadata(cluster.0.data()).unwrap().uid();
    let about = |name: &str| fs::metadata(cluster.path(name)).map(|at| (at.mode() & 0o777, at.uid())).unwrap();
    assert_eq!(about("deep/own/pgbackrest/pgbackrest.conf"), (0o600, owner));
    assert_eq!([about("deep/own/pgbackrest"), about("r1"), about("r2")], [(0o700, owner); 3]);
    // Its folder lies where the cluster's user comes through.
    let us = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(about("deep"), (if us == owner { 0o700 } else { 0o755 }, us));
    cluster.0.sql("INSERT INTO player SELECT generate_series(101, 150)");
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
    cluster.0.sql("INSERT INTO player SELECT generate_series(151, 180)");
    let moment =
        cluster.0.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
    let moment = backup::moment::rfc3339(persistence::Millis(backup::moment::parse(&moment).unwrap().0 + 1));
    cluster.0.await_that(&format!("SELECT clock_timestamp() > '{moment}'::timestamptz"));
    cluster.0.sql("INSERT INTO player SELECT generate_series(181, 200)");
    cluster.archive();

    bad_disks(&cluster);

    // Destroyed, and the first repository with it.
    cluster.0.kill();
    fs::rename(cluster.path("data"), cluster.path("lost")).unwrap();
    fs::rename(cluster.path("r1"), cluster.path("r1-lost")).unwrap();
    let (code, _, error) = cluster.backup("restore --at 2020-01-01T00:00:00Z --to data");
    assert_eq!(code, 2);
    assert!(error.contains("no backup was complete by 2020-01-01") && !cluster.path("data").exists(), "{error}");
    let out = cluster.must_backup(&format!("restore --at {moment} --to data"));
    assert!(out.contains("archive_mode is off"), "{out}");
    cluster.begin();
    assert_eq!(cluster.0.sql("SELECT count(*), max(id) FROM player"), "180|180");
    // Nothing is written over.
    let (code, _, error) = cluster.backup("restore latest --to data");
    assert_eq!(code, 2);
    assert!(error.contains("is there already"), "{error}");

    // From the first one alone, to the end of the log.
    cluster.0.kill();
    fs::remove_dir_all(cluster.path("data")).unwrap();
    fs::remove_dir_all(cluster.path("r2")).unwrap();
    fs::rename(cluster.path("r1-lost"), cluster.path("r1")).unwrap();
    cluster.must_backup("restore latest --to data");
    cluster.begin();
    assert_eq!(cluster.0.sql("SELECT count(*), max(id) FROM player"), "200|200");
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
    // Until it is mended PostgreSQL keeps its log, which is told before its disk is full.
    cluster.0.await_that("SELECT failed_count > 0 FROM pg_stat_archiver");
    let (code, _, error) = cluster.backup("list");
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("PostgreSQL keeps its log, as it is not archived since"), "{error}");
    fs::remove_file(cluster.path("r2")).unwrap();
    fs::rename(cluster.path("away"), cluster.path("r2")).unwrap();
    cluster.archive();
    assert!(!cluster.backup("list").2.contains("keeps its log"));
}
