//! What the service removes by age, on a timer: of its own world's past whatever is too old or too many, and what speaks of
//! people past its period. Must never touch another world, nor hold anything up.

use std::sync::Arc;
use std::time::Duration;

use persistence::people::{History, People, Periods};
use persistence::{Millis, Store, StoreError};
use tokio::time::Instant;

use super::config::values::Values;
use super::shared::Shared;

/// Time between two looks at whether there is a new save; the first is so long after the start.
const LOOK: Duration = Duration::from_secs(5);
/// Time between two rounds of everything.
const ROUND: Duration = Duration::from_secs(3600);
/// Time until a round that failed is tried again.
const AGAIN: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long everything is kept by this configuration.
#[must_use]
pub fn periods(values: &Values) -> Periods {
    let days = |key: &str| DAY.saturating_mul(u32::try_from(values.whole(key)).unwrap_or(u32::MAX));
    Periods {
        sign_in: days("retention.sign_in_days"),
        audit: days("retention.audit_days"),
        consent: days("retention.consent_days"),
        trade: days("retention.trade_days"),
        log: Some(days("log.keep_days")).filter(|kept| !kept.is_zero()),
        saves: usize::try_from(values.whole("saves.keep")).unwrap_or(usize::MAX),
    }
}

/// What is to be removed, and by which rules.
pub struct Retention {
    /// The store of the world and of what belongs to people.
    pub store: Arc<dyn Store>,
    /// The same with the keys around it.
    pub people: People,
    /// The past of the service's own world.
    pub history: History,
    /// How long everything is kept.
    pub periods: Periods,
    /// What says that there is a new save.
    pub shared: Arc<Shared>,
}

impl Retention {
    /// Goes on until it is dropped, or another process owns the world. `now` is the clock that ages go by.
    pub async fn keep(mut self, now: impl Fn() -> Millis + Send) {
        let (mut seen, mut round) = (0, Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            let (saves, is_round) = (self.shared.saves(), Instant::now() >= round);
            if saves == seen && !is_round {
                continue;
            }
            let thinned = self.history.thin(&*self.store, &self.periods, now()).await;
            match &thinned {
                Ok(thinned) => {
                    tracing::debug!("{} old saves and {} pieces of log are removed", thinned.saves, thinned.segments);
                }
                Err(error @ StoreError::Fenced { .. }) => return tracing::error!("old saves stay: {error}"),
                Err(error) => tracing::warn!("old saves are not removed yet: {error}"),
            }
            if is_round {
                let forgotten = self.forget(now()).await;
                round = Instant::now() + if forgotten { ROUND } else { AGAIN };
            }
            seen = saves;
            if thinned.is_err() {
                // Not at the next look: a store that has trouble is not read all the time.
                round = round.min(Instant::now() + AGAIN);
            }
        }
    }

    /// Removes what speaks of people past its period; says whether that was done.
    async fn forget(&self, now: Millis) -> bool {
        match self.people.retain(&self.periods, now).await {
            Ok(removed) => tracing::debug!("past their period: {removed:?}"),
            Err(error) => {
                tracing::warn!("what is past its period is not removed yet: {error}");
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_what_the_pages_say() {
        let (values, mistakes) = Values::of(None, "", []);
        assert_eq!((periods(&values), mistakes.len()), (Periods::default(), 0));
        let (values, _) = Values::of(None, "[log]\nkeep_days = 0\n[retention]\naudit_days = 7\n", []);
        let kept = periods(&values);
        assert_eq!((kept.log, kept.audit), (None, 7 * DAY), "0 is for good");
    }
}
