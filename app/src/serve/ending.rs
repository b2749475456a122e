//! The end of the service: waits until everybody is written down and everything is durable, and says what is not. Must
//! never tell that something is durable before the store has.

use std::time::{Duration, Instant};

use persistence::{Journal, Mark};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::shared::Shared;
use crate::exit::Failure;
use crate::output::grouped;
use crate::session_cmd::report::Report;
use crate::session_cmd::stop;

/// Longest that the end waits.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at what waits, and at signals.
const LOOK: Duration = Duration::from_millis(50);

/// What has to come to an end.
pub struct Ending<'a> {
    /// Where the tasks run.
    pub runtime: &'a Runtime,
    /// Who is told.
    pub report: &'a Report,
    /// What waits to be stored.
    pub journal: &'a Journal,
    /// What the threads know.
    pub shared: &'a Shared,
}

impl Ending<'_> {
    /// Waits until the task that writes down who came is through, then until all that was taken is durable. A second signal
    /// ends it. A gap that no save ended is a failure.
    ///
    /// # Errors
    /// [`Failure::Machine`] with what is not kept, and why.
    pub fn wait(&self, seated: JoinHandle<()>) -> Result<(), Failure> {
        let began = Instant::now();
        self.report.note("draining", json!({ "batches": self.journal.backlog().batches }))?;
        let seats = self.await_seats(seated, began);
        self.drain(began).and(seats)
    }

    /// Before the journal is looked at: seats go there.
    fn await_seats(&self, seated: JoinHandle<()>, began: Instant) -> Result<(), Failure> {
        while !seated.is_finished() {
            if stop::signals() > 1 || began.elapsed() > WAIT_MAX || self.journal.backlog().over.is_some() {
                seated.abort();
                let what = "somebody who came is not written down, and will be somebody else when they come back";
                return Err(Failure::Machine(format!(
                    "{what}: the store or the store of keys did not take it in time"
                )));
            }
            // Made where the runtime is, or it panics.
            self.runtime.block_on(async { tokio::time::sleep(LOOK).await });
        }
        Ok(())
    }

    fn drain(&self, began: Instant) -> Result<(), Failure> {
        let mut ended = None;
        loop {
            let backlog = self.runtime.block_on(self.journal.drain(LOOK));
            let why = match (backlog.over, backlog.batches) {
                (Some(over), _) => over.to_string(),
                (None, 0) => {
                    // There is room now for the save that ends a gap.
                    if let Some((save, mark)) = self.shared.take_last()
                        && self.journal.offer(save, Some(mark)).is_ok()
                    {
                        ended = Some(mark);
                        continue;
                    }
                    self.tell_gap(ended)?;
                    let tick = backlog.durable.map(|mark| mark.tick.0);
                    return self.report.note("stored", json!({ "tick": tick }));
                }
                (None, _) if stop::signals() > 1 => "it was told to end at once".to_owned(),
                (None, _) if began.elapsed() > WAIT_MAX => {
                    backlog.trouble.map_or("the store is slow".to_owned(), |trouble| trouble.to_string())
                }
                (None, _) => continue,
            };
            let durable = backlog.durable.map_or("nothing is durable".to_owned(), |mark| {
                format!("what comes behind tick {} is not durable", grouped(mark.tick.0))
            });
            return Err(Failure::Machine(format!("{durable}: {why}")));
        }
    }

    /// Says which ticks are in no log, now that it ends with a save of the last one; without that one it is a failure.
    fn tell_gap(&self, ended: Option<Mark>) -> Result<(), Failure> {
        let Some((since, why)) = self.shared.state().gap.take() else { return Ok(()) };
        let from = grouped(since);
        let Some(Mark { tick, .. }) = ended else {
            return Err(Failure::Machine(format!("nothing is durable since tick {from}: {why}")));
        };
        let sentence =
            format!("ticks {from} to {} are not in the log, only the state at its end: {why}", grouped(tick.0));
        self.report.say(&sentence, "gap", json!({ "since": since, "until": tick.0, "why": why }))
    }
}
