//! The peer processes of the demo: started, listened to, told to leave, and never left behind. Must never look at what
//! they simulate.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::exit::Failure;

/// Longest line of a peer that is read, bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Something that a peer said; nothing when its output ended.
pub type Said = (usize, Option<Value>);

/// A peer process.
struct Peer {
    process: Child,
    /// What it said on standard error.
    complaints: std::thread::JoinHandle<String>,
}

/// All of them. Whatever happens, none outlives this.
pub struct Children {
    program: PathBuf,
    peers: Vec<Peer>,
    sender: Sender<Said>,
    said: Receiver<Said>,
}

impl Children {
    /// None yet, of this program.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system does not say which file this program is.
    pub fn new() -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|e| Failure::Machine(format!("cannot find the program's own file: {e}")))?;
        let (sender, said) = channel();
        Ok(Self { program, peers: Vec::new(), sender, said })
    }

    /// Starts one more, with these arguments, in this folder.
    ///
    /// # Errors
    /// [`Failure::Machine`].
    pub fn start(&mut self, folder: &Path, args: &[&str]) -> Result<(), Failure> {
        let failed = |e| Failure::Machine(format!("cannot start a peer process: {e}"));
        let mut process = Command::new(&self.program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (number, sender) = (self.peers.len(), self.sender.clone());
        let output = process.stdout.take();
        let mut errors = process.stderr.take();
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            if let Some(errors) = &mut errors {
                // What is no UTF-8 is nothing that we wrote.
                let _ = errors.take(LINE_BYTES_MAX).read_to_string(&mut text);
            }
            text
        });
        self.peers.push(Peer { process, complaints });
        std::thread::spawn(move || {
            let mut lines = output.map(BufReader::new);
            while let Some(line) = lines.as_mut().and_then(next_line) {
                if let Ok(value) = serde_json::from_str(&line)
                    && sender.send((number, Some(value))).is_err()
                {
                    return;
                }
            }
            // The receiver is gone only when nobody listens any more.
            let _ = sender.send((number, None));
        });
        Ok(())
    }

    /// Waits for the next thing that one of them says; nothing if that takes too long.
    pub fn hear(&self, timeout: Duration) -> Option<Said> {
        self.said.recv_timeout(timeout).ok()
    }

    /// Tells one to leave, if it was started: its standard input ends.
    pub fn dismiss(&mut self, number: usize) {
        if let Some(peer) = self.peers.get_mut(number) {
            drop(peer.process.stdin.take());
        }
    }

    /// Waits for the end of all; `false` if that takes too long.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.peers.iter_mut().any(|peer| matches!(peer.process.try_wait(), Ok(None))) {
            if Instant::now() > deadline {
                return false;
            }
            // Their output ends with them, which wakes this.
            let _ = self.hear(Duration::from_millis(50));
        }
        true
    }

    /// Ends all at once, and gives what they complained about.
    pub fn end(mut self) -> Vec<String> {
        self.kill();
        let peers = std::mem::take(&mut self.peers);
        peers.into_iter().map(|peer| peer.complaints.join().unwrap_or_default()).collect()
    }

    fn kill(&mut self) {
        for peer in &mut self.peers {
            // One that has ended already needs no killing, but is waited for all the same.
            let _ = peer.process.kill();
            let _ = peer.process.wait();
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill();
    }
}

fn next_line(input: &mut BufReader<std::process::ChildStdout>) -> Option<String> {
    let mut line = String::new();
    match input.take(LINE_BYTES_MAX).read_line(&mut line) {
        Ok(1..) => Some(line),
        _ => None,
    }
}
