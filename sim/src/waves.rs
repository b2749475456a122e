//! Resonance waves: every entity has one, of amplitude 1 and phase 0 until a pulse changes it, and pulses add to it as
//! waves do. Must never compute a sum in floating point: sums are whole numbers, so their order does not matter and a
//! pulse and its opposite leave nothing behind.
//!
//! A wave is a phasor, two whole numbers in units of 2^-32 of amplitude 1. A pulse is an amplitude in units of 2^-16
//! and a phase in units of 2^-32 of a turn; it is turned into a phasor once, with one rounding of each part, and in
//! such a way that pulses half a turn apart are exact opposites. So the error of a sum of `n` pulses is at most
//! `n * 2^-33` in each part, and nothing where all phases are whole quarters of a turn.
//!
//! Only waves that differ from the first one are kept, so a world in which nothing interfered has none.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// Amplitude 1 of a pulse, as a command has it.
pub const PULSE_ONE: u32 = 1 << 16;
/// Highest amplitude of one pulse: 1024 times that of the first wave.
pub const PULSE_MAX: u32 = 1 << 26;
/// Highest amplitude that a wave may reach.
pub const AMPLITUDE_MAX: f64 = (1u64 << 20) as f64;
/// Most waves of a world that may differ from the first one.
pub const WAVES_MAX: usize = 4096;

/// An amplitude, 1 being that of the first wave, and a phase in turns as a command has them: amplitude and phase of
/// [`Phasor::pulse`], each the nearest there is. `None` for what is no pulse: an amplitude that is out of range or nearer
/// to 0 than to the smallest there is, and numbers that are not finite or subnormal.
#[must_use]
pub fn quantised(amplitude: f64, phase_turns: f64) -> Option<(u32, u32)> {
    if ![amplitude, phase_turns].iter().all(|v| v.is_finite() && !v.is_subnormal()) {
        return None;
    }
    let units = libm::rint(amplitude * f64::from(PULSE_ONE));
    let part = phase_turns - libm::floor(phase_turns);
    // A whole turn, which a part just below it rounds to, is none.
    let phase = libm::rint(part * 4_294_967_296.0) as u64 as u32;
    (1.0..=f64::from(PULSE_MAX)).contains(&units).then_some((units as u32, phase))
}

/// Amplitude 1 in each part of a phasor.
const ONE: i64 = 1 << 32;
/// [`AMPLITUDE_MAX`] in these units: 2^52, so that each part is exact as f64 too.
const SUM_MAX: u64 = 1 << 52;
/// A quarter of a turn in a pulse's units of phase.
const QUARTER: u32 = 1 << 30;

/// A wave: amplitude and phase as the two parts of a complex number, in units of 2^-32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phasor {
    re: i64,
    im: i64,
}

impl Phasor {
    /// The wave of an entity that nothing interfered with: amplitude 1, phase 0.
    pub const FIRST: Self = Self { re: ONE, im: 0 };

    /// A pulse of `amplitude` in units of 1 / [`PULSE_ONE`], from 1 to [`PULSE_MAX`], and `phase` in units of 2^-32 of
    /// a turn. `None` if the amplitude is out of range.
    #[must_use]
    pub fn pulse(amplitude: u32, phase: u32) -> Option<Self> {
        if !(1..=PULSE_MAX).contains(&amplitude) {
            return None;
        }
        // Within an eighth of a turn, so that the four quarters, and both halves of each, give the same digits.
        let (quarter, within) = (phase / QUARTER, phase % QUARTER);
        let mirrored = within > QUARTER / 2;
        let reduced = if mirrored { QUARTER - within } else { within };
        let (sin, cos) = libm::sincos(f64::from(reduced) * (core::f64::consts::TAU / 4_294_967_296.0));
        // At most 2^26 * 2^16: far inside both f64's whole numbers and i64.
        let part = |factor: f64| libm::rint(f64::from(amplitude) * 65_536.0 * factor) as i64;
        let (cos, sin) = if mirrored { (part(sin), part(cos)) } else { (part(cos), part(sin)) };
        let (re, im) = match quarter {
            0 => (cos, sin),
            1 => (-sin, cos),
            2 => (-cos, -sin),
            _ => (sin, -cos),
        };
        Some(Self { re, im })
    }

    /// The sum of two waves; `None` if its amplitude would be above [`AMPLITUDE_MAX`].
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = Self { re: self.re.checked_add(other.re)?, im: self.im.checked_add(other.im)? };
        sum.is_bounded().then_some(sum)
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.re == 0 && self.im == 0
    }

    /// The two parts, in units of 2^-32: exact.
    #[must_use]
    pub const fn parts(self) -> [i64; 2] {
        [self.re, self.im]
    }

    /// The amplitude, 1 for [`Self::FIRST`]; correctly rounded.
    #[must_use]
    pub fn amplitude(self) -> f64 {
        libm::sqrt(self.square() as f64) / ONE as f64
    }

    /// The phase in turns, at least 0 and below 1; 0 for no wave at all.
    #[must_use]
    pub fn phase_turns(self) -> f64 {
        let turns = libm::atan2(self.im as f64, self.re as f64) / core::f64::consts::TAU;
        let positive = if turns < 0.0 { turns + 1.0 } else { turns };
        if positive < 1.0 { positive } else { 0.0 }
    }

    /// Square of the amplitude, in units of 2^-64.
    pub(crate) fn square(self) -> u128 {
        let square = |part: i64| u128::from(part.unsigned_abs()) * u128::from(part.unsigned_abs());
        square(self.re) + square(self.im)
    }

    fn is_bounded(self) -> bool {
        [self.re, self.im].iter().all(|part| part.unsigned_abs() <= SUM_MAX)
            && self.square() <= u128::from(SUM_MAX) * u128::from(SUM_MAX)
    }
}

/// The waves that differ from the first one, by ascending id. Each belongs to an entity that is there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Waves {
    entries: Vec<(u64, Phasor)>,
}

impl Clone for Waves {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone() }
    }

    /// Without allocating where there is room already: kept states are saved over each other every tick.
    fn clone_from(&mut self, source: &Self) {
        self.entries.clone_from(&source.entries);
    }
}

impl Waves {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All that differ from the first one, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Phasor)> + '_ {
        self.entries.iter().copied()
    }

    /// The wave of an entity.
    pub fn get(&self, id: u64) -> Phasor {
        self.place(id).map_or(Phasor::FIRST, |at| self.entries[at].1)
    }

    /// Whether [`Self::set`] has room for this.
    pub fn has_room(&self, id: u64, wave: Phasor) -> bool {
        wave == Phasor::FIRST || self.entries.len() < WAVES_MAX || self.place(id).is_ok()
    }

    /// Replaces the wave of an entity; one that is as at first is forgotten.
    pub fn set(&mut self, id: u64, wave: Phasor) -> Result<(), Refusal> {
        if wave == Phasor::FIRST {
            self.remove(id);
            return Ok(());
        }
        if !self.has_room(id, wave) {
            return Err(Refusal::Full);
        }
        match self.place(id) {
            Ok(at) => self.entries[at].1 = wave,
            Err(at) => self.entries.insert(at, (id, wave)),
        }
        Ok(())
    }

    /// Forgets the wave of an entity that is gone, or begins anew.
    pub fn remove(&mut self, id: u64) {
        if let Ok(at) = self.place(id) {
            self.entries.remove(at);
        }
    }

    /// The waves of some entities.
    pub fn of(&self, is_one: impl Fn(u64) -> bool) -> Self {
        Self { entries: self.iter().filter(|(id, _)| is_one(*id)).collect() }
    }

    /// Puts back what [`Self::iter`] gave; `None` if no world has such waves. Whether the entities are there is not
    /// asked.
    pub fn restored(entries: Vec<(u64, Phasor)>) -> Option<Self> {
        let ascending = entries.is_sorted_by(|a, b| a.0 < b.0);
        let fits = |wave: &Phasor| *wave != Phasor::FIRST && !wave.is_zero() && wave.is_bounded();
        let sound = entries.len() <= WAVES_MAX && ascending && entries.iter().all(|(_, wave)| fits(wave));
        sound.then_some(Self { entries })
    }

    fn place(&self, id: u64) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pulse(amplitude: u32, phase: u32) -> Phasor {
        Phasor::pulse(amplitude, phase).expect("an amplitude in range")
    }

    #[test]
    fn in_phase_opposition_and_quadrature() {
        for amplitude in [1, 3, PULSE_ONE, 77_777, PULSE_MAX] {
            let wave = pulse(amplitude, 0);
            let a = f64::from(amplitude) / f64::from(PULSE_ONE);
            assert_eq!(wave.amplitude(), a);
            assert_eq!(wave.plus(wave).map(Phasor::amplitude), Some(2.0 * a));
            assert_eq!(wave.plus(pulse(amplitude, 1 << 31)).map(Phasor::is_zero), Some(true));
            let across = wave.plus(pulse(amplitude, 1 << 30)).expect("far below the bound");
            assert_eq!(across.amplitude(), libm::sqrt(2.0 * a * a));
            assert_eq!(across.phase_turns(), 0.125);
        }
        assert_eq!(pulse(PULSE_ONE, 0), Phasor::FIRST);
        assert_eq!((Phasor::FIRST.amplitude(), Phasor::FIRST.phase_turns()), (1.0, 0.0));
    }

    #[test]
    fn numbers_become_pulses_or_nothing() {
        assert_eq!(quantised(1.0, 0.0), Some((PULSE_ONE, 0)));
        assert_eq!(quantised(1024.0, 0.5), Some((PULSE_MAX, 1 << 31)));
        assert_eq!(quantised(0.5, -0.25), Some((PULSE_ONE / 2, 3 << 30)));
        assert_eq!(quantised(1.0, 7.75), Some((PULSE_ONE, 3 << 30)));
        assert_eq!(quantised(1.0, 1.0 - f64::EPSILON / 2.0), Some((PULSE_ONE, 0)));
        assert_eq!(quantised(1.0, -1e-300), Some((PULSE_ONE, 0)));
        for amplitude in [0.0, -1.0, 1e-9, 1024.1, f64::MAX, f64::INFINITY, f64::NAN, 5e-324] {
            assert_eq!(quantised(amplitude, 0.0), None, "{amplitude}");
        }
        for phase in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324] {
            assert_eq!(quantised(1.0, phase), None, "{phase}");
        }
        assert!(quantised(1.0, f64::MAX).is_some());
    }

    #[test]
    fn what_is_out_of_range_is_no_pulse_and_no_sum() {
        assert!(Phasor::pulse(0, 0).is_none() && Phasor::pulse(PULSE_MAX + 1, 0).is_none());
        assert!(Phasor::pulse(u32::MAX, u32::MAX).is_none());
        let most = (0..1023).try_fold(pulse(PULSE_MAX, 0), |sum, _| sum.plus(pulse(PULSE_MAX, 0)));
        let most = most.expect("exactly the bound");
        assert_eq!(most.amplitude(), AMPLITUDE_MAX);
        assert_eq!(most.plus(pulse(1, 0)), None);
        assert_eq!(most.plus(pulse(1, 1 << 30)), None, "the bound is on the amplitude, not on each part");
        assert!(most.plus(pulse(1, 1 << 31)).is_some());
    }

    #[test]
    fn only_waves_of_a_world_come_back() {
        let wave = pulse(5, 5);
        let broken: [Vec<(u64, Phasor)>; 6] = [
            vec![(2, wave), (1, wave)],
            vec![(1, wave), (1, wave)],
            vec![(1, Phasor::FIRST)],
            vec![(1, Phasor { re: 0, im: 0 })],
            vec![(1, Phasor { re: i64::MIN, im: i64::MAX })],
            (0..=WAVES_MAX as u64).map(|id| (id, wave)).collect(),
        ];
        assert!(broken.into_iter().all(|entries| Waves::restored(entries).is_none()));
        let full: Vec<_> = (0..WAVES_MAX as u64).map(|id| (2 * id, wave)).collect();
        let mut waves = Waves::restored(full).expect("as many as there may be");
        assert_eq!(waves.set(1, wave), Err(Refusal::Full));
        assert_eq!(waves.set(1, Phasor::FIRST), Ok(()));
        assert_eq!(waves.set(2, pulse(6, 6)), Ok(()));
        waves.remove(4);
        assert_eq!(waves.set(1, wave), Ok(()));
        assert!(waves.entries.is_sorted_by_key(|(id, _)| *id));
    }

    proptest! {
        /// Against the sum of complex numbers in f64.
        #[test]
        fn sums_are_those_of_waves(pulses in prop::collection::vec((1u32..=PULSE_MAX, any::<u32>()), 0..200)) {
            let mut sum = Phasor::FIRST;
            let (mut x, mut y) = (1.0f64, 0.0f64);
            for &(amplitude, phase) in &pulses {
                sum = sum.plus(pulse(amplitude, phase)).expect("200 * 1024 are below the bound");
                let a = f64::from(amplitude) / 65_536.0;
                let angle = f64::from(phase) / 4_294_967_296.0 * core::f64::consts::TAU;
                x += a * libm::cos(angle);
                y += a * libm::sin(angle);
            }
            // Half a unit a pulse, and what f64 itself loses.
            let tolerance = pulses.len() as f64 * (0.5 / 4_294_967_296.0 + 1e-10);
            let [re, im] = sum.parts().map(|part| part as f64 / 4_294_967_296.0);
            prop_assert!((re - x).abs() <= tolerance && (im - y).abs() <= tolerance, "{re} {im} is not {x} {y}");
            prop_assert!((sum.amplitude() - libm::hypot(x, y)).abs() <= 2.0 * tolerance);
            prop_assert!((0.0..1.0).contains(&sum.phase_turns()));
        }

    }

    /// Many: where a cosine is taken of each phase by itself, a few in ten thousand round apart.
    #[test]
    fn half_a_turn_is_the_exact_opposite() {
        let mut random = crate::random::RandomStream::new(12);
        for _ in 0..200_000 {
            let (amplitude, phase) = (PULSE_MAX - (random.next_u64() % 1000) as u32, random.next_u64() as u32);
            let [re, im] = pulse(amplitude, phase).parts();
            assert_eq!(pulse(amplitude, phase.wrapping_add(1 << 31)).parts(), [-re, -im]);
            assert_eq!(pulse(amplitude, phase.wrapping_add(1 << 30)).parts(), [-im, re]);
            assert_eq!(pulse(amplitude, phase.wrapping_neg()).parts(), [re, -im], "below the axis as above it");
        }
    }
}
