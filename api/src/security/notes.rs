//! Acts that are written down behind the back of who caused them: refusals, which change nothing. Must never grow without
//! bound, and must never be silent about what it had no room for.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::kinds::Kind;
use super::table::lock;
use crate::clock::Moment;
use crate::ports::{Act, AuditError, AuditLog, Outcome};

#[derive(Default)]
struct Queue {
    acts: VecDeque<Act>,
    lost: u64,
}

/// Acts that wait to be written down.
pub(super) struct Notes {
    queue: Mutex<Queue>,
    waiting_max: usize,
    come: Notify,
    /// Held while they are written, so that only one takes from the front.
    draining: tokio::sync::Mutex<()>,
}

impl Notes {
    pub(super) fn new(waiting_max: usize) -> Self {
        Self { queue: Mutex::default(), waiting_max, come: Notify::new(), draining: tokio::sync::Mutex::default() }
    }

    pub(super) fn add(&self, act: Act) {
        let mut queue = lock(&self.queue);
        if queue.acts.len() < self.waiting_max {
            queue.acts.push_back(act);
        } else {
            queue.lost += 1;
        }
        drop(queue);
        self.come.notify_one();
    }

    /// Until there is something to write down.
    pub(super) async fn come(&self) {
        self.come.notified().await;
    }

    /// Writes down what waits now; an act stays until the log has taken it, also where whoever waits for this goes away.
    ///
    /// # Errors
    /// What the log says.
    pub(super) async fn drain(&self, log: &dyn AuditLog, now: Moment) -> Result<(), AuditError> {
        let _draining = self.draining.lock().await;
        // What comes meanwhile waits for the next time, so that a flood of it holds nothing else up.
        let waiting = lock(&self.queue).acts.len();
        for _ in 0..waiting {
            let next = lock(&self.queue).acts.front().cloned();
            let Some(act) = next else { break };
            log.record(act).await?;
            lock(&self.queue).acts.pop_front();
        }
        let lost = lock(&self.queue).lost;
        if lost == 0 {
            return Ok(());
        }
        let act = Act {
            at: now,
            actor: None,
            action: Kind::NotesLost.name(),
            subject: "audit".into(),
            outcome: Outcome::Failed,
            details: serde_json::json!({ "lost": lost }).to_string(),
        };
        log.record(act).await?;
        lock(&self.queue).lost -= lost;
        Ok(())
    }
}
