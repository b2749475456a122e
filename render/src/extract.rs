//! From a frame view of the simulation to a scene. Must never read anything of the simulation but its frame views and its
//! scenario.

use sim::frame_view::FrameView;
use sim::{Position, Scenario};

use crate::bodies::elements::J2000_JD;
use crate::bodies::{Look, body};
use crate::camera::Camera;
use crate::scene::{Light, Options, Scene};

/// A Julian year, days.
const YEAR_DAYS: f64 = 365.25;
const DAY_S: f64 = 86_400.0;

/// What of a world does not change from tick to tick.
#[derive(Clone, Debug)]
pub struct Stage {
    bodies: Vec<sim::scenario::Body>,
    epoch_jd_tdb: f64,
    tick_rate_hz: u32,
    /// Index of what gives light: the Sun, or else the heaviest body.
    sun: Option<usize>,
}

impl Stage {
    /// The stage of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let bodies = scenario.bodies.clone();
        let heaviest = (0..bodies.len()).max_by(|a, b| bodies[*a].gm_m3_s2.total_cmp(&bodies[*b].gm_m3_s2));
        let named = bodies.iter().position(|body| Look::of(&body.name.to_lowercase()) == Look::Sun);
        Self {
            bodies,
            epoch_jd_tdb: scenario.epoch_jd_tdb,
            tick_rate_hz: scenario.tick_rate_hz,
            sun: named.or(heaviest),
        }
    }

    /// The bodies of the world, as the scenario has them.
    #[must_use]
    pub fn bodies(&self) -> &[sim::scenario::Body] {
        &self.bodies
    }

    /// Julian date (TDB) at `fraction` of the way between the two ticks of a view.
    #[must_use]
    pub fn jd_tdb(&self, frame: &FrameView, fraction: f64) -> f64 {
        let tick_s = frame.time_factor.tick_seconds(self.tick_rate_hz);
        self.epoch_jd_tdb + (frame.time.seconds(self.tick_rate_hz) + (fraction - 1.0) * tick_s) / DAY_S
    }

    /// What `camera` sees at `fraction` of the way from the previous tick of a view (0) to its current one (1).
    #[must_use]
    pub fn scene(&self, frame: &FrameView, fraction: f64, camera: Camera, options: Options) -> Scene {
        let jd_tdb = self.jd_tdb(frame, fraction);
        let place = |at: usize| frame.body(at, fraction).unwrap_or(Position::ORIGIN);
        let drawn = self.bodies.iter().enumerate();
        let bodies = drawn.map(|(at, b)| body(&b.name, place(at), b.radius_m, (b.pole, b.rotation_rad_s), jd_tdb));
        let light = self.sun.map_or(Light { position: Position::ORIGIN, radius_m: 0.0 }, |sun| Light {
            position: place(sun),
            radius_m: self.bodies[sun].radius_m,
        });
        Scene { camera, years: (jd_tdb - J2000_JD) / YEAR_DAYS, light, bodies: bodies.collect(), options }
    }
}
