//! A service, and peers, as child processes with folders of their own. Every wait has a deadline far beyond what a busy
//! machine needs, and nothing outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest that anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Rounds of work for a full length of ten times so many.
pub fn scaled(rounds: u64) -> u64 {
    rounds * std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// A home for one service.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The service's own folder.
    pub fn service(&self) -> PathBuf {
        self.path("data/spacetime/service")
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.service().join("control.socket")
    }

    /// The configuration file that is read unless another is named.
    pub fn configure(&self, text: &str) -> PathBuf {
        let path = self.path("config/spacetime/service.toml");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(&path, text).expect("it is written");
        path
    }

    /// The program with this home; the session listens at any port.
    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spacetime"));
        command.args(args.split_whitespace()).stdin(Stdio::null()).env_remove("SPACETIME_LOG");
        for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("HOME", "home")] {
            command.env(name, self.path(folder));
        }
        for listen in ["SESSION", "API"] {
            command.env(format!("SPACETIME_SERVE__{listen}__LISTEN"), "127.0.0.1:0");
        }
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &str) -> Output {
        let out = self.command(args).output().expect("it runs");
        assert!(!text(&out.stderr).contains("panicked"), "{}", text(&out.stderr));
        out
    }

    /// Runs it to its end, which is good; its output as JSON.
    pub fn told(&self, args: &str) -> Value {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(0), "{args}: {}{}", text(&out.stderr), text(&out.stdout));
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{args}: {e}: {}", text(&out.stdout)))
    }

    /// Runs it to its end, which is a refusal that says this.
    pub fn refused(&self, args: &str, what: &str) {
        let out = self.run(args);
        let told = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args}: {told}{}", text(&out.stdout));
        assert!(told.contains(what), "`{what}` is not in: {told}");
    }

    /// Starts the service.
    pub fn serve(&self, args: &str) -> Process {
        Process::start(self.command(&format!("serve --json {args}")))
    }

    /// Starts it, and waits until it serves.
    pub fn serving(&self) -> Process {
        let mut process = self.serve("");
        process.hears("to serve", |value| value["event"] == "serving");
        process
    }

    /// What the running service answers.
    pub fn asked(&self, question: &str) -> Value {
        app::serve::ask::json(&self.socket(), question).expect("an answer")
    }

    /// Waits until the service's status fits.
    pub fn status_until(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.asked("status");
            if fits(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{what}: {status}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// A peer that joins with this invite, with an identity of this name.
    pub fn join(&self, name: &str, invite: &str) -> Process {
        let mut command = self.command("join --json --listen 127.0.0.1:0 --pilot climb --identity");
        command.arg(self.path(name)).arg(invite);
        Process::start(command)
    }
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The session from one status to a later one: all turns, those that were late, and seconds.
pub fn turns_between(before: &Value, after: &Value) -> (u64, u64, f64) {
    let count = |status: &Value, key: &str| status["turns"][key].as_u64().expect("a number");
    let passed = |key: &str| count(after, key) - count(before, key);
    let time = |status: &Value| status["uptime_s"].as_f64().expect("a time");
    (passed("all"), passed("late"), time(after) - time(before))
}

/// A running process that says a line of JSON for each thing that happens.
pub struct Process {
    child: Child,
    lines: Receiver<Value>,
    said: Vec<Value>,
    complaints: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let mut errors = child.stderr.take().expect("piped");
        let complaints = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = errors.read_to_end(&mut bytes);
            text(&bytes)
        });
        Self { child, lines, said: Vec::new(), complaints: Some(complaints) }
    }

    /// Waits until it says something that fits, also among what it has said already.
    pub fn hears(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(value) = self.said.iter().find(|value| fits(value)) {
            return value.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(value) => {
                    self.said.push(value.clone());
                    if fits(&value) {
                        return value;
                    }
                }
                Err(reason) => {
                    let why = if reason == RecvTimeoutError::Timeout { "takes too long" } else { "ended" };
                    let _ = self.child.kill();
                    let complaints = self.complaints.take().map(|c| c.join().expect("it reads"));
                    panic!("{what}: {why}. It said {:?}\n{}", self.said, complaints.unwrap_or_default());
                }
            }
        }
    }

    /// The value of an event.
    pub fn event(&mut self, name: &str) -> Value {
        self.hears(name, |value| value["event"] == name)
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash does.
    pub fn crashes(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success(), "the signal is sent");
    }

    /// Waits for its end: exit code, everything it said, its complaints.
    pub fn ends(mut self) -> (Option<i32>, Vec<Value>, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(value) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.said.push(value);
        }
        assert!(Instant::now() < deadline, "it does not end: {:?}", self.said.last());
        let status = self.child.wait().expect("it ends");
        let complaints = self.complaints.take().map(|c| c.join().expect("it reads")).unwrap_or_default();
        assert!(!complaints.contains("panicked"), "{complaints}");
        (status.code(), std::mem::take(&mut self.said), complaints)
    }

    /// Tells it to end, which it does well; everything it said.
    pub fn stops(self) -> Vec<Value> {
        self.signal("-TERM");
        let (code, said, complaints) = self.ends();
        assert_eq!(code, Some(0), "{complaints}");
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The digests of a recording, by tick; each of them simulated again and found exact.
pub fn digests(path: &Path) -> std::collections::BTreeMap<u64, String> {
    let mut recording = app::replay::Recording::open(path).expect("a recording");
    let verdict = app::replay::verify::verify(&mut recording, None, app::progress::Progress::new(true));
    assert_eq!(verdict.expect("it can be verified").verdict, "exact");
    let first = recording.reader.ticks().start;
    let steps = recording.reader.frames_from(first).map(|step| step.expect("it is whole"));
    steps.map(|step| (step.tick + 1, app::output::hex(step.digest))).collect()
}
