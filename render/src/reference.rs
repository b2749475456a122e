//! A scene of a given number of things around a planet, for measurements: it is the same wherever and whenever it is
//! made. Must never be made to look nice: it stands for what a crowded world asks of the renderer.

mod cubes;

pub use cubes::Cubes;

use core::f64::consts::TAU;

use glam::{DVec3, EulerRot, Quat, Vec3};
use sim::Position;

use crate::bodies::{Look, body};
use crate::camera::Camera;
use crate::scene::{AU_M, Asteroid, Light, Model, Round, Scene, Ship, tint};

/// Radius of the planet, metres.
const PLANET_M: f64 = 6_371_000.0;
/// From the planet's centre to the camera, planet radii.
const CAMERA_RADII: f64 = 4.0;
/// Distances of things from the camera, metres: as many in each octave, so that every size on the screen is there.
const NEAREST_M: f64 = 60.0;
const FARTHEST_M: f64 = 2e8;
/// How thick the belt is in which they are, over how wide.
const FLAT: f64 = 0.25;
/// Of ten things, how many are ships and how many are rocks; the others are rounds.
const SHIPS_OF_TEN: u32 = 4;
const ROCKS_OF_TEN: u32 = 4;
/// Nearest distance of a thing in its radii.
const CLEARANCE: f64 = 4.0;
/// Rounds fly near.
const FARTHEST_ROUND_M: f64 = 2e4;

/// Random numbers: SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators").
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn turn(&mut self) -> Quat {
        let [a, b, c] = [0; 3].map(|_| (self.share() * TAU) as f32);
        Quat::from_euler(EulerRot::XYZ, a, b, c)
    }

    /// In the belt around the camera, neither within the planet nor around the camera.
    fn place(&mut self, planet: DVec3, radius_m: f64, farthest_m: f64) -> DVec3 {
        loop {
            let distance = NEAREST_M * (farthest_m / NEAREST_M).powf(self.share());
            let (up, around) = (self.share() * 2.0 - 1.0, self.share() * TAU);
            let wide = (1.0 - up * up).sqrt();
            let at = DVec3::new(wide * around.cos(), wide * around.sin(), up * FLAT) * distance;
            if (at - planet).length() > 1.01 * PLANET_M && distance > CLEARANCE * radius_m {
                return at;
            }
        }
    }
}

/// `count` ships, rocks and rounds around a planet of that look. The camera, at the origin, sees `vertical_rad` from the
/// lower to the upper edge of a picture `aspect` times as wide as high: the belt, and the planet.
#[must_use]
pub fn scene(count: u32, look: Look, vertical_rad: f64, aspect: f64) -> Scene {
    let planet = DVec3::new(0.65, 0.76, 0.0).normalize() * CAMERA_RADII * PLANET_M;
    let attitude = Camera::looking(DVec3::X, DVec3::Z);
    let mut scene = Scene::empty(Camera::one(Position::ORIGIN, attitude, vertical_rad, aspect));
    let sun = DVec3::new(-0.8, -0.5, 0.33).normalize() * AU_M;
    scene.light = Light { position: Position::from_metres(sun), radius_m: 6.957e8 };
    let ball = body("", Position::from_metres(planet), (PLANET_M, 0.0), (DVec3::Z, 0.0), 0.0);
    scene.bodies.push(crate::scene::Body { look, ..ball });
    let mut random = Random(1);
    for i in 0..count {
        if i % 10 < SHIPS_OF_TEN {
            scene.things.ships.push(ship(&mut random, planet, i));
        } else if i % 10 < SHIPS_OF_TEN + ROCKS_OF_TEN {
            let radius_m = 2.0 * 100f64.powf(random.share().powi(3));
            scene.things.asteroids.push(Asteroid {
                position: Position::from_metres(random.place(planet, radius_m, FARTHEST_M)),
                icrf_from_body: random.turn(),
                radius_m: radius_m as f32,
                seed: random.bits() as u32,
            });
        } else {
            let position = Position::from_metres(random.place(planet, 0.0, FARTHEST_ROUND_M));
            let trail_m = random.turn() * Vec3::X * 20.0;
            scene.things.rounds.push(Round { position, trail_m });
        }
    }
    scene
}

fn ship(random: &mut Random, planet: DVec3, number: u32) -> Ship {
    let (model, radius_m): (Model, f32) = match random.bits() % 16 {
        0 => (Model::Station, 55.0),
        1..=3 => (Model::Freighter, 20.0),
        4..=6 => (Model::Shuttle, 6.0),
        7 => (Model::Probe, 4.0),
        _ => (Model::Scout, 5.0),
    };
    Ship {
        model,
        position: Position::from_metres(random.place(planet, f64::from(radius_m), FARTHEST_M)),
        icrf_from_body: random.turn(),
        radius_m,
        tint: tint(number % 9),
        throttle: if random.share() < 0.3 { random.share() as f32 } else { 0.0 },
        thrusters: if random.share() < 0.1 { Vec3::new(0.0, 1.0, 0.5) } else { Vec3::ZERO },
        hull: if random.share() < 0.02 { 0.0 } else { 1.0 },
    }
}
