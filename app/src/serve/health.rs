//! How the service is: the worst of its parts, each with its reason. Must never call a part well that was not looked at.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use persistence::{Guarded, Health, Journal, Phase, Store, StoreError};
use serde_json::{Value, json};

use super::shared::{Shared, Turns};
use crate::session_cmd::account::held_sentence;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long the store may take to say how it is.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// What waits for longer than that is a backlog that somebody should know of.
const AGE_MAX: Duration = Duration::from_secs(2);
/// Free bytes of the disk below which somebody should know, and below which it is serious.
const FREE: (u64, u64) = (1 << 30, 64 << 20);
/// What was looked at so long ago is not known to be well.
const STALE_AFTER: Duration = Duration::from_secs(5);
/// Looks without a new tick after which the session stands still.
const STILL_MAX: u32 = 3;

/// How a part is; the worst one counts for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// As it should be.
    Well,
    /// Something is worse than it should be, and nothing is lost.
    Degraded,
    /// It does not do what it is for.
    Ill,
}

impl Condition {
    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Degraded => "degraded",
            Self::Ill => "ill",
        }
    }
}

/// A part with its condition, one word why, and a sentence.
type Part = (&'static str, Condition, &'static str, String);

/// Looks after the parts.
pub struct Monitor {
    store: Arc<dyn Store>,
    /// The store of keys, where that is on a server.
    keys: Option<Arc<dyn Store>>,
    guard: Arc<Guarded>,
    journal: Arc<Journal>,
    shared: Arc<Shared>,
    folder: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    parts: Vec<Part>,
    /// When they were looked at.
    at: Option<SystemTime>,
    tick: u64,
    still: u32,
    late: u64,
    turns: u64,
}

impl Seen {
    /// How the session is that is at this tick, and perhaps held there, and has had so many turns. Others may be told of
    /// ticks as far as `published` says.
    fn session(&mut self, tick: u64, held: Option<u64>, turns: Turns, published: impl Fn(u64) -> u64) -> Part {
        // A world that is held stands still, and the session does not: its turns go on.
        let moves = tick > self.tick || (held.is_some() && turns.all > self.turns);
        self.still = if moves { 0 } else { self.still.saturating_add(1) };
        let (late, all) = (turns.late.saturating_sub(self.late), turns.all.saturating_sub(self.turns));
        (self.tick, self.late, self.turns) = (tick, turns.late, turns.all);
        if self.still >= STILL_MAX {
            let sentence = format!("the session stands still at tick {}", published(tick));
            return ("session", Condition::Ill, "still", sentence);
        }
        if late * 10 > all {
            return ("session", Condition::Degraded, "late", format!("{late} of the last {all} turns were late"));
        }
        if let Some(held) = held {
            return ("session", Condition::Well, "held", held_sentence(published(held)));
        }
        ("session", Condition::Well, "", String::new())
    }
}

impl Monitor {
    /// Of these parts; nothing was looked at yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        guard: Arc<Guarded>,
        journal: Arc<Journal>,
        shared: Arc<Shared>,
        folder: PathBuf,
    ) -> Self {
        let unseen = |name| (name, Condition::Degraded, "unknown", format!("the {name} was not looked at yet"));
        let seen = Seen { parts: ["store", "session", "disk"].map(unseen).into(), ..Seen::default() };
        Self { store, keys: None, guard, journal, shared, folder, seen: Mutex::new(seen) }
    }

    /// With a store of keys that is on a server.
    #[must_use]
    pub fn with_keys(self, keys: Option<Arc<dyn Store>>) -> Self {
        Self { keys, ..self }
    }

    /// Looks again and again, until the future is dropped. What ends the log ends the service.
    pub async fn watch(&self) {
        loop {
            let (store, keys) = tokio::join!(asked(&*self.store), async {
                match &self.keys {
                    Some(keys) => Some(of_keys(&asked(&**keys).await)),
                    None => None,
                }
            });
            let mut parts = vec![of_store(&store), self.of_log(), self.of_breaker(), self.of_session(), self.of_disk()];
            parts.extend(keys);
            self.note(parts);
            if self.journal.backlog().over.is_some() {
                self.shared.stop();
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn note(&self, parts: Vec<Part>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.parts, seen.at) = (parts, Some(SystemTime::now()));
    }

    /// All parts, and when those were looked at that have to be waited for.
    fn parts(&self) -> (Vec<Part>, Option<SystemTime>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut parts, at) = (seen.parts.clone(), seen.at);
        drop(seen);
        // These need no waiting, so they are never older than the question.
        for part in [self.of_log(), self.of_breaker()] {
            parts.retain(|(name, ..)| *name != part.0);
            parts.push(part);
        }
        (parts, at)
    }

    /// What was seen last, and the worst of it.
    #[must_use]
    pub fn json(&self) -> Value {
        let parts = self.parts().0;
        let worst = parts.iter().map(|(_, condition, ..)| *condition).max().unwrap_or(Condition::Well);
        let one = |(name, condition, reason, why): &Part| {
            ((*name).to_owned(), json!({ "state": condition.name(), "reason": reason, "why": why }))
        };
        let reasons: Vec<&String> =
            parts.iter().filter(|(_, condition, ..)| *condition > Condition::Well).map(|(.., why)| why).collect();
        let parts: serde_json::Map<String, Value> = parts.iter().map(one).collect();
        json!({ "state": worst.name(), "reasons": reasons, "parts": parts })
    }

    fn of_log(&self) -> Part {
        let backlog = self.journal.backlog();
        if let Some(over) = backlog.over {
            return ("log", Condition::Ill, over.reason(), format!("nothing is stored any more: {over}"));
        }
        let gap = self.shared.state().gap.clone();
        if let Some((since, why)) = gap {
            let since = self.shared.published_tick(since);
            return ("log", Condition::Ill, "not_durable", format!("not durable since tick {since}: {why}"));
        }
        match (backlog.trouble, backlog.age) {
            (Some(trouble), _) => ("log", Condition::Degraded, trouble.reason(), format!("not stored yet: {trouble}")),
            (None, Some(age)) if age > AGE_MAX => (
                "log",
                Condition::Degraded,
                "backlog",
                format!("what waits to be stored waits for {} ms", age.as_millis()),
            ),
            _ => ("log", Condition::Well, "", String::new()),
        }
    }

    fn of_breaker(&self) -> Part {
        let phase = self.guard.guarding().phase;
        let condition = if phase == Phase::Closed { Condition::Well } else { Condition::Degraded };
        ("breaker", condition, phase.name(), format!("the breaker is {}", phase.name()))
    }

    fn of_session(&self) -> Part {
        let (executed, held, turns) = {
            let state = self.shared.state();
            (state.executed, state.held, state.turns)
        };
        let tick = executed.map_or(0, |mark| mark.tick.0);
        let published = |tick| self.shared.published_tick(tick);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).session(tick, held, turns, published)
    }

    fn of_disk(&self) -> Part {
        match free_bytes(&self.folder) {
            None => {
                ("disk", Condition::Degraded, "unknown", "the system does not tell how full the disk is".to_owned())
            }
            Some(free) if free < FREE.1 => {
                ("disk", Condition::Ill, "full", format!("the disk has {} MiB left", free >> 20))
            }
            Some(free) if free < FREE.0 => {
                ("disk", Condition::Degraded, "filling", format!("the disk has {} MiB left", free >> 20))
            }
            Some(_) => ("disk", Condition::Well, "", String::new()),
        }
    }
}

/// As the API tells it. What was not looked at for too long is not known to be well any more.
impl api::ports::Health for Monitor {
    fn parts(&self) -> Vec<api::ports::Part> {
        let (parts, at) = self.parts();
        let now = SystemTime::now();
        let moment = |at: SystemTime| {
            api::clock::Moment::default().plus(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
        };
        let told = |(name, condition, reason, why): Part| {
            let is_live = matches!(name, "log" | "breaker");
            let checked = if is_live { now } else { at.unwrap_or(SystemTime::UNIX_EPOCH) };
            let is_stale = now.duration_since(checked).is_ok_and(|age| age > STALE_AFTER);
            let (condition, reason, why) = if is_stale {
                (Condition::Ill, "not_checked", format!("the {name} was not looked at for too long"))
            } else {
                (condition, reason, why)
            };
            let condition = match condition {
                Condition::Well => api::ports::Condition::Well,
                Condition::Degraded => api::ports::Condition::Degraded,
                Condition::Ill => api::ports::Condition::Ill,
            };
            let needs: &[&str] = if name == "log" { &["store"] } else { &[] };
            let is_essential = !matches!(name, "breaker" | "keys");
            api::ports::Part { name, condition, reason, why, checked: moment(checked), needs, is_essential }
        };
        parts.into_iter().map(told).collect()
    }
}

/// A store that takes longer is told to be ill now, and not when its own time-outs are over.
async fn asked(store: &dyn Store) -> Health {
    let answer = tokio::time::timeout(ANSWER_MAX, store.health()).await;
    answer.unwrap_or(Health::Ill(StoreError::TimedOut(ANSWER_MAX)))
}

/// The world goes on without it: only who is new is not written down until it is back.
fn of_keys(health: &Health) -> Part {
    match health {
        Health::Well { .. } => ("keys", Condition::Well, "", String::new()),
        Health::Ill(error) => ("keys", Condition::Degraded, error.reason(), format!("the store of keys: {error}")),
    }
}

fn of_store(health: &Health) -> Part {
    match health {
        Health::Well { round_trip } => {
            ("store", Condition::Well, "", format!("it answered within {} ms", round_trip.as_millis()))
        }
        Health::Ill(error) => ("store", Condition::Ill, error.reason(), error.to_string()),
    }
}

/// Bytes that are free for this process on the disk of a folder.
pub(super) fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_that_is_held_is_well_as_long_as_turns_go_on() {
        let mut seen = Seen::default();
        for (tick, held, all, late, expected) in [
            (90, None, 30, 0, (Condition::Well, "")),
            (95, Some(95), 60, 0, (Condition::Well, "held")),
            (95, Some(95), 90, 0, (Condition::Well, "held")),
            (95, Some(95), 120, 0, (Condition::Well, "held")),
            (95, Some(95), 150, 0, (Condition::Well, "held")),
            (95, Some(95), 180, 9, (Condition::Degraded, "late")),
            (95, Some(95), 180, 9, (Condition::Well, "held")),
            (95, Some(95), 180, 9, (Condition::Well, "held")),
            (95, Some(95), 180, 9, (Condition::Ill, "still")),
            (95, Some(95), 190, 9, (Condition::Well, "held")),
            (96, None, 220, 9, (Condition::Well, "")),
            (96, None, 250, 9, (Condition::Well, "")),
            (96, None, 280, 9, (Condition::Well, "")),
            (96, None, 310, 9, (Condition::Ill, "still")),
        ] {
            let turns = Turns { all, late, late_us_max: 0 };
            let (_, condition, reason, why) = seen.session(tick, held, turns, |tick| tick.min(93));
            assert_eq!((condition, reason), expected, "tick {tick}, {all} turns");
            assert!(reason != "held" || why == "the operator holds the world at tick 93", "{why}");
        }
    }
}
