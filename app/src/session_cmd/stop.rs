//! How a session is told to end: Ctrl-C, a termination signal, or the end of standard input. Must never end the process
//! itself: the session leaves first.

use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::exit::Failure;

/// How often the process was asked to end by a signal.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

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

/// Hears the wishes.
pub struct Stop {
    wishes: Receiver<()>,
    /// Keeps the channel open, so that waiting on it is a wait.
    _sender: Sender<()>,
    /// Something was asked for.
    asked: bool,
}

impl Stop {
    /// Listens to signals, and to the end of standard input if that is wanted. Once per process.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system refuses.
    pub fn listen(at_eof: bool) -> Result<Self, Failure> {
        let (sender, wishes) = channel();
        let signal = sender.clone();
        ctrlc::set_handler(move || {
            SIGNALS.fetch_add(1, Ordering::Relaxed);
            // The receiver is gone only when the session has ended.
            let _ = signal.send(());
        })
        .map_err(|e| Failure::Machine(format!("cannot listen to Ctrl-C: {e}")))?;
        if at_eof {
            let at_end = sender.clone();
            std::thread::Builder::new()
                .name("standard input".to_owned())
                .spawn(move || {
                    let mut buffer = [0; 256];
                    while matches!(std::io::stdin().read(&mut buffer), Ok(1..)) {}
                    let _ = at_end.send(());
                })
                .map_err(|e| Failure::Machine(format!("cannot listen to standard input: {e}")))?;
        }
        Ok(Self { wishes, _sender: sender, asked: false })
    }

    /// What was asked for.
    pub fn wanted(&mut self) -> Wanted {
        self.asked |= self.wishes.try_recv().is_ok();
        match SIGNALS.load(Ordering::Relaxed) {
            0 if !self.asked => Wanted::Nothing,
            0 | 1 => Wanted::Leave,
            _ => Wanted::Now,
        }
    }

    /// Waits for a wish, at most so long.
    pub fn wait(&mut self, timeout: Duration) {
        match self.wishes.recv_timeout(timeout) {
            Ok(()) => self.asked = true,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}
