//! Who keeps step, as one member sees it: whether this machine has fallen behind the log by its own doing, and how much
//! time the log loses to each other member. What follows from it is in `core::demotion`. Must never count what all have
//! in common, a pause or a bad network, against anybody.

use std::collections::{BTreeMap, VecDeque};

use super::ids::{Player, Time};

/// Time is looked at in spans of this length, microseconds.
const SPAN_US: u64 = 1_000_000;
/// A member that is behind in this many spans, one after the other, does not keep step.
pub const BEHIND_SPANS: usize = 3;
/// A member for which the log stood in [`LATE_SPANS`] of the last [`LATE_OF`] spans does not either.
pub const LATE_SPANS: usize = 6;
/// See [`LATE_SPANS`].
pub const LATE_OF: usize = 8;
/// Share of a span, 1 in so many, that may be lost to a member.
const LOST_SHARE: u64 = 5;
/// Whoever did not look for so long knows nothing: the process itself stood still. Microseconds.
const BLIND_US: u64 = 2_000_000;
/// Turns over which the cost of one is averaged.
const COST_TURNS: f64 = 16.0;

/// What was seen in a span of time.
#[derive(Clone, Debug, Default)]
struct Span {
    from: Time,
    /// How much of it this machine was behind, microseconds.
    behind_us: u64,
    /// How much the log lost for each member, microseconds.
    lost_us: BTreeMap<Player, u64>,
}

/// What is seen at one moment.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// This machine is behind the log, and nobody else's doing is in the way.
    pub behind: bool,
    /// The log stands, for these members alone.
    pub stands_for: Vec<Player>,
}

/// One member's view.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// The last one is not over.
    spans: VecDeque<Span>,
    looked: Time,
    /// Average cost of a turn, microseconds, and turns that it is of.
    cost_us: f64,
    turns: u64,
}

impl Keeping {
    /// A turn was executed at this cost.
    pub fn note_cost(&mut self, took_us: u64) {
        self.turns += 1;
        self.cost_us += (took_us as f64 - self.cost_us) / COST_TURNS.min(self.turns as f64);
    }

    /// Average cost of the last turns, microseconds.
    pub fn cost_us(&self) -> u64 {
        self.cost_us as u64
    }

    /// How many turns have a cost.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Notes what there is to be seen: it has been so since the last look.
    pub fn look(&mut self, now: Time, sight: &Sight) {
        let since_us = now.since(self.looked);
        self.looked = now;
        if since_us > BLIND_US {
            self.forget();
        }
        if self.spans.back().is_none_or(|span| now.since(span.from) >= SPAN_US) {
            self.spans.push_back(Span { from: now, ..Span::default() });
            if self.spans.len() > LATE_OF + 1 {
                self.spans.pop_front();
            }
            // What was seen last was so before the span began.
            return;
        }
        let Some(span) = self.spans.back_mut() else { return };
        if sight.behind {
            span.behind_us += since_us;
        }
        for player in &sight.stands_for {
            *span.lost_us.entry(*player).or_default() += since_us;
        }
    }

    /// Forgets what was seen, but for the cost: the membership or the log is another one.
    pub fn forget(&mut self) {
        self.spans.clear();
    }

    /// The spans that are over, newest first.
    fn over(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().rev().skip(1)
    }

    /// Whether this machine has been behind, most of the time of each of the last spans.
    pub fn is_behind(&self) -> bool {
        self.spans.len() > BEHIND_SPANS && self.over().take(BEHIND_SPANS).all(|span| span.behind_us * 2 >= SPAN_US)
    }

    /// Whether the log has lost too much time to a member, over many spans.
    pub fn is_late(&self, player: Player) -> bool {
        let lost = |span: &&Span| span.lost_us.get(&player).is_some_and(|us| us * LOST_SHARE >= SPAN_US);
        self.over().take(LATE_OF).filter(lost).count() >= LATE_SPANS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every 10 ms for so many seconds.
    fn watch(keeping: &mut Keeping, now: &mut u64, seconds: u64, sight: impl Fn(u64) -> Sight) {
        for _ in 0..seconds * 100 {
            *now += 10_000;
            keeping.look(Time(*now), &sight(*now));
        }
    }

    fn behind(behind: bool) -> Sight {
        Sight { behind, ..Sight::default() }
    }

    fn stands(share_percent: u64) -> impl Fn(u64) -> Sight {
        move |now| Sight {
            stands_for: if now / 10_000 % 100 < share_percent { vec![Player(2)] } else { Vec::new() },
            ..Sight::default()
        }
    }

    #[test]
    fn only_three_seconds_on_end_are_behind() {
        let (mut keeping, mut now) = (Keeping::default(), 0);
        for _ in 0..5 {
            watch(&mut keeping, &mut now, 2, |_| behind(true));
            assert!(!keeping.is_behind());
            watch(&mut keeping, &mut now, 1, |_| behind(false));
        }
        watch(&mut keeping, &mut now, 5, |_| behind(true));
        assert!(keeping.is_behind());
        watch(&mut keeping, &mut now, 2, |_| behind(false));
        assert!(!keeping.is_behind());
    }

    #[test]
    fn one_outage_is_no_lateness_and_a_fifth_for_long_is() {
        let (mut keeping, mut now) = (Keeping::default(), 0);
        watch(&mut keeping, &mut now, 10, stands(0));
        watch(&mut keeping, &mut now, 4, stands(100));
        watch(&mut keeping, &mut now, 1, stands(0));
        assert!(!keeping.is_late(Player(2)), "an outage");
        watch(&mut keeping, &mut now, 30, stands(15));
        assert!(!keeping.is_late(Player(2)), "a little");
        watch(&mut keeping, &mut now, 9, stands(25));
        assert!(keeping.is_late(Player(2)) && !keeping.is_late(Player(3)));
    }

    #[test]
    fn a_process_that_stood_still_has_seen_nothing() {
        let (mut keeping, mut now) = (Keeping::default(), 0);
        watch(&mut keeping, &mut now, 10, stands(100));
        assert!(keeping.is_late(Player(2)));
        now += 60_000_000;
        watch(&mut keeping, &mut now, 1, stands(100));
        assert!(!keeping.is_late(Player(2)));
    }

    #[test]
    fn the_cost_follows_within_a_second_and_one_hiccup_is_soon_forgotten() {
        let mut keeping = Keeping::default();
        keeping.note_cost(5_000);
        assert_eq!((keeping.cost_us(), keeping.turns()), (5_000, 1));
        (0..60).for_each(|_| keeping.note_cost(40_000));
        assert!((38_000..=40_000).contains(&keeping.cost_us()), "{}", keeping.cost_us());
        keeping.note_cost(1_000_000);
        (0..60).for_each(|_| keeping.note_cost(1_000));
        assert!(keeping.cost_us() < 4_000, "{}", keeping.cost_us());
    }
}
