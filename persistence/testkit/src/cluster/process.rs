//! Processes of test clusters. Must never outlive who started them, nor signal a process that is not theirs.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};

use super::PASSWORD;

/// Where Debian keeps the programs of PostgreSQL 15.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A program of PostgreSQL.
pub(super) fn program(name: &str) -> PathBuf {
    let program = Path::new(PROGRAMS).join(name);
    assert!(
        program.exists(),
        "{} is missing: install PostgreSQL 15 (on Debian the package `postgresql`), which this test needs",
        program.display()
    );
    program
}

/// As whom the server runs, where this is root: name, user and group.
pub(super) fn user() -> Option<(String, u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the list of users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.expect("the user `postgres`, who comes with Debian's package `postgresql`");
    let mut fields = line.split(':').skip(2).map(|field| field.parse().expect("a number of a user"));
    Some(("postgres".to_owned(), fields.next().expect("a user"), fields.next().expect("a group")))
}

/// A command that runs as that user, and ends when the thread ends that started it.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if let Some((name, ..)) = user() {
        command.args(["--reuid", &name, "--regid", &name, "--clear-groups"]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.env("PGPASSWORD", PASSWORD).env("LC_ALL", "C.UTF-8").env("PGCONNECT_TIMEOUT", "10").current_dir("/");
    command
}

/// What a command prints, or what it complains about.
pub(super) fn output(program: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut command = command(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("setpriv (of Debian's util-linux): {e}"))?;
    if let Some(mut to) = child.stdin.take() {
        // A program that does not read says why itself.
        let _ = to.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The same where it has to succeed.
pub(super) fn run(program: &Path, arguments: &[&str], input: &str) -> String {
    output(program, arguments, input).unwrap_or_else(|why| panic!("{}: {why}", program.display()))
}

/// Whether a command succeeds.
pub(super) fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    output(program, arguments, "").is_ok()
}

/// Waits a little for another process, which sends no word.
pub(super) fn breathe() {
    // A sleep by another name: nothing can be waited for here.
    let (_sender, nobody) = channel::<()>();
    let _ = nobody.recv_timeout(Duration::from_millis(20));
}

/// A running server.
pub(super) struct Server {
    pid: Pid,
    /// Word that it ended.
    ended: Mutex<Receiver<()>>,
    has_ended: bool,
}

impl Server {
    /// Starts one on a data folder. It writes its log into the other folder.
    pub(super) fn start(data: &Path, folder: &Path) -> Self {
        let mut command = command(&program("postgres"));
        command.arg("-D").arg(data);
        Self::run(command, folder)
    }

    /// The same, and it alone sees a disk of so many MiB mounted there. Only root can mount one.
    pub(super) fn start_with_disk(data: &Path, folder: &Path, disk: &Path, mebibytes: u32) -> Self {
        let (_, uid, gid) = user().expect("a small disk is mounted by root only: run this test as root");
        let options = format!("size={mebibytes}m,mode=700,uid={uid},gid={gid}");
        let inner = command(&program("postgres"));
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o \"$0\" tmpfs \"$1\" && shift && exec \"$@\"",
            &options,
        ]);
        command.arg(disk).arg(inner.get_program()).args(inner.get_args()).arg("-D").arg(data).env("LC_ALL", "C.UTF-8");
        Self::run(command, folder)
    }

    fn run(mut command: Command, folder: &Path) -> Self {
        let log = File::options().append(true).create(true).open(folder.join("log")).expect("a log");
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        // What a killed server leaves behind is waited for here, and by nobody else.
        set_child_subreaper(Some(getpid())).expect("this process takes in orphans");
        let (started, start) = channel();
        let (sender, ended) = channel();
        // The server ends with this thread, and the thread with the server: callers may come and go.
        std::thread::spawn(move || {
            let child = command.spawn();
            let _ = started.send(child.as_ref().map(std::process::Child::id).map_err(ToString::to_string));
            if let Ok(mut child) = child {
                let _ = child.wait();
            }
            let _ = sender.send(());
        });
        let pid = start.recv().expect("a thread").unwrap_or_else(|e| panic!("setpriv (of Debian's util-linux): {e}"));
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process");
        Self { pid, ended: Mutex::new(ended), has_ended: false }
    }

    fn word(&mut self) -> &mut Receiver<()> {
        self.ended.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it still runs.
    pub(super) fn is_there(&mut self) -> bool {
        self.has_ended |= !matches!(self.word().try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
        !self.has_ended
    }

    /// Stops it in good order, within a time.
    pub(super) fn stop(mut self, patience: Duration) {
        self.resume();
        // SIGINT is a fast shutdown: clients are sent away.
        let _ = kill_process(self.pid, Signal::INT);
        if self.is_there() && self.word().recv_timeout(patience) != Err(RecvTimeoutError::Timeout) {
            self.has_ended = true;
        }
    }

    pub(super) fn pause(&self) {
        signal(self.pid, Signal::STOP);
    }

    pub(super) fn resume(&self) {
        signal(self.pid, Signal::CONT);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.is_there() {
            return;
        }
        let family = family(self.pid);
        for pid in &family {
            let _ = kill_process(*pid, Signal::KILL);
        }
        let _ = self.word().recv();
        // Orphans come to this process, which is to know that they are gone.
        for pid in family {
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// Sends a signal to a server and its children. Who has ended already does not matter.
fn signal(server: Pid, signal: Signal) {
    for pid in family(server) {
        let _ = kill_process(pid, signal);
    }
}

/// A server and its children, itself first.
fn family(server: Pid) -> Vec<Pid> {
    let mut out = vec![server];
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // Behind the name, which may hold anything, stand the state and the parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<i32>().ok());
        if parent == Some(server.as_raw_nonzero().get()) {
            out.extend(Pid::from_raw(pid));
        }
    }
    out
}
