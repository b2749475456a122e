//! Small work on files that may take a moment, in a thread of its own, one piece after the other: saving settings and
//! pictures. Must never be waited for by a frame.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::time::Instant;

use crate::exit::Failure;

/// A piece of work; gives what is to be said of it.
pub type Chore = Box<dyn FnOnce() -> Option<String> + Send>;

/// The thread that does it.
pub struct Chores {
    todo: Option<Sender<Chore>>,
    said: Receiver<String>,
}

impl Chores {
    /// Starts it.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system gives no thread.
    pub fn new() -> Result<Self, Failure> {
        let ((todo, work), (tell, said)) = (channel::<Chore>(), channel());
        let run = move || {
            for sentence in work.into_iter().filter_map(|chore| chore()) {
                // Nobody listens to what is left.
                let _ = tell.send(sentence);
            }
        };
        let started = std::thread::Builder::new().name("chores".to_owned()).spawn(run);
        started.map_err(|e| Failure::Machine(format!("cannot start a thread: {e}")))?;
        Ok(Self { todo: Some(todo), said })
    }

    /// Has it done. Where the thread is gone it is done at once, and what there is to say comes back.
    pub fn add(&self, chore: Chore) -> Option<String> {
        let left = match &self.todo {
            Some(todo) => todo.send(chore).err().map(|SendError(chore)| chore),
            None => Some(chore),
        };
        left.and_then(|chore| chore())
    }

    /// What was said of it since the last call.
    pub fn said(&self) -> Vec<String> {
        self.said.try_iter().collect()
    }

    /// Waits until all is done, but no longer than that; gives what was said.
    pub fn end_by(&mut self, deadline: Instant) -> Vec<String> {
        self.todo = None;
        let mut all = Vec::new();
        loop {
            match self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(sentence) => all.push(sentence),
                Err(RecvTimeoutError::Disconnected) => return all,
                Err(RecvTimeoutError::Timeout) => {
                    all.push("not everything could be saved in time".to_owned());
                    return all;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn work_is_done_in_order_and_waited_for_at_the_end_only() {
        let mut chores = Chores::new().unwrap();
        let (go, wait) = channel::<()>();
        assert_eq!(chores.add(Box::new(move || wait.recv().err().map(|_| "first".to_owned()))), None);
        assert_eq!(chores.add(Box::new(|| Some("second".to_owned()))), None);
        assert_eq!(chores.said(), Vec::<String>::new(), "it is not done yet, and nobody waits");
        drop(go);
        assert_eq!(chores.end_by(Instant::now() + Duration::from_secs(20)), ["first", "second"]);
        assert_eq!(chores.add(Box::new(|| Some("late".to_owned()))), Some("late".to_owned()));
        let mut chores = Chores::new().unwrap();
        let (_go, wait) = channel::<()>();
        chores.add(Box::new(move || wait.recv().err().map(|_| String::new())));
        assert!(chores.end_by(Instant::now() + Duration::from_millis(20))[0].contains("in time"));
    }
}
