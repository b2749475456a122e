//! What the service answers at its socket: how it is, saves, invites, its configuration, the request to stop. Must never
//! tell a secret, nor of a state that is not to be published yet.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use api::identity::Person;
use async_trait::async_trait;
use netcode::transport::to_hex;
use persistence::people::People;
use persistence::remote::Control;
use persistence::{Guarded, Journal, Mark, Millis, Name};
use serde_json::{Value, json};

use super::config::Config;
use super::health::Monitor;
use super::people;
use super::shared::Shared;
use super::web::local;
use crate::output;
use crate::session_cmd::Inviter;

/// Longest that a save may take until it is durable.
const SAVE_MAX: Duration = Duration::from_secs(60);
/// Time between two looks whether it is.
const LOOK: Duration = Duration::from_millis(10);

/// Answers.
pub struct Controller {
    /// What the service goes by.
    pub config: Config,
    /// How it began.
    pub about: About,
    /// What its threads know.
    pub shared: Arc<Shared>,
    /// What waits to be stored.
    pub journal: Arc<Journal>,
    /// The guard around it.
    pub guard: Arc<Guarded>,
    /// Its health.
    pub monitor: Arc<Monitor>,
    /// What belongs to people.
    pub people: People,
    /// Makes invites.
    pub inviter: Inviter,
    /// Keeps the accounts of the API; empty where there is none.
    pub security: Arc<OnceLock<Arc<api::security::Security>>>,
}

/// How a service began.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The epoch that it claimed.
    pub epoch: u64,
    /// Ticks per second.
    pub rate_hz: u32,
    /// The tick that it began at.
    pub first_tick: u64,
    /// What was durable then.
    pub durable: Option<Mark>,
    /// When.
    pub began: Instant,
}

impl Controller {
    /// What `status` answers.
    #[must_use]
    pub fn status(&self) -> Value {
        let state = self.shared.state().clone();
        let backlog = self.journal.backlog();
        let guarding = self.guard.guarding();
        let durable = backlog.durable.or(self.about.durable);
        // In the synchronous mode nothing is told that could still be lost.
        let published = state.executed.map(|mark| self.shared.published(mark));
        let saved = self.shared.saved(backlog.written);
        let transitions = guarding.transitions.iter();
        json!({
            "world": self.config.world.as_str(),
            "store": super::stores::place(&self.config).ok(),
            "epoch": self.about.epoch,
            "session": to_hex(&state.session.0),
            "build": crate::BUILD_ID,
            "pid": std::process::id(),
            "uptime_s": self.about.began.elapsed().as_secs_f64(),
            "tick_rate_hz": self.about.rate_hz,
            "first_tick": self.about.first_tick,
            "durability": self.config.values.text("log.durability"),
            "tick": published.map(|mark| mark.tick.0),
            "digest": published.map(|mark| output::hex(mark.digest.0)),
            "durable": durable.map(shown),
            "saved": saved.map(shown),
            "held": state.held.map(|tick| self.shared.published_tick(tick)),
            "gap": state.gap.as_ref().map(|(since, why)| json!({ "since": self.shared.published_tick(*since), "why": why })),
            "backlog": {
                "batches": backlog.batches,
                "bytes": backlog.bytes,
                "age_ms": backlog.age.map(|age| age.as_secs_f64() * 1e3),
                "commits": backlog.commits,
            },
            "breaker": {
                "phase": guarding.phase.name(),
                "changes": guarding.changes,
                "transitions": transitions
                    .map(|(to, ago)| json!({ "to": to.name(), "ago_ms": ago.as_secs_f64() * 1e3 }))
                    .collect::<Vec<_>>(),
                "calls": guarding.calls,
                "refused": guarding.refused,
            },
            "turns": {
                "all": state.turns.all,
                "late": state.turns.late,
                "late_ms_max": state.turns.late_us_max as f64 / 1e3,
            },
            "players": state.members,
            "memory_bytes": resident_bytes(),
            "health": self.monitor.json(),
        })
    }

    /// Erases a person, whose sign-ins end with them.
    async fn erase(&self, who: &str) -> Result<Value, String> {
        let person = people::number(who)?;
        let erased = people::erase(&self.people, who, now()).await;
        // Also where their key is destroyed and the rest has to be asked for again.
        let is_erased = erased.is_ok() || matches!(self.people.vault().erasure(person).await, Ok(Some(_)));
        if is_erased
            && let Some(security) = self.security.get()
            && let Err(error) = security.end_all(Person(person.0)).await
        {
            // They have ended here; in the store they went with the person, or go when this is asked again.
            tracing::debug!("the sign-ins of an erased person were not written down as ended: {error}");
        }
        erased
    }

    /// Saves, and waits until that is durable.
    async fn save(&self, label: Option<&str>) -> Result<Value, String> {
        let label = label.map(Name::new).transpose().map_err(|e| e.to_string())?;
        let late = || format!("the save was not durable within {} s; `status` tells why", SAVE_MAX.as_secs());
        let saving = async {
            let taken = self.shared.ask_save(label);
            let (mark, ticket) = taken.await.map_err(|_| "the service is stopping".to_owned())??;
            loop {
                let backlog = self.journal.backlog();
                if backlog.written >= ticket {
                    return Ok(shown(mark));
                }
                if let Some(over) = backlog.over {
                    return Err(over.to_string());
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(SAVE_MAX, saving).await.map_err(|_| late())?
    }
}

fn now() -> Millis {
    Millis::of(SystemTime::now())
}

fn shown(mark: Mark) -> Value {
    json!({ "tick": mark.tick.0, "digest": output::hex(mark.digest.0) })
}

#[async_trait]
impl Control for Controller {
    async fn ask(&self, question: &str) -> Result<String, String> {
        if let Some(text) = question.strip_prefix("person import ") {
            return Ok(people::import(&self.people, text, now()).await?.to_string());
        }
        let words: Vec<&str> = question.split_whitespace().collect();
        let answer = match words[..] {
            ["status"] => self.status(),
            ["config"] => self.config.values.json(),
            ["save"] => self.save(None).await?,
            ["save", label] => self.save(Some(label)).await?,
            ["invite"] => {
                let session = self.shared.state().session;
                json!({ "invite": self.inviter.issue(session).map_err(|e| e.to_string())? })
            }
            ["person", "export", who] => return people::export(&self.people, who, now()).await,
            ["person", "touched", from, to, by, address] => {
                people::touched(&self.people, [from, to, by, address]).await?
            }
            ["person", "erase", who] => self.erase(who).await?,
            ["account", ref words @ ..] => {
                let none = || "there are no accounts, as api.enabled is off".to_owned();
                local::ask(self.security.get().ok_or_else(none)?, words).await?
            }
            ["stop"] => {
                self.shared.stop();
                json!({ "stopping": true })
            }
            _ => {
                let known = "status, config, save [LABEL], invite, person export ID, person import JSON, person erase ID, person touched FROM TO BY ADDRESS, account and stop";
                return Err(format!("the service knows {known}"));
            }
        };
        Ok(answer.to_string())
    }
}

/// Resident memory of this process, bytes; where the system tells.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
