//! WebSockets as a route's author writes them: what comes in, what goes out. Must never let a socket that takes nothing make
//! the others wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

use super::problem::Problem;
use crate::identity::Caller;

/// One open WebSocket. Its caller has authenticated and has the route's role.
#[async_trait]
pub trait Socket: Send {
    /// It is open: may send first messages.
    async fn open(&mut self, out: &mut Outbox);

    /// A message: an object with a `type`, as the route's schema allows; its `seq` has been taken off.
    ///
    /// # Errors
    /// [`Problem`], of which the caller is told in a message of type `problem`; the socket stays open.
    async fn message(&mut self, message: &Value, out: &mut Outbox) -> Result<(), Problem>;

    /// Its caller has shown a newer access token of the same sign-in.
    fn renewed(&mut self, _caller: Caller) {}

    /// Waits for something to tell, and tells it. Whatever else happens to the socket drops the future: it must lose nothing
    /// by that. One that never has anything to tell waits for ever.
    async fn next(&mut self, out: &mut Outbox);
}

/// More messages do not wait for a socket: it is closed.
const WAITING_MAX: usize = 256;

/// What is to be sent over a socket.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    is_filled: Notify,
    is_taken: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    texts: VecDeque<String>,
    newest: Option<Arc<str>>,
    scene: Option<Arc<str>>,
    ping: bool,
    is_overfull: bool,
}

/// The next thing to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Text(String),
    Sample(Arc<str>),
    Ping,
    Overfull,
}

impl Outbox {
    /// Sends a message. Where too many wait, the socket is closed.
    pub fn send(&self, text: String) {
        let mut waiting = self.waiting();
        if waiting.texts.len() < WAITING_MAX {
            waiting.texts.push_back(text);
        } else {
            waiting.is_overfull = true;
        }
        self.queue.is_filled.notify_one();
    }

    /// Sends a sample of something: one that waits still is replaced.
    pub fn sample(&self, text: Arc<str>) {
        self.waiting().newest = Some(text);
        self.queue.is_filled.notify_one();
    }

    /// Sends where things are: a scene that waits still is replaced.
    pub fn scene(&self, text: Arc<str>) {
        self.waiting().scene = Some(text);
        self.queue.is_filled.notify_one();
    }

    /// Waits until less than half of what may wait does: for who has much to send, and no hurry.
    pub async fn room(&self) {
        while self.waiting().texts.len() >= WAITING_MAX / 2 {
            self.queue.is_taken.notified().await;
        }
    }

    pub(super) fn ping(&self) {
        self.waiting().ping = true;
        self.queue.is_filled.notify_one();
    }

    /// Waits for something to send.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.waiting().next() {
                self.queue.is_taken.notify_one();
                return next;
            }
            self.queue.is_filled.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn next(&mut self) -> Option<Next> {
        if self.is_overfull {
            return Some(Next::Overfull);
        }
        if std::mem::take(&mut self.ping) {
            return Some(Next::Ping);
        }
        let newest = || self.newest.take().or_else(|| self.scene.take()).map(Next::Sample);
        self.texts.pop_front().map(Next::Text).or_else(newest)
    }
}

/// Why the server closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The server ends.
    Ending,
    /// Not text.
    NotText,
    /// Not UTF-8.
    NotUtf8,
    /// Too large a message.
    TooLarge,
    /// The program is at fault.
    Failed,
    /// It breaks the contract.
    Contract,
    /// Nobody, or nobody any more.
    NotAuthenticated,
    /// The role does not allow it.
    NotAllowed,
    /// Silent, or takes nothing.
    Silent,
    /// A sequence number that does not rise.
    Sequence,
    /// Too many messages.
    TooMany,
}

impl Close {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Ending,
        Self::NotText,
        Self::NotUtf8,
        Self::TooLarge,
        Self::Failed,
        Self::Contract,
        Self::NotAuthenticated,
        Self::NotAllowed,
        Self::Silent,
        Self::Sequence,
        Self::TooMany,
    ];

    /// Close code, name, and what it means.
    #[must_use]
    pub const fn told(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Ending => (1001, "ending", "the server ends; come again later"),
            Self::NotText => (1003, "not_text", "only text is taken"),
            Self::NotUtf8 => (1007, "not_utf8", "the text is not UTF-8"),
            Self::TooLarge => (1009, "too_large", "the message is larger than the route takes"),
            Self::Failed => (1011, "failed", "something went wrong"),
            Self::Contract => (4400, "bad_input", "the message breaks the contract"),
            Self::NotAuthenticated => {
                (4401, "not_authenticated", "no good token within the time, or the sign-in has ended since")
            }
            Self::NotAllowed => (4403, "not_allowed", "the role does not allow this socket"),
            Self::Silent => (4408, "silent", "no sign of life, or nothing taken of what was sent"),
            Self::Sequence => (4409, "sequence", "a `seq` that is not greater than the one before"),
            Self::TooMany => (4429, "too_many", "too many messages, or too many of these sockets"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_samples_only_the_newest_waits_and_too_many_messages_close() {
        let out = Outbox::default();
        let next = || out.waiting().next();
        out.sample("1".into());
        out.sample("2".into());
        out.scene("here".into());
        out.scene("there".into());
        out.send("a".into());
        assert_eq!(next(), Some(Next::Text("a".into())));
        assert_eq!(next(), Some(Next::Sample("2".into())));
        assert_eq!(next(), Some(Next::Sample("there".into())));
        assert_eq!(next(), None);
        (0..WAITING_MAX).for_each(|i| out.send(i.to_string()));
        assert_eq!(next(), Some(Next::Text("0".into())));
        (0..2).for_each(|i| out.send(i.to_string()));
        assert_eq!(next(), Some(Next::Overfull));
    }
}
