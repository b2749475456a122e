//! The initial world as data: bodies, epoch, ships, asteroids, rules and seed. Read from TOML by
//! [`Scenario::parse`]; everything in a `Scenario` has been checked, so that building a world cannot fail.

mod body;
mod class;
mod epoch;
pub mod generate;
mod groups;
mod parameters;
mod parse;
mod placement;
mod preset;
mod reader;
mod shipped;

use glam::DVec3;

use crate::command::ControlInput;

pub use parameters::{Parameter, Range};
pub use parse::{ScenarioError, TEXT_BYTES_MAX};
pub(crate) use reader::{nearest, shortened};
pub use shipped::shipped;

/// Most massive bodies in a scenario.
pub const BODIES_MAX: usize = 64;
/// Most fleets; also most asteroid fields, structures, and classes of a scenario's own.
pub const GROUPS_MAX: usize = 256;
/// Most ships in a fleet, and most asteroids in a field.
pub const COUNT_MAX: u32 = 1_000_000;
/// Most ships, asteroids and structures together.
pub const ENTITIES_MAX: u32 = 2_000_000;
/// Highest player id that a fleet may name.
pub const PLAYER_MAX: u32 = 1_000_000;

/// A checked scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Short name, as in `spacetime run NAME`.
    pub name: String,
    /// One sentence for people.
    pub description: String,
    /// Seed of everything that is generated.
    pub seed: u64,
    /// Ticks per second, 1 to 1000.
    pub tick_rate_hz: u32,
    /// Speed of light for ships and clocks, m/s, at least 100; the bodies always use the real one.
    pub speed_of_light_m_s: f64,
    /// Start of simulated time, Julian date, TDB.
    pub epoch_jd_tdb: f64,
    /// Which forces act between the bodies.
    pub forces: Forces,
    /// Massive bodies: those of the preset, then the file's own in its order; at most [`BODIES_MAX`], perhaps
    /// none. No two of them overlap.
    pub bodies: Vec<Body>,
    /// Ship classes: `scout`, `freighter`, then the file's own in its order.
    pub classes: Vec<ShipClass>,
    /// Groups of ships.
    pub fleets: Vec<Fleet>,
    /// Groups of generated asteroids.
    pub asteroid_fields: Vec<AsteroidField>,
    /// Things that were built.
    pub structures: Vec<Structure>,
    /// Rules of contact.
    pub rules: Rules,
    /// The text this was parsed from, kept for recordings.
    pub text: String,
}

/// Forces between the bodies beside Newtonian gravity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forces {
    /// First post-Newtonian terms.
    pub post_newtonian: bool,
    /// Oblateness of bodies that state one (`j2`), tides, and the figure of the Moon.
    pub figures: bool,
}

/// A massive body.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Unique name.
    pub name: String,
    /// Gravitational parameter, m^3/s^2, above 0.
    pub gm_m3_s2: f64,
    /// Mean radius, m, at least 0.
    pub radius_m: f64,
    /// Position at the epoch, m, barycentric, ICRF.
    pub position_m: DVec3,
    /// Velocity at the epoch, m/s, barycentric, ICRF.
    pub velocity_m_s: DVec3,
    /// Shape of its gravity field, where it matters.
    pub figure: Option<Figure>,
    /// How it yields to tides raised by others, where it matters.
    pub tide: Option<Tide>,
    /// Unit vector of the rotation axis (north), ICRF.
    pub pole: DVec3,
    /// Angular velocity about the pole, rad/s.
    pub rotation_rad_s: f64,
    /// Air, where there is some.
    pub atmosphere: Option<Atmosphere>,
}

impl Body {
    /// A nameless body without size, shape or spin, only mass: `gm_m3_s2` in m^3/s^2, place and velocity at the epoch
    /// in m and m/s, barycentric, ICRF.
    #[must_use]
    pub fn point(gm_m3_s2: f64, position_m: DVec3, velocity_m_s: DVec3) -> Self {
        Self {
            name: String::new(),
            gm_m3_s2,
            radius_m: 0.0,
            position_m,
            velocity_m_s,
            figure: None,
            tide: None,
            pole: DVec3::Z,
            rotation_rad_s: 0.0,
            atmosphere: None,
        }
    }
}

/// Degree-two gravity field of a body, unnormalised coefficients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Second zonal harmonic J2 about the pole, dimensionless.
    pub j2: f64,
    /// Sectoral harmonic C22, dimensionless, with the long axis toward `faces`; 0 where it is unknown.
    pub c22: f64,
    /// Index of the body that the long axis points at (a synchronous satellite).
    pub faces: Option<usize>,
    /// Reference radius of the coefficients, m.
    pub radius_m: f64,
}

/// Second-degree tidal response of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tide {
    /// Love number k2, dimensionless.
    pub k2: f64,
    /// Time by which the bulge lags behind, s.
    pub lag_s: f64,
    /// Reference radius, m.
    pub radius_m: f64,
}

/// An isothermal atmosphere that turns with its body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Atmosphere {
    /// kg/m^3 at the mean radius.
    pub surface_density_kg_m3: f64,
    /// Metres.
    pub scale_height_m: f64,
    /// Metres above the mean radius where drag ends.
    pub top_m: f64,
}

/// What all ships of a class have in common. Every number can be changed by a tuning reload.
#[derive(Clone, Debug, PartialEq)]
pub struct ShipClass {
    /// Unique name.
    pub name: String,
    /// kg without propellant, above 0.
    pub dry_mass_kg: f64,
    /// kg of propellant when full.
    pub fuel_kg: f64,
    /// Principal moments of inertia about body x, y, z, kg m^2, above 0.
    pub inertia_kg_m2: DVec3,
    /// Collision radius, m, above 0.
    pub radius_m: f64,
    /// Main engine at full throttle, N.
    pub main_thrust_n: f64,
    /// Manoeuvring thrusters at full deflection, N per axis.
    pub rcs_thrust_n: f64,
    /// Torque at full deflection, N m per axis.
    pub torque_n_m: f64,
    /// Turn rate that assist holds at full deflection, rad/s.
    pub turn_rate_rad_s: f64,
    /// Exhaust speed of main engine and thrusters, m/s, above 0.
    pub exhaust_m_s: f64,
    /// Drag coefficient times area, m^2.
    pub drag_area_m2: f64,
    /// Joules of impact it withstands.
    pub hull_j: f64,
    /// Muzzle speed, m/s.
    pub muzzle_m_s: f64,
    /// Mass of a round, kg, above 0.
    pub round_mass_kg: f64,
    /// Life of a round, s.
    pub round_life_s: f64,
    /// Ticks between two shots.
    pub reload_ticks: u32,
}

/// Where a group is: a point that moves with a body, or an orbit around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Index of the body the vectors are relative to; `None` is the barycentre at rest.
    pub body: Option<usize>,
    /// m, ICRF axes.
    pub position_m: DVec3,
    /// m/s, ICRF axes.
    pub velocity_m_s: DVec3,
}

/// Ships of one class in a cubic grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// Unique name.
    pub name: String,
    /// Index of the class.
    pub class: usize,
    /// How many, 1 to 1,000,000.
    pub count: u32,
    /// Centre of the grid.
    pub placement: Placement,
    /// Distance between neighbours, m, at least twice the class's radius at the start.
    pub spacing_m: f64,
    /// Random relative velocity of each ship, m/s, uniform in a cube of this half-edge.
    pub jitter_m_s: f64,
    /// Which way the ships point: body x.
    pub facing: DVec3,
    /// Player of the first ship; the following ships belong to the following players. 0 for nobody.
    pub first_player: u32,
    /// How many players share the fleet in turn: ship `i` belongs to player `first_player + i % players`. At
    /// least 1.
    pub players: u32,
    /// Controls they start with.
    pub controls: ControlInput,
}

/// Asteroids drawn from the seed, uniform in a ball.
#[derive(Clone, Debug, PartialEq)]
pub struct AsteroidField {
    /// Unique name.
    pub name: String,
    /// How many, 1 to 1,000,000.
    pub count: u32,
    /// Centre of the ball.
    pub placement: Placement,
    /// Radius of the ball, m.
    pub extent_m: f64,
    /// Smallest and largest radius, m; drawn so that small ones are many (exponent -3).
    pub radius_m: (f64, f64),
    /// kg/m^3.
    pub density_kg_m3: f64,
    /// Random relative velocity, m/s, uniform in a cube of this half-edge.
    pub jitter_m_s: f64,
    /// Random spin, rad/s about body axes, uniform in a cube of this half-edge.
    pub spin_rad_s: f64,
}

/// A station.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Unique name.
    pub name: String,
    /// Where.
    pub placement: Placement,
    /// m, above 0.
    pub radius_m: f64,
    /// kg, above 0.
    pub mass_kg: f64,
}

/// Rules of contact, shared by all; each can be changed by a tuning reload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Coefficient of restitution, 0 to 1.
    pub restitution: f64,
    /// Coulomb friction coefficient, at least 0.
    pub friction: f64,
    /// Joules per kilogram that asteroids and structures withstand.
    pub strength_j_kg: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { restitution: 0.4, friction: 0.3, strength_j_kg: 200.0 }
    }
}
