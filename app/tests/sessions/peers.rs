//! Peers of a session as real processes, for tests: started, listened to, killed, and their recordings compared. Every
//! wait has a deadline that is far beyond what a busy machine needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use app::progress::Progress;
use app::replay::{Recording, signed, verify};
use serde_json::Value;

/// Longest that anything may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What runs as a peer.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_spacetime");

/// A running peer.
pub struct Peer {
    process: Child,
    lines: Receiver<(Instant, Value)>,
    /// What it has said so far.
    pub said: Vec<Value>,
    /// When each of that was heard.
    heard: Vec<Instant>,
    /// When it was started.
    pub started: Instant,
    /// Its recording.
    pub recording: PathBuf,
    complaints: Option<std::thread::JoinHandle<String>>,
}

/// How a peer ended.
pub struct Ended {
    /// Exit code; none for one that was killed.
    pub code: Option<i32>,
    /// What it said on standard error.
    pub complaints: String,
    /// Everything it said.
    pub said: Vec<Value>,
}

impl Peer {
    /// Starts `spacetime` with these arguments, and an identity and a recording named `name` in the folder.
    pub fn start(folder: &Path, name: &str, line: &str, more: &[&str]) -> Self {
        Self::start_by(Command::new(PROGRAM), folder, name, line, more)
    }

    /// The same by another command, which runs [`PROGRAM`] with the arguments that are added.
    pub fn start_by(mut command: Command, folder: &Path, name: &str, line: &str, more: &[&str]) -> Self {
        let recording = folder.join(format!("{name}.strec"));
        let started = Instant::now();
        let mut process = command
            .args(line.split_whitespace())
            .args(more)
            .args(["--json", "--leave-at-eof", "--identity"])
            .arg(folder.join(identity_of(name)))
            .arg("--record")
            .arg(&recording)
            .env_remove("SPACETIME_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let (sender, lines) = channel();
        let output = BufReader::new(process.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines() {
                let Ok(line) = line else { return };
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if sender.send((Instant::now(), value)).is_err() {
                    return;
                }
            }
        });
        let mut errors = process.stderr.take().expect("piped");
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let (said, heard) = (Vec::new(), Vec::new());
        Self { process, lines, said, heard, started, recording, complaints: Some(complaints) }
    }

    /// A host on a free port.
    pub fn host(folder: &Path, name: &str, more: &[&str]) -> Self {
        Self::start(folder, name, "host --listen 127.0.0.1:0 --pilot auto", more)
    }

    /// A peer that joins.
    pub fn join(folder: &Path, name: &str, invite: &str, more: &[&str]) -> Self {
        Self::start(folder, name, "join --listen 127.0.0.1:0 --pilot auto", &[&[invite], more].concat())
    }

    /// Waits until it says something that fits, also among what it has said already.
    pub fn hears(&mut self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        if let Some(value) = self.said.iter().find(|value| fits(value)) {
            return value.clone();
        }
        self.will_hear(what, fits)
    }

    /// Waits until it says something more that fits.
    pub fn will_hear(&mut self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((at, value)) => {
                    self.heard.push(at);
                    self.said.push(value.clone());
                    if fits(&value) {
                        return value;
                    }
                }
                Err(reason) => {
                    let why = if reason == RecvTimeoutError::Timeout { "takes too long" } else { "ended" };
                    let said: Vec<String> = self.said.iter().map(Value::to_string).collect();
                    let _ = self.process.kill();
                    let complaints = self.complaints.take().map(|c| c.join().expect("it reads"));
                    panic!("{what}: {why}. It said\n{}\n{}", said.join("\n"), complaints.unwrap_or_default());
                }
            }
        }
    }

    /// The invite that it prints.
    pub fn invite(&mut self) -> String {
        let line = self.hears("an invite", |value| value["event"] == "invite");
        line["invite"].as_str().expect("a text").to_owned()
    }

    /// Waits until it is a member, and gives its number.
    pub fn active(&mut self) -> u64 {
        self.hears("to be a member", |value| value["event"] == "active")["player"].as_u64().expect("a number")
    }

    /// Waits until its confirmed log is so many ticks further than it says now.
    pub fn plays(&mut self, ticks: u64) {
        let now = self.tick();
        self.reaches(now + ticks);
    }

    /// The tick that its confirmed log has come to, as far as it has said.
    pub fn tick(&mut self) -> u64 {
        while let Ok((at, value)) = self.lines.try_recv() {
            self.heard.push(at);
            self.said.push(value);
        }
        self.said.iter().filter_map(tick_of).max().unwrap_or(0)
    }

    /// Waits until its confirmed log has come to this tick.
    pub fn reaches(&mut self, tick: u64) {
        self.hears(&format!("tick {tick}"), |value| tick_of(value) >= Some(tick));
    }

    /// How long after its start it first said this; it must have been waited for.
    pub fn took(&self, fits: impl FnMut(&Value) -> bool) -> Duration {
        let at = self.said.iter().position(fits).expect("it was waited for");
        self.heard[at] - self.started
    }

    /// Its resident memory, bytes; `None` where the system does not tell.
    pub fn resident(&self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
    }

    /// Tells it to leave, by the end of its standard input.
    pub fn dismiss(&mut self) {
        drop(self.process.stdin.take());
    }

    /// Says a line to it, and gives its answer. It must have been started with `--control`.
    pub fn asked(&mut self, line: &str) -> Value {
        writeln!(self.process.stdin.as_ref().expect("piped"), "{line}").expect("it listens");
        self.will_hear(&format!("an answer to {line}"), |value| value["event"] == "answer" && value["line"] == line)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success(), "the signal is sent");
    }

    /// Waits for its end.
    pub fn ends(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        while let Ok((_, value)) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.said.push(value);
        }
        assert!(Instant::now() < deadline, "it does not end: {:?}", self.said.last());
        let status = self.process.wait().expect("it ends");
        let complaints = self.complaints.take().map(|c| c.join().expect("it reads")).unwrap_or_default();
        assert!(!complaints.contains("panicked"), "{complaints}");
        Ended { code: status.code(), complaints, said: std::mem::take(&mut self.said) }
    }

    /// Kills it, as a crash does.
    pub fn crashes(mut self) -> PathBuf {
        self.process.kill().expect("it is killed");
        self.process.wait().expect("it ends");
        std::mem::take(&mut self.recording)
    }

    /// Tells it to leave, and waits for that; gives its summary.
    pub fn leaves(mut self) -> Value {
        self.dismiss();
        self.ends().fine()
    }
}

fn tick_of(value: &Value) -> Option<u64> {
    value["tick"].as_u64().filter(|_| value["event"] == "status")
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Ended {
    /// It ended well; its summary.
    pub fn fine(self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.complaints);
        let last = self.said.into_iter().next_back().expect("a summary");
        assert_eq!(last["event"], "end", "{last}");
        assert_eq!(last["left"], true, "{last}");
        assert_eq!(last["desyncs"], 0, "{last}");
        assert_eq!(last["failures"], serde_json::json!([]), "{last}");
        last
    }

    /// It was refused, with one sentence that says so.
    pub fn refused(self, sentence: &str) {
        assert_eq!(self.code, Some(1), "{}", self.complaints);
        assert!(self.complaints.contains(sentence), "`{sentence}` is not in: {}", self.complaints);
        assert_eq!(self.complaints.lines().count(), 1, "one sentence: {}", self.complaints);
    }
}

/// `a-2` has the identity of `a`: the same player in another process.
fn identity_of(name: &str) -> String {
    format!("{}.key", name.split('-').next().unwrap_or(name))
}

/// A recording's ticks, each simulated again and found exact; `whole` if nothing of it may be missing.
pub fn verified(path: &Path, whole: bool) -> std::ops::Range<u64> {
    let mut recording = Recording::open(path).expect("a recording");
    let verdict = verify::verify(&mut recording, None, Progress::new(true)).expect("it can be verified");
    assert_eq!(verdict.verdict, "exact", "{}: {verdict:?}", path.display());
    assert!(verdict.complete || !whole, "{}: {verdict:?}", path.display());
    if let Some(signed) = signed::check(&mut recording).expect("signatures, if there are any") {
        assert_eq!(signed.contradiction, None, "{}", path.display());
    }
    recording.reader.ticks()
}

/// Bytes of a chunk before and behind its payload, as docs/RECORDING.md has it.
const CHUNK_FRAME: (usize, usize) = (40, 8);

/// All have the same inputs and digests in every tick that two of them share, and the same bytes in every segment; gives
/// how many ticks are in more than one.
pub fn agree(paths: &[&Path]) -> u64 {
    let mut all = std::collections::BTreeMap::new();
    let mut segments = std::collections::BTreeMap::new();
    let (mut shared, mut equal) = (0, 0);
    for path in paths {
        let mut recording = Recording::open(path).expect("a recording");
        let bytes = std::fs::read(path).expect("a recording");
        for segment in recording.reader.segments() {
            let start = segment.offset as usize + CHUNK_FRAME.0;
            let payload = bytes[start..(segment.offset + segment.bytes) as usize - CHUNK_FRAME.1].to_vec();
            let known = segments.entry((segment.first_tick, segment.ticks)).or_insert_with(|| payload.clone());
            assert!(*known == payload, "{}: other bytes from tick {} on", path.display(), segment.first_tick);
            equal += segment.ticks;
        }
        let first = recording.reader.ticks().start;
        for step in recording.reader.frames_from(first) {
            let Ok(step) = step else { break };
            let (tick, entry) = (step.tick, (step.frame, step.digest));
            match all.get(&tick) {
                None => drop(all.insert(tick, entry)),
                Some(known) => {
                    assert_eq!(*known, entry, "{}: tick {tick}", path.display());
                    shared += 1;
                }
            }
        }
    }
    // The first and the last segment of each may be shorter than the others'.
    let alone: u64 = segments.keys().map(|(_, ticks)| ticks).sum();
    assert!(shared < 500 || equal > alone, "no two have a segment in common");
    shared
}
