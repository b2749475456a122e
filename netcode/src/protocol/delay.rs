//! How much input delay a peer wishes for. It watches by how much entries come before (or after) their turn is due,
//! and wishes for as many turns as let nearly all come in time. Raised within half a second, lowered slowly. Must never
//! follow a single hiccup: a longer delay is felt by everybody all the time, a rare stall is felt once.

use std::collections::VecDeque;

use super::ids::Time;

/// Entries should come this much before their turn is due, microseconds.
const GUARD_US: i64 = 3_000;
/// Entries are kept together by spans of this length; what is late within two of them only is a hiccup. Microseconds.
const SPAN_US: u64 = 100_000;
/// What the raising looks at: the spans of this time, microseconds.
const RAISE_US: u64 = 2_000_000;
/// What the lowering looks at, at first, and between two lowerings; at most, after it turned out wrong. Microseconds.
const LOWER_US: u64 = 8_000_000;
const LOWER_US_MAX: u64 = 64_000_000;
/// After a change of the delay, entries of before and after come mixed for the old delay and this time, microseconds.
const MIXED_US: u64 = 200_000;
/// Latencies above this many times the greatest delay are outages, which no delay helps against.
const OUTAGE: i64 = 2;

/// The longest latency of the entries that came in a span of time.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Time,
    longest_us: i64,
}

/// One peer's wish for an input delay.
#[derive(Clone, Debug)]
pub struct DelayWish {
    least: u32,
    most: u32,
    /// The delay in force and the length of a turn, microseconds, as told last.
    force: Option<(u32, i64)>,
    /// Until when what comes may have been sent under another delay.
    mixed_until: Time,
    /// Latencies by span, oldest first.
    spans: VecDeque<Span>,
    /// The wish that stands.
    wished: u32,
    /// When it was thought about last, when it was changed last, and whether that was down.
    thought: Time,
    changed: Time,
    lowered: bool,
    /// How long there must have been room before it is lowered.
    patience_us: u64,
}

impl DelayWish {
    /// A wish between `least` and `most` turns.
    #[must_use]
    pub fn new(least: u32, most: u32) -> Self {
        Self {
            least,
            most: most.max(least),
            force: None,
            mixed_until: Time(0),
            spans: VecDeque::new(),
            wished: 0,
            thought: Time(0),
            changed: Time(0),
            lowered: false,
            patience_us: LOWER_US,
        }
    }

    /// An entry of another member came, by this much before its turn is due, in microseconds (negative: after it).
    pub fn observe(&mut self, now: Time, margin_us: i64) {
        let Some((delay, turn_us)) = self.force else { return };
        let latency_us = (i64::from(delay) * turn_us).saturating_sub(margin_us);
        if now < self.mixed_until || latency_us > i64::from(self.most) * turn_us * OUTAGE {
            return;
        }
        match self.spans.back_mut() {
            Some(span) if now.since(span.from) < SPAN_US => span.longest_us = span.longest_us.max(latency_us),
            _ => {
                self.spans.push_back(Span { from: now, longest_us: latency_us });
                while self.spans.front().is_some_and(|span| now.since(span.from) > LOWER_US_MAX) {
                    self.spans.pop_front();
                }
            }
        }
    }

    /// The delay to wish for from now on in turns, when the wish changes. `delay` turns are in force, of `turn_us`
    /// microseconds each.
    pub fn wish(&mut self, now: Time, delay: u32, turn_us: u64) -> Option<u32> {
        let turn_us = turn_us.clamp(1, u64::from(u32::MAX)) as i64;
        match self.force {
            None => (self.wished, self.changed) = (delay, now),
            Some((old, _)) if old != delay => self.mixed_until = now.plus(u64::from(old) * turn_us as u64 + MIXED_US),
            Some(_) => {}
        }
        self.force = Some((delay, turn_us));
        if now.since(self.thought) < SPAN_US / 2 || self.spans.is_empty() {
            return None;
        }
        self.thought = now;
        let wish = self.wish_within(now, turn_us).clamp(self.least, self.most);
        if wish == self.wished {
            return None;
        }
        if wish > self.wished {
            // Lowered in vain: next time only after twice as long. Otherwise the network has changed.
            let in_vain = self.lowered && now.since(self.changed) < self.patience_us * 4;
            self.patience_us = if in_vain { (self.patience_us * 2).min(LOWER_US_MAX) } else { LOWER_US };
        }
        self.lowered = wish < self.wished;
        (self.wished, self.changed) = (wish, now);
        Some(wish)
    }

    fn wish_within(&self, now: Time, turn_us: i64) -> u32 {
        let (_, second_us) = self.longest(now, RAISE_US);
        let usual = turns(second_us, turn_us);
        if usual > self.wished {
            return usual;
        }
        // There must have been room for one turn less even in the worst case of all that time.
        let (longest_us, _) = self.longest(now, self.patience_us);
        let room = now.since(self.changed) >= self.patience_us && turns(longest_us, turn_us) < self.wished;
        self.wished - u32::from(room)
    }

    /// The longest latency of the last `back_us`, and the longest that is not from about the same moment.
    fn longest(&self, now: Time, back_us: u64) -> (i64, i64) {
        let recent = || self.spans.iter().rev().take_while(|span| now.since(span.from) <= back_us);
        let Some(longest) = recent().max_by_key(|span| span.longest_us) else { return (i64::MIN, i64::MIN) };
        let apart = |span: &&Span| span.from.0.abs_diff(longest.from.0) > 2 * SPAN_US;
        (longest.longest_us, recent().filter(apart).map(|span| span.longest_us).max().unwrap_or(i64::MIN))
    }
}

/// Turns of delay that a latency needs.
fn turns(latency_us: i64, turn_us: i64) -> u32 {
    let turns = latency_us.saturating_add(GUARD_US).max(0) / turn_us;
    u32::try_from(turns).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netsim::Random;

    const TURN_US: u64 = 16_666;

    /// A session over links with `least_us` to `least_us + jitter_us` and 5 % loss, where each entry goes out in each of
    /// the datagrams that follow. A wish takes effect half a second later: more entries at once, or none for a turn.
    struct Session {
        wish: DelayWish,
        random: Random,
        others: u32,
        turn: u64,
        in_force: u32,
        coming: VecDeque<(u64, u32)>,
        /// First turn that is not entered, and entries on their way: when they come, for which turn.
        entered: u64,
        flight: Vec<(u64, u64)>,
        /// Wishes, and how many entries came too late.
        wishes: Vec<(u64, u32)>,
        late: u64,
    }

    impl Session {
        fn new(seed: u64, others: u32, in_force: u32) -> Self {
            let wish = DelayWish::new(1, 30);
            let (coming, flight, wishes) = (VecDeque::new(), Vec::new(), Vec::new());
            Self {
                wish,
                random: Random::new(seed, 0),
                others,
                turn: 0,
                in_force,
                coming,
                entered: 0,
                flight,
                wishes,
                late: 0,
            }
        }

        fn wished(&self) -> u32 {
            self.wish.wished
        }

        fn run(&mut self, turns: u64, least_us: u64, jitter_us: u64) {
            for _ in 0..turns {
                self.turn += 1;
                let now_us = self.turn * TURN_US;
                if self.coming.front().is_some_and(|coming| coming.0 <= self.turn) {
                    self.in_force = self.coming.pop_front().map_or(self.in_force, |coming| coming.1);
                }
                if let Some(wish) = self.wish.wish(Time(now_us), self.in_force, TURN_US) {
                    self.wishes.push((self.turn, wish));
                    self.coming.push_back((self.turn + 30, wish));
                }
                while self.entered <= self.turn + u64::from(self.in_force) {
                    for _ in 0..self.others {
                        let arrives_us = now_us + self.latency_us(least_us, jitter_us);
                        self.flight.push((arrives_us, self.entered));
                    }
                    self.entered += 1;
                }
                self.flight.sort_unstable();
                let arrived = self.flight.partition_point(|(at_us, _)| *at_us <= now_us + TURN_US);
                for (at_us, turn) in self.flight.drain(..arrived) {
                    let margin_us = (turn * TURN_US) as i64 - at_us as i64;
                    self.late += u64::from(margin_us < 0 && turn > 60);
                    self.wish.observe(Time(at_us), margin_us);
                }
            }
        }

        /// The first of the datagrams with the entry to arrive.
        fn latency_us(&mut self, least_us: u64, jitter_us: u64) -> u64 {
            let mut first_us = u64::MAX;
            for datagram in 0..4 {
                let delay_us = datagram * TURN_US + least_us + self.random.below(jitter_us + 1);
                if self.random.below(100) >= 5 {
                    first_us = first_us.min(delay_us);
                }
            }
            first_us.min(least_us + jitter_us + 5 * TURN_US)
        }
    }

    #[test]
    fn steady_jitter_and_loss_settle_and_stay() {
        const SEEDS: u64 = 30;
        for others in [1, 3, 15] {
            let mut changes_in_all = 0;
            for seed in 0..SEEDS {
                let mut session = Session::new(seed, others, 4);
                session.run(60 * 20, 60_000, 40_000);
                let (settled, late) = (session.wishes.len(), session.late);
                session.run(60 * 300, 60_000, 40_000);
                let (changes, late) = (session.wishes.len() - settled, session.late - late);
                let wished = session.wished();
                assert!((7..=9).contains(&wished), "{others}, {seed}: {wished}");
                assert!(late <= 60 * 300 / 500, "{others}, {seed}: {late} late");
                changes_in_all += changes as u64;
            }
            // Each wish is at the mercy of a few outliers, so only their mean is bounded: every 40 s.
            assert!(changes_in_all <= 300 / 40 * SEEDS, "{others} others: {changes_in_all} changes in {SEEDS} runs");
        }
    }

    #[test]
    fn raised_soon_by_as_much_as_needed_and_lowered_step_by_step() {
        let mut session = Session::new(1, 3, 3);
        session.run(60 * 30, 5_000, 10_000);
        let low = session.wished();
        assert!(low <= 3, "{low}");
        session.wishes.clear();
        session.run(60, 120_000, 20_000);
        let first = session.wishes.first().copied().unwrap_or_default();
        assert!(first.0 <= 60 * 30 + 30 && first.1 >= 8, "{:?}", session.wishes);
        session.run(60 * 20, 120_000, 20_000);
        assert!(session.wishes.iter().all(|wish| wish.1 <= 11), "{:?}", session.wishes);
        session.wishes.clear();
        session.run(60 * 400, 5_000, 10_000);
        assert!(session.wished() <= 4, "{:?}", session.wishes);
        let steps = session.wishes.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        assert!(steps.clone().count() >= 5);
        for pair in steps {
            assert!(pair[1].0 - pair[0].0 >= 60 * 8 - 1 && pair[0].1 - pair[1].1 == 1, "{pair:?}");
        }
    }

    /// The wishes of a minute in which the entry of each turn comes with this margin.
    fn wishes(margin_us: impl Fn(u64) -> i64) -> Vec<u32> {
        let mut delay = DelayWish::new(2, 30);
        (0..3600)
            .filter_map(|turn| {
                let now = Time(turn * TURN_US);
                let wish = delay.wish(now, 5, TURN_US);
                delay.observe(now, margin_us(turn));
                wish
            })
            .collect()
    }

    #[test]
    fn a_hiccup_or_an_outage_changes_nothing() {
        assert!(wishes(|turn| if (600..604).contains(&turn) { -150_000 } else { 4_000 }).is_empty(), "a hiccup");
        assert!(wishes(|turn| if (600..900).contains(&turn) { -2_000_000 } else { 4_000 }).is_empty(), "an outage");
        let mut delay = DelayWish::new(2, 30);
        assert_eq!(delay.wish(Time(60_000_000), 5, TURN_US), None, "nothing known");
        delay.observe(Time(60_000_000), i64::MIN);
        delay.observe(Time(60_000_000), i64::MAX);
        assert_eq!(delay.wish(Time(60_100_000), 5, 0), None, "nonsense");
    }

    #[test]
    fn a_wish_does_not_grow_while_it_waits_to_take_effect() {
        assert_eq!(wishes(|_| -10_000), [6]);
        assert_eq!(wishes(|_| -20_000), [7]);
        assert_eq!(wishes(|_| -900_000), [30], "within the bounds");
    }
}
