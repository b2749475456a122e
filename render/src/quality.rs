//! How much is drawn: presets, and a governor that steps down when frames miss their budget and back up when there is
//! room. Pure arithmetic on frame times. Must never read a clock, nor change what is true in a picture: only how fine it
//! is.

use crate::scene::Options;

/// What a person may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// For a processor without a graphics card.
    Low,
    /// For a graphics unit of a processor.
    Medium,
    /// For a graphics card.
    High,
    /// Whatever it costs.
    Ultra,
    /// As much as the budget has room for.
    #[default]
    Auto,
}

impl Preset {
    /// All of them, from the least to the most; then the automatic one.
    pub const ALL: [Self; 5] = [Self::Low, Self::Medium, Self::High, Self::Ultra, Self::Auto];

    /// How it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Ultra => "ultra",
            Self::Auto => "auto",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }
}

/// One level of quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Drawn pixels along each edge of one of the picture.
    pub scale: f64,
    /// Most octaves of a surface pattern.
    pub octaves: u32,
    /// Steps along a ray through air.
    pub air_steps: u32,
    /// What sizes are multiplied by before a level of detail is chosen.
    pub detail: f64,
    /// Whether the glow of the Milky Way is drawn.
    pub milky_way: bool,
    /// Most stars, the brightest first.
    pub stars: u32,
}

const fn level(scale: f64, [octaves, air_steps]: [u32; 2], detail: f64, milky_way: bool) -> Quality {
    // Without the glow of the faint ones, those that an eye sees on Earth: down to magnitude 6.5.
    Quality { scale, octaves, air_steps, detail, milky_way, stars: if milky_way { u32::MAX } else { 8_800 } }
}

/// From the least to the most. Effects go before resolution: a coarse picture is the last resort.
const LEVELS: [Quality; 8] = [
    level(0.5, [3, 4], 0.35, false),
    level(0.7, [4, 4], 0.5, false),
    level(0.85, [5, 5], 0.5, false),
    level(1.0, [6, 6], 0.6, false),
    level(1.0, [9, 8], 0.8, true),
    level(1.0, [14, 14], 1.0, true),
    level(1.4, [16, 14], 1.2, true),
    level(2.0, [18, 20], 1.5, true),
];

/// Where a preset stands, and where the automatic one begins.
fn level_of(preset: Preset) -> usize {
    match preset {
        Preset::Low => 1,
        Preset::Medium => 4,
        Preset::High | Preset::Auto => 5,
        Preset::Ultra => 7,
    }
}

impl Quality {
    /// What a preset means to begin with.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        LEVELS[level_of(preset)]
    }

    /// Puts it into a scene's options; the scale is the renderer's.
    pub fn apply(&self, options: &mut Options) {
        options.octaves = self.octaves;
        options.air_steps = self.air_steps;
        options.detail = self.detail;
        options.milky_way = self.milky_way;
        options.stars = self.stars;
    }
}

/// Share of the budget under which there may be room for more.
const ROOM: f64 = 0.6;
/// Seconds between two steps, at least.
const STEP_S: f64 = 1.0;
/// Seconds with room before it steps up; twice as long after each step up that had to be taken back, up to the second.
const PATIENCE_S: [f64; 2] = [3.0, 60.0];
/// Seconds after a step up in which a step down takes it back.
const TAKEN_BACK_S: f64 = 10.0;
/// Share of the frames of a second that must miss the budget for a step down.
const MISSED: f64 = 0.1;

/// Chooses the level from how long frames take. Presets other than the automatic one are a ceiling: it steps below them
/// only where frames are missed, and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Governor {
    budget_ms: f64,
    ceiling: usize,
    level: usize,
    /// Of the present second.
    frames: u32,
    missed: u32,
    sum_ms: f64,
    since_s: f64,
    /// Seconds with room.
    roomy_s: f64,
    patience_s: f64,
    /// Seconds since the last step up.
    since_up_s: f64,
}

impl Governor {
    /// For frames that may take so long, milliseconds.
    #[must_use]
    pub fn new(preset: Preset, budget_ms: f64) -> Self {
        let ceiling = if preset == Preset::Auto { LEVELS.len() - 1 } else { level_of(preset) };
        Self {
            budget_ms: if budget_ms.is_finite() { budget_ms.max(1.0) } else { 1.0 },
            ceiling,
            level: level_of(preset),
            frames: 0,
            missed: 0,
            sum_ms: 0.0,
            since_s: 0.0,
            roomy_s: 0.0,
            patience_s: PATIENCE_S[0],
            since_up_s: f64::INFINITY,
        }
    }

    /// The present level.
    #[must_use]
    pub fn quality(&self) -> Quality {
        LEVELS[self.level]
    }

    /// Takes note of a frame: seconds since the one before, and the milliseconds that the processor and the device worked
    /// on it (the longer of both; waiting for the display is no work). Says whether the level has changed.
    pub fn frame(&mut self, passed_s: f64, worked_ms: f64) -> bool {
        if !(passed_s.is_finite() && passed_s >= 0.0 && worked_ms.is_finite()) {
            return false;
        }
        self.frames += 1;
        self.missed += u32::from(worked_ms > self.budget_ms);
        self.sum_ms += worked_ms;
        self.since_s += passed_s;
        if self.since_s < STEP_S {
            return false;
        }
        let (mean_ms, missed) = (self.sum_ms / f64::from(self.frames), f64::from(self.missed) / f64::from(self.frames));
        // A pause is no room.
        let passed_s = self.since_s.min(2.0 * STEP_S);
        self.since_up_s += passed_s;
        (self.frames, self.missed, self.sum_ms, self.since_s) = (0, 0, 0.0, 0.0);
        if missed > MISSED {
            return self.step_down(mean_ms);
        }
        self.roomy_s = if mean_ms < ROOM * self.budget_ms { self.roomy_s + passed_s } else { 0.0 };
        self.step_up()
    }

    /// One level down, or two where frames take more than twice as long as they may.
    fn step_down(&mut self, mean_ms: f64) -> bool {
        // Soon after a step up it was that step.
        let taken_back = std::mem::replace(&mut self.since_up_s, f64::INFINITY) < TAKEN_BACK_S;
        self.patience_s = if taken_back { (2.0 * self.patience_s).min(PATIENCE_S[1]) } else { PATIENCE_S[0] };
        self.roomy_s = 0.0;
        let steps = if mean_ms > 2.0 * self.budget_ms { 2 } else { 1 };
        let before = self.level;
        self.level = before.saturating_sub(steps);
        before != self.level
    }

    fn step_up(&mut self) -> bool {
        if self.roomy_s < self.patience_s || self.level >= self.ceiling {
            return false;
        }
        (self.level, self.roomy_s, self.since_up_s) = (self.level + 1, 0.0, 0.0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs for so many seconds on a machine that needs `cost_ms` at each level; gives back when it stepped and the level.
    fn run(governor: &mut Governor, seconds: f64, cost_ms: impl Fn(usize) -> f64) -> Vec<(f64, usize)> {
        let (mut now_s, mut steps) = (0.0, Vec::new());
        while now_s < seconds {
            let worked_ms = cost_ms(governor.level);
            let passed_s = worked_ms.max(governor.budget_ms) / 1000.0;
            now_s += passed_s;
            if governor.frame(passed_s, worked_ms) {
                steps.push((now_s, governor.level));
            }
        }
        steps
    }

    #[test]
    fn it_settles_where_frames_fit() {
        let mut governor = Governor::new(Preset::Auto, 11.1);
        let cost = |level: usize| 2.0 * 1.5f64.powi(level as i32);
        let steps = run(&mut governor, 30.0, cost);
        assert!(cost(governor.level) <= 11.1 && governor.level == 4, "{steps:?}");
        assert!(steps.iter().all(|(_, level)| *level <= 5));
    }

    #[test]
    fn a_machine_with_room_gets_more_and_a_preset_is_a_ceiling() {
        let mut auto = Governor::new(Preset::Auto, 11.1);
        run(&mut auto, 30.0, |_| 1.0);
        assert_eq!(auto.quality(), LEVELS[7]);
        let mut medium = Governor::new(Preset::Medium, 11.1);
        assert!(run(&mut medium, 30.0, |_| 1.0).is_empty());
        assert_eq!(medium.quality(), Quality::of(Preset::Medium));
        run(&mut medium, 5.0, |_| 40.0);
        assert_eq!(medium.level, 0, "two at a time");
        run(&mut medium, 200.0, |_| 1.0);
        assert_eq!(medium.quality(), Quality::of(Preset::Medium), "and back");
    }

    #[test]
    fn a_step_that_had_to_be_taken_back_is_not_tried_soon_again() {
        let mut governor = Governor::new(Preset::Auto, 10.0);
        // Room at 3, too much at 4.
        let steps = run(&mut governor, 300.0, |level| if level <= 3 { 4.0 } else { 15.0 });
        let ups = steps.windows(2).filter(|pair| pair[1].1 > pair[0].1).count();
        assert!((2..=10).contains(&ups), "{ups}: {steps:?}");
    }

    #[test]
    fn presets_have_their_names_and_order() {
        for preset in Preset::ALL {
            assert_eq!(Preset::of(preset.name()), Some(preset));
        }
        assert_eq!(Preset::of("huge"), None);
        let [low, medium, high, ultra] = [Preset::Low, Preset::Medium, Preset::High, Preset::Ultra].map(Quality::of);
        assert!(low.scale < medium.scale && medium.octaves < high.octaves && high.scale < ultra.scale);
    }

    proptest! {
        #[test]
        fn it_steps_at_most_once_a_second(frames in prop::collection::vec((0.0..0.3f64, -1.0..80.0f64), 1..400)) {
            let mut governor = Governor::new(Preset::Auto, 11.1);
            let (mut now_s, mut last_s) = (0.0, f64::NEG_INFINITY);
            for (passed_s, worked_ms) in frames {
                let before = governor.level;
                now_s += passed_s;
                let said = governor.frame(passed_s, worked_ms);
                prop_assert_eq!(said, governor.level != before);
                prop_assert!(governor.level < LEVELS.len() && governor.level.abs_diff(before) <= 2);
                if said {
                    prop_assert!(now_s - last_s > 1.0 - 1e-9);
                    last_s = now_s;
                }
            }
            for wrong in [f64::NAN, f64::INFINITY, -1.0] {
                prop_assert!(!governor.frame(wrong, 5.0));
            }
        }
    }
}
