//! WebSockets: what a route's author writes, and the loop around it. Must never hand a message to a socket whose sender has
//! not authenticated.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::problem::Problem;
use crate::ports::Refused;

/// One open WebSocket, as a route's author writes it.
#[async_trait]
pub trait Socket: Send {
    /// The caller has authenticated: says how often [`Socket::tick`] is called, and may send first messages.
    async fn open(&mut self, out: &mut Outbox) -> Option<Duration>;

    /// A message: an object with a `type`. What is wrong with it closes the socket with 4400.
    ///
    /// # Errors
    /// [`Problem`], which is sent to the caller as a message of type `problem`; the socket stays open.
    async fn message(&mut self, message: &Value, out: &mut Outbox) -> Result<(), Wrong>;

    /// The time of [`Socket::open`] has passed again. Gives a new time, where it has changed.
    async fn tick(&mut self, out: &mut Outbox) -> Option<Duration>;
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It breaks the contract: the socket is closed with 4400.
    Contract(Refused),
    /// It is understood and cannot be done: the caller is told, and the socket stays open.
    Problem(Problem),
}

/// What is to be sent.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Vec<String>,
}

impl Outbox {
    /// Sends a message as text.
    pub fn send(&mut self, text: String) {
        self.waiting.push(text);
    }
}
