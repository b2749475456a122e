//! The bodies' exact state as data: for snapshots and digests. Must never let in what a step could trip over.

use serde::{Deserialize, Serialize};

use super::ephemeris::{Ephemeris, KEPT_MAX, Kept, Span};
use super::lanes::{LANES, Lanes};
use super::radau::Arc4;
use super::step::{Motion, POSITION_MAX_M, STEP_MAX_S, VELOCITY_MAX_M_S};
use crate::time::{SimTime, quarters_per_second};

/// Everything that a later step or a state inside the kept steps depends on, beside the scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedEphemeris {
    motion: Motion,
    steps: Vec<Span>,
    starts: Vec<[Lanes; 2]>,
    arcs: Vec<Arc4>,
}

/// Why saved bodies are not those of this world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The lists are longer or shorter than this world's bodies and kept steps need.
    #[error("the saved bodies have the wrong size for this scenario")]
    WrongSize,
    /// A number is not finite, too large, or not zero where it must be.
    #[error("the saved bodies hold a value that no state can have")]
    BadValue,
    /// The kept steps do not follow one another, or do not cover the time.
    #[error("the saved steps do not cover the saved time")]
    BadTimes,
}

impl Ephemeris {
    /// The exact state.
    #[must_use]
    pub fn save(&self) -> SavedEphemeris {
        let Kept { steps, starts, arcs, .. } = self.kept.clone();
        SavedEphemeris { motion: self.motion.clone(), steps, starts, arcs }
    }

    /// Becomes what was saved by an ephemeris of the same scenario when the world's time was `now`. Changes
    /// nothing on an error.
    ///
    /// # Errors
    /// Sizes, values or times that [`Ephemeris::save`] never gives.
    pub fn restore(&mut self, saved: SavedEphemeris, now: SimTime) -> Result<(), RestoreError> {
        let (blocks, count) = (self.model.blocks, self.model.count);
        let SavedEphemeris { motion, steps, starts, arcs } = saved;
        let right_size = motion.blocks.len() == 3 * blocks
            && motion.poles.len() == self.model.poles.len()
            && steps.len() <= KEPT_MAX
            && starts.len() == steps.len() * 3 * blocks
            && arcs.len() == starts.len();
        if !right_size {
            return Err(RestoreError::WrongSize);
        }
        let longest = (STEP_MAX_S * quarters_per_second(self.rate_hz)) as i64;
        if !times_fit(&motion, &steps, now.0, longest) {
            return Err(RestoreError::BadTimes);
        }
        let values_fit = motion.blocks.iter().enumerate().all(|(i, b)| {
            lanes_fit(&b.x, POSITION_MAX_M, i, blocks, count)
                && lanes_fit(&b.x_lo, POSITION_MAX_M, i, blocks, count)
                && lanes_fit(&b.v, VELOCITY_MAX_M_S, i, blocks, count)
                && lanes_fit(&b.v_lo, VELOCITY_MAX_M_S, i, blocks, count)
                && b.b.iter().chain(&b.e).all(|k| lanes_fit(k, f64::MAX, i, blocks, count))
        }) && starts
            .iter()
            .enumerate()
            .all(|(i, x)| x.iter().all(|x| lanes_fit(x, POSITION_MAX_M, i, blocks, count)))
            && arcs.iter().enumerate().all(|(i, arc)| {
                lanes_fit(&arc.v, VELOCITY_MAX_M_S, i, blocks, count)
                    && lanes_fit(&arc.a, f64::MAX, i, blocks, count)
                    && arc.b.iter().all(|k| lanes_fit(k, f64::MAX, i, blocks, count))
            })
            && motion.poles.iter().flatten().all(|p| p.abs() <= 2.0);
        if !values_fit {
            return Err(RestoreError::BadValue);
        }
        self.motion = motion;
        self.kept = Kept { steps, starts, arcs, places: Vec::new() };
        for step in 0..self.kept.steps.len() {
            self.kept.place(step, blocks, count);
        }
        Ok(())
    }

    /// Gives every bit of the state to `word`, in a fixed order.
    pub fn digest_words(&self, word: &mut impl FnMut(u64)) {
        let Self { motion, kept, .. } = self;
        let mut lanes = |lanes: &Lanes| lanes.iter().for_each(|x| word(x.to_bits()));
        for block in &motion.blocks {
            lanes(&block.x);
            lanes(&block.x_lo);
            lanes(&block.v);
            lanes(&block.v_lo);
            block.b.iter().chain(&block.e).for_each(&mut lanes);
        }
        kept.starts.iter().flatten().for_each(&mut lanes);
        for arc in &kept.arcs {
            lanes(&arc.v);
            lanes(&arc.a);
            arc.b.iter().for_each(&mut lanes);
        }
        motion.poles.iter().flatten().for_each(|x| word(x.to_bits()));
        word(motion.time.cast_unsigned());
        word(motion.last.cast_unsigned());
        for span in &kept.steps {
            word(span.start.cast_unsigned());
            word(span.length.cast_unsigned());
        }
    }
}

/// Whether the steps follow one another up to the motion's time and cover `now`; all go forward.
fn times_fit(motion: &Motion, steps: &[Span], now: i64, longest: i64) -> bool {
    let lengths_fit = steps.iter().all(|s| s.length >= 1 && s.length <= longest && s.start.unsigned_abs() <= 1 << 61);
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return motion.time == now && motion.last == 0;
    };
    lengths_fit
        && steps.windows(2).all(|pair| pair[0].start + pair[0].length == pair[1].start)
        && last.start + last.length == motion.time
        && (motion.last == 0 || motion.last == last.length)
        && first.start <= now
        && now <= motion.time
}

/// Whether each is finite and within `most`, and 0 where there is no body.
fn lanes_fit(lanes: &Lanes, most: f64, entry: usize, blocks: usize, count: usize) -> bool {
    let first = entry % blocks * LANES;
    lanes.iter().enumerate().all(|(l, x)| x.abs() <= most && (first + l < count || *x == 0.0))
}
