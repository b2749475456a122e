//! How a session is spoken to: Ctrl-C, a termination signal, the end of standard input, and lines on it. Must never end
//! the process itself: the session leaves first.

use std::collections::VecDeque;
use std::io::{IsTerminal, Read};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::exit::Failure;

/// How often the process was asked to end by a signal.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// How often the process was asked to end by a signal, so far.
#[must_use]
pub fn signals() -> u32 {
    SIGNALS.load(Ordering::Relaxed)
}

/// Bytes of a line that are read; the rest of it is left out.
const LINE_BYTES_MAX: usize = 200;
/// Lines that wait.
const LINES_MAX: usize = 64;

/// What was asked for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Go on.
    Nothing,
    /// Leave in good order.
    Leave,
    /// End now.
    Now,
}

/// What standard input is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its lines are commands.
    pub commands: bool,
    /// Its end means to leave.
    pub leave_at_eof: bool,
}

impl Input {
    /// Lines are commands where they are asked for, and where a person sits.
    #[must_use]
    pub fn new(control: bool, leave_at_eof: bool) -> Self {
        Self { commands: control || is_person(), leave_at_eof }
    }
}

/// Whether somebody can type to this process: a process in the background that reads its terminal is stopped for that.
#[must_use]
pub fn is_person() -> bool {
    std::io::stdin().is_terminal() && is_in_foreground().unwrap_or(true)
}

/// Where the system tells.
fn is_in_foreground() -> Option<bool> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, which may hold anything; the group is the 5th, the terminal's the 8th.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().take(6).collect();
    Some(fields.get(2)? == fields.get(5)?)
}

/// A wish that came.
enum Wish {
    /// To leave, or there is a signal to look at.
    Leave,
    /// A line.
    Line(String),
}

/// Hears the wishes.
pub struct Stop {
    wishes: Receiver<Wish>,
    /// Keeps the channel open, so that waiting on it is a wait.
    _sender: SyncSender<Wish>,
    lines: VecDeque<String>,
    /// Leaving was asked for.
    asked: bool,
}

impl Stop {
    /// Listens to signals, and to standard input if that is for something. Once per process.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system refuses.
    pub fn listen(input: Input) -> Result<Self, Failure> {
        let (sender, wishes) = sync_channel(LINES_MAX);
        let signal = sender.clone();
        ctrlc::set_handler(move || {
            SIGNALS.fetch_add(1, Ordering::Relaxed);
            // Wakes whoever waits; the number counts, also where there is no room.
            let _ = signal.try_send(Wish::Leave);
        })
        .map_err(|e| Failure::Machine(format!("cannot listen to Ctrl-C: {e}")))?;
        if input.commands || input.leave_at_eof {
            let heard = sender.clone();
            std::thread::Builder::new()
                .name("standard input".to_owned())
                .spawn(move || read(std::io::stdin().lock(), input, &heard))
                .map_err(|e| Failure::Machine(format!("cannot listen to standard input: {e}")))?;
        }
        Ok(Self { wishes, _sender: sender, lines: VecDeque::new(), asked: false })
    }

    /// Listens to nobody: only [`Self::ask`] ends it.
    #[must_use]
    pub fn deaf() -> Self {
        let (sender, wishes) = sync_channel(LINES_MAX);
        Self { wishes, _sender: sender, lines: VecDeque::new(), asked: false }
    }

    /// What was asked for.
    pub fn wanted(&mut self) -> Wanted {
        // The rest waits in the channel, and its writer with it.
        while self.lines.len() < LINES_MAX
            && let Ok(wish) = self.wishes.try_recv()
        {
            self.note(wish);
        }
        match SIGNALS.load(Ordering::Relaxed) {
            0 if !self.asked => Wanted::Nothing,
            0 | 1 => Wanted::Leave,
            _ => Wanted::Now,
        }
    }

    /// The next line that came.
    pub fn line(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    /// Leaving is asked for, from here.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// Whether leaving was asked for.
    pub fn is_asked(&self) -> bool {
        self.asked || SIGNALS.load(Ordering::Relaxed) > 0
    }

    /// Waits for a wish, at most so long.
    pub fn wait(&mut self, timeout: Duration) {
        match self.wishes.recv_timeout(timeout) {
            Ok(wish) => self.note(wish),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn note(&mut self, wish: Wish) {
        match wish {
            Wish::Leave => self.asked = true,
            Wish::Line(line) => self.lines.push_back(line),
        }
    }
}

/// Reads to the end. The receiver is gone only when the session has ended.
fn read(mut source: impl Read, input: Input, heard: &SyncSender<Wish>) {
    let (mut buffer, mut line) = ([0; 256], Vec::new());
    while let Ok(count @ 1..) = source.read(&mut buffer) {
        for &byte in buffer[..count].iter().filter(|_| input.commands) {
            if byte == b'\n' {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                if heard.send(Wish::Line(text)).is_err() {
                    return;
                }
            } else if line.len() < LINE_BYTES_MAX {
                line.push(byte);
            }
        }
    }
    if input.leave_at_eof {
        let _ = heard.send(Wish::Leave);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &[u8], commands: bool, leave_at_eof: bool) -> (Vec<String>, bool) {
        let (sender, wishes) = sync_channel(LINES_MAX);
        read(text, Input { commands, leave_at_eof }, &sender);
        drop(sender);
        let mut stop = Stop { wishes, _sender: sync_channel(1).0, lines: VecDeque::new(), asked: false };
        while let Ok(wish) = stop.wishes.try_recv() {
            stop.note(wish);
        }
        (std::iter::from_fn(|| stop.line()).collect(), stop.asked)
    }

    #[test]
    fn lines_are_bounded_and_the_end_counts_where_it_is_to() {
        let long = [&[b'x'; 5000][..], b"\nkick 2\nunended"].concat();
        let (lines, asked) = heard(&long, true, true);
        assert_eq!(lines, ["x".repeat(LINE_BYTES_MAX), "kick 2".to_owned()]);
        assert!(asked);
        assert_eq!(heard(b"leave\n\xff\n", true, false), (vec!["leave".to_owned(), "\u{fffd}".to_owned()], false));
        assert_eq!(heard(b"leave\n", false, true), (Vec::new(), true));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_who_is_in_the_foreground() {
        assert!(is_in_foreground().is_some());
    }
}
