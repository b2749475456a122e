//! How much input delay a peer wishes for. It watches by how much the entries of a turn came before (or after) the
//! turn was due, and wishes for as many turns as let nearly all come in time. Raised at once, lowered slowly. Must never
//! follow a single outlier: a longer delay is felt by everybody all the time, a rare stall is felt once.

use std::collections::VecDeque;

use super::ids::Time;

/// Entries should come this much before their turn is due, microseconds.
const GUARD_US: i64 = 3_000;
/// What the raising looks at: the turns of this time, microseconds.
const RAISE_US: u64 = 2_000_000;
/// What the lowering looks at, at first, and between two lowerings; at most, after it turned out wrong. Microseconds.
const LOWER_US: u64 = 8_000_000;
const LOWER_US_MAX: u64 = 64_000_000;
/// Turns are kept together by spans of this length, microseconds.
const SPAN_US: u64 = 250_000;

/// The two longest latencies among the turns of a span of time.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Time,
    longest_us: i64,
    second_us: i64,
}

impl Span {
    fn take(&mut self, latency_us: i64) {
        self.second_us = self.second_us.max(latency_us.min(self.longest_us));
        self.longest_us = self.longest_us.max(latency_us);
    }
}

/// One peer's wish for an input delay.
#[derive(Clone, Debug)]
pub struct Delay {
    least: u32,
    most: u32,
    turn_us: i64,
    spans: VecDeque<Span>,
    /// When the watching began.
    from: Time,
    /// When the wish was lowered last.
    lowered: Option<Time>,
    /// How long there must have been room before it is lowered.
    patience_us: u64,
}

impl Delay {
    /// A wish between `least` and `most` turns of `turn_us` microseconds.
    #[must_use]
    pub fn new(now: Time, least: u32, most: u32, turn_us: u64) -> Self {
        Self {
            least,
            most: most.max(least),
            turn_us: turn_us.clamp(1, u64::from(u32::MAX)) as i64,
            spans: VecDeque::new(),
            from: now,
            lowered: None,
            patience_us: LOWER_US,
        }
    }

    /// Once per turn: by how much the last of the others' entries for it came before the turn was due (negative:
    /// after it), in microseconds, and the input delay in turns that was in force for that turn.
    pub fn observe(&mut self, now: Time, margin_us: i64, delay_turns: u32) {
        let delay_us = i64::from(delay_turns) * self.turn_us;
        let latency_us = delay_us.saturating_sub(margin_us);
        match self.spans.back_mut() {
            Some(span) if now.since(span.from) < SPAN_US => span.take(latency_us),
            _ => {
                self.spans.push_back(Span { from: now, longest_us: latency_us, second_us: i64::MIN });
                while self.spans.front().is_some_and(|span| now.since(span.from) > LOWER_US_MAX) {
                    self.spans.pop_front();
                }
            }
        }
    }

    /// The delay to wish for in turns, where it is another than `wished`, the own wish that stands.
    pub fn wish(&mut self, now: Time, wished: u32) -> Option<u32> {
        let wish = self.wish_within(now, wished).clamp(self.least, self.most);
        if wish < wished {
            self.lowered = Some(now);
        } else if wish > wished {
            // Lowered in vain: next time only after twice as long. Otherwise the network has changed.
            let since = self.lowered.take();
            let in_vain = since.is_some_and(|since| now.since(since) < self.patience_us.saturating_mul(4));
            self.patience_us = if in_vain { (self.patience_us * 2).min(LOWER_US_MAX) } else { LOWER_US };
            self.from = now;
        }
        (wish != wished).then_some(wish)
    }

    fn wish_within(&self, now: Time, wished: u32) -> u32 {
        let usual = self.turns(self.latency(now, RAISE_US).second_us);
        if usual > wished {
            return usual;
        }
        let watched_since = self.lowered.map_or(self.from, |lowered| lowered.max(self.from));
        if now.since(watched_since) < self.patience_us || self.spans.is_empty() {
            return wished;
        }
        // The wish that stands must leave one turn even in the worst case of the whole time.
        let longest_us = self.latency(now, self.patience_us).longest_us;
        if self.turns(longest_us) < wished { wished.saturating_sub(1) } else { wished }
    }

    /// The two longest latencies of the last `span_us`.
    fn latency(&self, now: Time, span_us: u64) -> Span {
        let mut both = Span { from: now, longest_us: i64::MIN, second_us: i64::MIN };
        for span in self.spans.iter().rev().take_while(|span| now.since(span.from) <= span_us) {
            both.take(span.longest_us);
            both.take(span.second_us);
        }
        both
    }

    /// Turns of delay that a latency needs.
    fn turns(&self, latency_us: i64) -> u32 {
        let turns = latency_us.saturating_add(GUARD_US).max(0) / self.turn_us;
        u32::try_from(turns).unwrap_or(u32::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN_US: u64 = 16_666;

    /// Uniform numbers from a seed (SplitMix64).
    fn below(seed: &mut u64, bound: u64) -> u64 {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// A session over links with `least_us` to `least_us + jitter_us` and 5 % loss, where each entry goes out in each of
    /// the datagrams that follow. A wish takes effect half a second later.
    struct Session {
        delay: Delay,
        seed: u64,
        others: u32,
        turn: u64,
        in_force: u32,
        coming: VecDeque<(u64, u32)>,
        wished: u32,
        /// Wishes, and how many turns came too late.
        wishes: Vec<(u64, u32)>,
        late: u64,
    }

    impl Session {
        fn new(seed: u64, others: u32, in_force: u32) -> Self {
            let delay = Delay::new(Time(0), 1, 30, TURN_US);
            let (coming, wishes) = (VecDeque::new(), Vec::new());
            Self { delay, seed, others, turn: 0, in_force, coming, wished: in_force, wishes, late: 0 }
        }

        fn run(&mut self, turns: u64, least_us: u64, jitter_us: u64) {
            for _ in 0..turns {
                self.turn += 1;
                let now_us = self.turn * TURN_US;
                let latency_us = (0..self.others).map(|_| self.latency_us(least_us, jitter_us)).max().unwrap_or(0);
                let margin_us = u64::from(self.in_force) as i64 * TURN_US as i64 - latency_us as i64;
                self.late += u64::from(margin_us < 0);
                self.delay.observe(Time(now_us), margin_us, self.in_force);
                if let Some(wish) = self.delay.wish(Time(now_us), self.wished) {
                    self.wished = wish;
                    self.wishes.push((self.turn, wish));
                    self.coming.push_back((self.turn + 30, wish));
                }
                if self.coming.front().is_some_and(|coming| coming.0 <= self.turn) {
                    self.in_force = self.coming.pop_front().map_or(self.in_force, |coming| coming.1);
                }
            }
        }

        /// The first of the datagrams with the entry to arrive.
        fn latency_us(&mut self, least_us: u64, jitter_us: u64) -> u64 {
            let mut first_us = u64::MAX;
            for datagram in 0..4 {
                let delay_us = datagram * TURN_US + least_us + below(&mut self.seed, jitter_us + 1);
                if below(&mut self.seed, 100) >= 5 {
                    first_us = first_us.min(delay_us);
                }
            }
            first_us.min(least_us + jitter_us + 5 * TURN_US)
        }
    }

    #[test]
    fn steady_jitter_and_loss_settle_and_stay() {
        for others in [1, 3, 15] {
            for seed in 0..6 {
                let mut session = Session::new(seed, others, 4);
                session.run(60 * 20, 60_000, 40_000);
                let (settled, late) = (session.wishes.len(), session.late);
                session.run(60 * 300, 60_000, 40_000);
                let (changes, late) = (session.wishes.len() - settled, session.late - late);
                println!("{others} others: {changes} changes and {late} late turns in 300 s, at {}", session.wished);
                assert!((7..=9).contains(&session.wished), "{others}, {seed}: {}", session.wished);
                assert!(changes <= 8, "{others}, {seed}: {:?}", session.wishes);
                assert!(late <= 60 * 300 / 200, "{others}, {seed}: {late} late");
            }
        }
    }

    #[test]
    fn raised_at_once_by_as_much_as_needed_and_lowered_step_by_step() {
        let mut session = Session::new(1, 3, 3);
        session.run(60 * 30, 5_000, 10_000);
        let low = session.wished;
        assert!(low <= 3, "{low}");
        session.wishes.clear();
        session.run(60, 120_000, 20_000);
        let first = session.wishes.first().copied().unwrap_or_default();
        assert!(first.0 <= 60 * 30 + 2 && first.1 >= 8, "{:?}", session.wishes);
        session.run(60 * 20, 120_000, 20_000);
        session.wishes.clear();
        session.run(60 * 400, 5_000, 10_000);
        assert!(session.wished <= 4, "{:?}", session.wishes);
        let steps = session.wishes.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        assert!(steps.clone().count() >= 5);
        for pair in steps {
            assert!(pair[1].0 - pair[0].0 >= 60 * 8 && pair[0].1 - pair[1].1 == 1, "{pair:?}");
        }
    }

    #[test]
    fn one_outlier_and_silence_change_nothing() {
        let mut delay = Delay::new(Time(0), 2, 30, TURN_US);
        assert_eq!(delay.wish(Time(60_000_000), 5), None, "nothing known");
        for turn in 0..100 {
            let margin_us = if turn == 50 { -2_000_000 } else { 4_000 };
            delay.observe(Time(turn * TURN_US), margin_us, 5);
            assert_eq!(delay.wish(Time(turn * TURN_US), 5), None);
        }
        delay.observe(Time(101 * TURN_US), i64::MIN, u32::MAX);
        assert_eq!(delay.wish(Time(101 * TURN_US), 5), Some(30), "within the bounds, also for nonsense");
    }

    #[test]
    fn a_wish_does_not_grow_while_it_waits_to_take_effect() {
        let mut delay = Delay::new(Time(0), 1, 30, TURN_US);
        let (mut wished, mut wishes) = (4, Vec::new());
        for turn in 0..60 {
            delay.observe(Time(turn * TURN_US), -10_000, 4);
            if let Some(wish) = delay.wish(Time(turn * TURN_US), wished) {
                (wished, wishes) = (wish, [wishes, vec![wish]].concat());
            }
        }
        assert_eq!(wishes, [5]);
    }
}
