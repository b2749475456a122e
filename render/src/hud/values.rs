//! What the head-up display shows, as plain numbers: SI units in f64, and nothing where something is not known. Must
//! never hold a pixel.

use glam::{DQuat, DVec3};

use super::format::{LIGHT_M_S, Short};

/// All of it. Names are cut to what [`Short`] holds.
#[derive(Clone, Debug, PartialEq)]
pub struct HudValues {
    /// How fast, and as seen from what.
    pub speed: Option<Speed>,
    /// Speed of light in this world, m/s.
    pub light_m_s: f64,
    /// Seconds on the ship's clock since the start.
    pub proper_s: Option<f64>,
    /// Seconds of simulated time (barycentric) since the start.
    pub coordinate_s: Option<f64>,
    /// Simulated seconds per second of the wall's clock.
    pub time_factor: Option<f64>,
    /// Whether time stands still.
    pub paused: bool,
    /// Julian date, TDB.
    pub julian_date: Option<f64>,
    /// What is aimed at.
    pub target: Option<Target>,
    /// Share of the hull that is left, 0 to 1.
    pub hull: Option<f64>,
    /// Share of the propellant that is left, 0 to 1.
    pub fuel: Option<f64>,
    /// What the propellant that is left can change the speed by, m/s.
    pub delta_v_m_s: Option<f64>,
    /// Main engine, 0 to 1.
    pub throttle: Option<f64>,
    /// Whether the flight computer holds the attitude.
    pub assist: Option<bool>,
    /// Which way the ship points.
    pub attitude: Option<Attitude>,
    /// The body that pulls hardest.
    pub surroundings: Option<Surroundings>,
    /// What needs attention, in any order.
    pub warnings: Warnings,
    /// Other players; nothing for a game alone.
    pub network: Option<Network>,
    /// Turns the ship's axes (x forward, y left, z up) into the camera's (the same), for what is shown in the scene.
    pub camera_from_ship: DQuat,
}

impl Default for HudValues {
    fn default() -> Self {
        Self {
            speed: None,
            light_m_s: LIGHT_M_S,
            proper_s: None,
            coordinate_s: None,
            time_factor: None,
            paused: false,
            julian_date: None,
            target: None,
            hull: None,
            fuel: None,
            delta_v_m_s: None,
            throttle: None,
            assist: None,
            attitude: None,
            surroundings: None,
            warnings: Warnings::default(),
            network: None,
            camera_from_ship: DQuat::IDENTITY,
        }
    }
}

/// How fast the ship is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// As seen from the reference, m/s.
    pub metres_per_second: f64,
    /// Speed over that of light, in the barycentric frame, 0 to 1.
    pub share_of_c: f64,
    /// What the speed is relative to.
    pub reference: Short,
}

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: Short,
    /// From the ship to its surface or hull.
    pub distance_m: f64,
    /// How fast the distance shrinks, m/s; negative while it grows.
    pub closing_m_s: f64,
    /// From the camera, in its axes (x forward, y left, z up); any length.
    pub direction: DVec3,
    /// Half the angle that it takes up, radians.
    pub radius_rad: f64,
}

/// Which way the ship points, and which ways matter. Directions are in the ship's axes (x forward, y left, z up) and
/// of any length; [`DVec3::ZERO`] or `None` are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Attitude {
    /// Turns the ship's axes into those of the local horizon: x north, y west, z away from the body.
    pub horizon_from_ship: DQuat,
    /// Where the ship moves to, as seen from the reference; the opposite is shown too.
    pub prograde: Option<DVec3>,
    /// Along the orbit's angular momentum; the opposite is shown too.
    pub normal: Option<DVec3>,
    /// Where the target is.
    pub target: Option<DVec3>,
}

/// The body that dominates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surroundings {
    /// Its name.
    pub name: Short,
    /// Above its surface, metres.
    pub altitude_m: f64,
    /// Away from it, m/s.
    pub climb_m_s: f64,
    /// All gravity that acts, m/s^2.
    pub gravity_m_s2: f64,
}

/// What needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Warnings {
    /// Seconds to the ground.
    pub terrain_s: Option<f64>,
    /// Seconds to a collision with a thing.
    pub collision_s: Option<f64>,
    /// Gravity is stronger than the ship can overcome.
    pub high_gravity: bool,
    /// Propellant is low.
    pub low_fuel: bool,
    /// So fast that the sky is distorted and clocks go apart.
    pub near_light: bool,
}

/// How the game with others goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Other players that are connected.
    pub peers: u32,
    /// To the slowest of them and back, milliseconds.
    pub round_trip_ms: Option<f64>,
    /// How long after it is given an input takes effect, milliseconds.
    pub input_delay_ms: Option<f64>,
    /// Whether the world waits for somebody.
    pub stalled: bool,
    /// The tick that an operator holds the world at.
    pub held: Option<u64>,
}
