//! A service with its API in a process and a folder of its own, and an operator who is signed in. It ends with this.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::client::Client;

/// What nobody could guess.
const PASSWORD: &str = "a rather long sentence 7";
/// Every limit of requests: far beyond what the machine does, and in the path.
const REQUESTS_PER_MINUTE: &str = "10000000";

/// Debug sessions that one sign-in may have.
const SESSIONS_OF_ONE: usize = 8;

/// The program of the same build as this one.
pub fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.parent()?.parent()?.join("spacetime");
    program.exists().then_some(program)
}

/// A running service.
pub struct Service {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    _home: tempfile::TempDir,
    port: u16,
    token: String,
}

impl Service {
    pub fn start(program: &Path) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"] {
                command.env(variable, home.path());
            }
            for listen in ["SESSION", "API"] {
                command.env(format!("SPACETIME_SERVE__{listen}__LISTEN"), "127.0.0.1:0");
            }
            for whose in ["REQUESTS", "PERSON_REQUESTS", "PERSON_MESSAGES"] {
                command.env(format!("SPACETIME_SERVE__API__{whose}_PER_MINUTE"), REQUESTS_PER_MINUTE);
            }
            command
        };
        let mut child = command(&["serve", "--json"]).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let serving = event(&mut lines, "serving");
        let url = serving["api"].as_str().expect("an API");
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let mut adding = command(&["account", "add", "bench", "--role", "operator"]).spawn().expect("it starts");
        writeln!(adding.stdin.take().expect("piped"), "{PASSWORD}").expect("it reads");
        assert!(adding.wait().expect("it ends").success(), "an account");
        let token = sign_in(port);
        Self { child, lines, _home: home, port, token }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// A connection of the operator's.
    pub fn client(&self) -> Client {
        Client::new(self.port, Some(&self.token))
    }

    /// Connections of another sign-in of the operator's: as many as it may have debug sessions.
    pub fn signed_in(&self) -> Vec<Client> {
        let token = sign_in(self.port);
        (0..SESSIONS_OF_ONE).map(|_| Client::new(self.port, Some(&token))).collect()
    }

    /// CPU time of each thread that the process has now, in clock ticks, by its number.
    pub fn cpu(&self) -> Vec<(u32, u64)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("threads");
        let of = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("stat")).ok()?;
            // Behind the name, which may have anything in it: state is field 3, user and system time are 14 and 15.
            let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
            let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            Some((task.file_name().to_str()?.parse().ok()?, user + system))
        };
        tasks.filter_map(|task| of(task.ok()?)).collect()
    }

    /// Ends in good order; gives the sum of the session.
    pub fn end(mut self) -> Value {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
        event(&mut self.lines, "end")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sign_in(port: u16) -> String {
    let login = json!({ "name": "bench", "password": PASSWORD });
    let (_, signed_in) = Client::new(port, None).timed("POST", "/sign-in", Some(&login));
    signed_in["access"].as_str().expect("a token").to_owned()
}

fn event(lines: &mut std::io::Lines<BufReader<ChildStdout>>, name: &str) -> Value {
    lines
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .find(|value| value["event"] == name)
        .unwrap_or_else(|| panic!("it says `{name}`"))
}
