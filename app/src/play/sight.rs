//! From a world to what a frame shows: scene, instruments, a replay's bar and words. Must never change anything but its own
//! lists, which are used again.

use std::sync::Arc;
use std::time::Instant;

use render::Scene;
use render::extract::{Blasts, Ride, Show, Stage};
use render::hud::format::elapsed;
use render::hud::menu::TimelineMark;
use render::hud::values::HudValues;
use render::quality::Quality;
use render::scene::Options;
use sim::frame_view::FrameView;
use sim::{Position, Scenario};

use super::cameras::{self, Cameras, Place};
use super::world::{ReplayStatus, Status, World};
use crate::output::{grouped, hex};
use crate::view::instruments::{Aim, Instruments};

/// What of a world does not change from tick to tick.
pub struct Known {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    stage: Stage,
    instruments: Instruments,
    blasts: Blasts,
}

impl Known {
    /// What is known of a world.
    #[must_use]
    pub fn new(scenario: Arc<Scenario>) -> Self {
        Self {
            stage: Stage::new(&scenario),
            instruments: Instruments::new(&scenario),
            blasts: Blasts::default(),
            scenario,
        }
    }

    /// What something that is aimed at is called.
    #[must_use]
    pub fn name(&self, frame: &FrameView, aim: Aim) -> String {
        match aim {
            Aim::Body(at) => self.scenario.bodies.get(at).map_or(String::new(), |body| body.name.clone()),
            Aim::Thing(id) => self.instruments.name(frame, id).map_or(String::new(), |name| name.as_str().to_owned()),
        }
    }
}

/// How a world is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Gaze<'a> {
    /// The camera.
    pub cameras: &'a Cameras,
    /// The ship that is flown or followed.
    pub ship: Option<u64>,
    /// What is aimed at.
    pub aim: Option<Aim>,
    /// Field of view, radians from the lower to the upper edge.
    pub fov_rad: f64,
    /// Width over height.
    pub aspect: f64,
    /// Whether there are instruments.
    pub instruments: bool,
    /// Most stars.
    pub stars: u32,
    /// How fine it is drawn.
    pub quality: Quality,
    /// Whether the lattice is drawn.
    pub lattice: bool,
}

/// What is seen of a world at a moment, but for the scene.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Instruments.
    pub values: Option<HudValues>,
    /// The later of the two ticks.
    pub tick: u64,
    /// Share of the way to it.
    pub fraction: f64,
}

/// Looks at a world: fills the scene, reads the instruments.
pub fn look(
    known: &mut Known,
    world: &World,
    status: &Status,
    gaze: &Gaze<'_>,
    now: Instant,
    scene: &mut Scene,
) -> Seen {
    let (frame, fraction) = world.view(now);
    world.blasts(&mut known.blasts);
    let around = around(known, &frame, fraction);
    let camera = gaze.cameras.camera(&frame, fraction, gaze.ship, around, (gaze.fov_rad, gaze.aspect));
    let inside = gaze.ship.filter(|_| gaze.cameras.place() == Place::Cockpit);
    let mut options = Options { lattice: gaze.lattice, ..Options::default() };
    gaze.quality.apply(&mut options);
    options.stars = options.stars.min(gaze.stars);
    let show = Show {
        options,
        ride: gaze.ship.map(Ride::Ship),
        inside,
        cockpit: true,
        own: gaze.ship,
        orbits: gaze.instruments,
        blasts: Some(&known.blasts),
    };
    known.stage.fill(&frame, fraction, camera, &show, scene);
    let values = gaze.ship.filter(|_| gaze.instruments).and_then(|ship| {
        let mut values = known.instruments.read(&frame, fraction, ship, gaze.aim, &camera)?;
        values.network = status.network;
        values.paused |= status.held && status.replay.is_none();
        Some(values)
    });
    Seen { values, tick: frame.tick.0, fraction }
}

/// What to look at where there is no ship: the first body that is not the Sun, else the first, else the middle.
fn around(known: &Known, frame: &FrameView, fraction: f64) -> (Position, f64) {
    let bodies = &known.scenario.bodies;
    let at = usize::from(bodies.len() > 1);
    let radius_m = bodies.get(at).map_or(1.0, |body| body.radius_m);
    (frame.body(at, fraction).unwrap_or(Position::ORIGIN), radius_m)
}

/// Which way a ship points.
#[must_use]
pub fn attitude(frame: &FrameView, ship: Option<u64>) -> Option<glam::DQuat> {
    cameras::pose(frame, 1.0, ship?).map(|(pose, _)| pose.icrf_from_body)
}

/// A replay's bar, owned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// Share of the recording.
    pub position: f32,
    /// What has happened.
    pub marks: Vec<TimelineMark>,
    /// Whether it runs.
    pub playing: bool,
    /// Time at the position.
    pub time: String,
    /// Length of the recording.
    pub length: String,
    /// How fast it runs.
    pub speed: String,
}

/// The bar of a replay.
#[must_use]
pub fn bar(status: &ReplayStatus) -> Bar {
    let ticks = status.last.saturating_sub(status.first).max(1) as f64;
    let share = |tick: f64| ((tick - status.first as f64) / ticks).clamp(0.0, 1.0) as f32;
    let seconds = |ticks: f64| elapsed(ticks / f64::from(status.rate_hz.max(1))).as_str().to_owned();
    Bar {
        position: share(status.position),
        marks: status.marks.iter().map(|(tick, harm)| TimelineMark { at: share(*tick as f64), harm: *harm }).collect(),
        playing: status.playing,
        time: seconds(status.position - status.first as f64),
        length: seconds(ticks),
        speed: format!("{}x", status.speed),
    }
}

/// What is said of a replay below its picture: tick, digest, and what the log holds for the tick.
#[must_use]
pub fn replay_words(status: &ReplayStatus, digest: u64) -> String {
    let tick = grouped(status.position.ceil().max(0.0) as u64);
    let agrees = match status.departed_at {
        None => "as recorded".to_owned(),
        Some(at) => format!("NOT as recorded from tick {} on", grouped(at)),
    };
    let entries = if status.entries.is_empty() { String::new() } else { format!("; {}", status.entries) };
    format!("tick {tick}, digest {}, {agrees}{entries}", hex(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_and_the_words_of_a_replay() {
        let mut status = ReplayStatus {
            first: 100,
            last: 1_000,
            rate_hz: 90,
            position: 549.5,
            speed: 0.25,
            entries: "player 1 fires".to_owned(),
            marks: Arc::new(vec![(100, false), (550, true), (9_999, false)]),
            ..ReplayStatus::default()
        };
        let bar = bar(&status);
        assert!((bar.position - 0.499_444).abs() < 1e-5);
        assert_eq!(
            bar.marks.iter().map(|mark| (mark.at, mark.harm)).collect::<Vec<_>>(),
            [(0.0, false), (0.5, true), (1.0, false)]
        );
        assert_eq!((bar.speed.as_str(), bar.playing), ("0.25x", false));
        assert_eq!(replay_words(&status, 255), "tick 550, digest 00000000000000ff, as recorded; player 1 fires");
        status.departed_at = Some(120);
        status.entries.clear();
        assert_eq!(replay_words(&status, 1), "tick 550, digest 0000000000000001, NOT as recorded from tick 120 on");
        status.last = status.first;
        assert!(super::bar(&status).position.is_finite());
    }
}
