//! Real PostgreSQL for tests: clusters in temporary folders on free ports, with TLS and passwords, that can be killed,
//! paused, replicated and promoted. Must never leave a process or a file behind, nor touch a cluster that it did not make.
//!
//! The server refuses to run as root: there it runs as the user `postgres`.

mod process;
mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use process::{Server, program, run, user};

/// Password of every role of a test cluster.
pub const PASSWORD: &str = "correct horse";
/// The database of a test cluster.
pub const DATABASE: &str = "spacetime";
/// How long a server may take to start, to stop or to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster of one server; its standbys are clusters of their own. All of it ends when it is dropped.
pub struct Cluster {
    folder: TempDir,
    port: u16,
    server: Option<Server>,
    /// Size of the small disk in MiB, where there is one.
    disk: Option<u32>,
}

impl Cluster {
    /// A new cluster with these settings, such as `("max_connections", "20")`. It has the roles of the store and an empty
    /// database that belongs to them.
    ///
    /// # Panics
    /// Where PostgreSQL is missing, or does not start.
    #[must_use]
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut cluster = Self { folder: template::copy(), port: free_port(), server: None, disk: None };
        template::certify(&cluster.folder, user().as_ref());
        cluster.configure(settings);
        cluster.restart();
        cluster
    }

    /// The same with the tablespace `small`, on a disk of its own of so many MiB. What is on it does not survive the server.
    ///
    /// # Panics
    /// As [`Cluster::start`], and where this is not root, who alone can mount a disk.
    #[must_use]
    pub fn start_with_disk(mebibytes: u32) -> Self {
        let mut cluster = Self { folder: template::copy(), port: free_port(), server: None, disk: Some(mebibytes) };
        template::certify(&cluster.folder, user().as_ref());
        fs::create_dir(cluster.disk()).expect("a folder");
        cluster.configure(&[]);
        cluster.restart();
        cluster.sql(&format!("CREATE TABLESPACE small LOCATION '{}'", cluster.disk().display()));
        cluster
    }

    /// A copy of a running one that follows it, and that it waits for with every commit once [`Cluster::require`] says so.
    ///
    /// # Panics
    /// Where the copy cannot be made.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let mut standby = Self { folder: template::folder(), port: free_port(), server: None, disk: None };
        let data = standby.data();
        let from =
            format!("host=127.0.0.1 port={} user=postgres password='{PASSWORD}' application_name={name}", self.port);
        let data_text = data.display().to_string();
        let arguments =
            ["-D", &data_text, "-d", &from, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "--no-password"];
        run(&program("pg_basebackup"), &arguments, "");
        for file in ["root.pem", "server.pem", "server.key"] {
            let _ = fs::copy(self.folder.path().join(file), standby.folder.path().join(file));
        }
        template::own(standby.folder.path(), user().as_ref());
        standby.configure(&[]);
        standby.restart();
        standby
    }

    /// Has every commit wait for this standby. It has to follow already.
    ///
    /// # Panics
    /// Where it does not come.
    pub fn require(&self, name: &str) {
        self.set("synchronous_standby_names", name);
        self.await_that("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
    }

    /// Makes a standby one that takes writes.
    ///
    /// # Panics
    /// Where it stays a standby.
    pub fn promote(&self) {
        self.sql("SELECT pg_promote(true, 60)");
        self.await_that("SELECT NOT pg_is_in_recovery()");
    }

    /// Changes a setting of the running server.
    ///
    /// # Panics
    /// Where the server does not take it.
    pub fn set(&self, setting: &str, value: &str) {
        self.sql(&format!("ALTER SYSTEM SET {setting} = '{value}'"));
        self.sql("SELECT pg_reload_conf()");
        self.await_that(&format!("SELECT current_setting('{setting}') = '{value}'"));
    }

    /// Starts the server, also after it was killed, and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    pub fn restart(&mut self) {
        self.stop();
        let (data, folder) = (self.data(), self.folder.path());
        self.server = Some(match self.disk {
            None => Server::start(&data, folder),
            Some(mebibytes) => Server::start_with_disk(&data, folder, &self.disk(), mebibytes),
        });
        let end = Instant::now() + PATIENCE;
        let options = ["--host", &self.socket(), "--port", &self.port.to_string(), "--quiet"];
        while !process::succeeds(&program("pg_isready"), &options) {
            let is_there = self.server.as_mut().is_some_and(Server::is_there);
            assert!(is_there && Instant::now() < end, "PostgreSQL does not start: {}", self.log());
            process::breathe();
        }
    }

    /// Stops the server in good order.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(PATIENCE);
        }
    }

    /// Kills the server and all that belongs to it, at once.
    pub fn kill(&mut self) {
        drop(self.server.take());
    }

    /// Freezes the server.
    pub fn pause(&self) {
        self.server.iter().for_each(Server::pause);
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) {
        self.server.iter().for_each(Server::resume);
    }

    /// How a role reaches it, by TCP.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        format!("postgresql://{role}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// How a role reaches the first one of several that takes writes.
    #[must_use]
    pub fn url_of(clusters: &[&Self], role: &str) -> String {
        let hosts: Vec<_> = clusters.iter().map(|cluster| format!("127.0.0.1:{}", cluster.port)).collect();
        format!("postgresql://{role}@{}/{DATABASE}?target_session_attrs=read-write", hosts.join(","))
    }

    /// The certificate that signed the server's.
    #[must_use]
    pub fn root_certificate(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the Unix socket.
    #[must_use]
    pub fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// What psql says to a statement, as the superuser, over a connection of its own: columns split by `|`.
    ///
    /// # Panics
    /// Where the server refuses it.
    pub fn sql(&self, statement: &str) -> String {
        self.psql("postgres", statement).unwrap_or_else(|why| panic!("{statement}: {why}"))
    }

    /// The same as another role.
    ///
    /// # Errors
    /// What psql says.
    pub fn psql(&self, role: &str, statement: &str) -> Result<String, String> {
        let to = format!("host={} port={} dbname={DATABASE} user={role}", self.socket(), self.port);
        let arguments = ["--no-psqlrc", "--quiet", "-At", "--set=ON_ERROR_STOP=1", "--dbname", &to];
        process::output(&program("psql"), &arguments, statement)
    }

    /// Runs another program of PostgreSQL on this cluster, such as `pg_dump`, and gives back what it prints.
    ///
    /// # Errors
    /// What it complains about.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let (socket, port) = (self.socket(), self.port.to_string());
        let mut all = vec!["--host", &socket, "--port", &port, "--username", "postgres"];
        all.extend(arguments);
        process::output(&program(name), &all, "")
    }

    /// The end of the server's log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// How many lines of the server's log hold this.
    ///
    /// # Panics
    /// Where there is no log.
    #[must_use]
    pub fn logged(&self, part: &str) -> usize {
        let log = fs::read(self.folder.path().join("log")).expect("a log");
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains(part)).count()
    }

    /// Has the system forget what it remembers of the data files, so that they are read from the disk again.
    ///
    /// # Panics
    /// Where a file cannot be opened.
    pub fn forget_files(&self) {
        let mut folders = vec![self.data()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    let file = fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    // What is not on the disk yet cannot be forgotten; a system may do as it likes.
                    let _ = file.sync_all();
                    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
                }
            }
        }
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Waits until a statement says `t`.
    ///
    /// # Panics
    /// Where it never does.
    pub fn await_that(&self, statement: &str) {
        let end = Instant::now() + PATIENCE;
        while self.sql(statement) != "t" {
            assert!(Instant::now() < end, "never true: {statement}");
            process::breathe();
        }
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn configure(&self, settings: &[(&str, &str)]) {
        let folder = self.folder.path().display();
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{folder}'\n\
             ssl = on\nssl_cert_file = '{folder}/server.pem'\nssl_key_file = '{folder}/server.key'\n\
             password_encryption = 'scram-sha-256'\nshared_buffers = '16MB'\nmax_connections = 40\n\
             max_wal_size = '256MB'\nautovacuum_naptime = '10s'\nlog_min_messages = warning\n\
             wal_sender_timeout = '5s'\nwal_receiver_timeout = '5s'\nwal_retrieve_retry_interval = '200ms'\n\
             recovery_init_sync_method = 'syncfs'\n",
            self.port
        );
        settings.iter().for_each(|(name, value)| text.push_str(&format!("{name} = '{value}'\n")));
        write(&self.data().join("test.conf"), &text);
        let main = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&main).expect("the settings of a new cluster");
        if !text.contains("test.conf") {
            write(&main, &format!("{text}\ninclude 'test.conf'\n"));
        }
        let passwords = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n\
                         host replication all 127.0.0.1/32 scram-sha-256\n";
        write(&self.data().join("pg_hba.conf"), passwords);
        template::own(&self.data(), user().as_ref());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nothing of it is needed any more, so nothing is written.
        self.kill();
    }
}

/// A port that nobody listens on. Somebody else may take it first; the server says so then.
fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    probe.local_addr().expect("its address").port()
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}
