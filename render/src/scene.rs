//! What a picture shows, as plain data: the renderer reads this and nothing else. Must never hold anything of the GPU.

mod things;

pub use things::{Asteroid, BLAST_S, Blast, Lines, Model, Round, Run, Ship, Things, tint, trail_m};

use glam::DQuat;
use sim::Position;
use sim::bodies::{EpochError, solar_system};

use crate::bodies::elements::J2000_JD;
use crate::bodies::{Look, body};
use crate::camera::Camera;

/// One astronomical unit in metres (IAU 2012, resolution B2).
pub const AU_M: f64 = 149_597_870_700.0;

/// What a white sunlit surface becomes by itself: clouds and ice come near to white, rock stays dark.
const EXPOSURE: f64 = 1.7;

/// Nominal radius of the Sun (IAU 2015, resolution B3).
const SUN_RADIUS_M: f64 = 695_700_000.0;

/// A massive body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    /// What it looks like.
    pub look: Look,
    /// Its centre.
    pub position: Position,
    /// Turns the body's axes (z to the north pole, x to the prime meridian) into those of the ICRF.
    pub icrf_from_body: DQuat,
    /// Radius at the equator, metres.
    pub radius_m: f64,
    /// Radius at the poles over the one at the equator.
    pub flattened: f64,
    /// Gravitational parameter, m^3/s^2, by which the lattice sinks.
    pub gm_m3_s2: f64,
}

/// What gives light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Light {
    /// Its centre.
    pub position: Position,
    /// Its radius, which makes shadows soft, metres.
    pub radius_m: f64,
}

/// A cockpit around the camera, whose centre is between the pilot's eyes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cockpit {
    /// Turns the ship's axes (x forward, y left, z up) into those of the ICRF; the camera may look elsewhere.
    pub icrf_from_ship: DQuat,
    /// Brightness of its lamps and screens, 0 to 1.
    pub lamps: f32,
}

/// How light becomes brightness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exposure {
    /// As an eye that has got used to the place: by the sunlight on what is near and large.
    Auto,
    /// A white surface in sunlight at one astronomical unit gets this value in linear light.
    Fixed(f64),
}

/// What a person may choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// See [`Exposure`].
    pub exposure: Exposure,
    /// Light of a star of magnitude 0, summed over its pixels, where a white sunlit surface is 1 a pixel.
    pub star_flux: f64,
    /// Share of light that the lens scatters, 0 to 1.
    pub bloom: f64,
    /// Most octaves of a surface pattern, 1 to 24.
    pub octaves: u32,
    /// Steps along a ray through air, 1 to 64.
    pub air_steps: u32,
    /// Whether the glow of the Milky Way is drawn.
    pub milky_way: bool,
    /// Whether the lattice is drawn: a grid that sinks toward masses.
    pub lattice: bool,
    /// What sizes are multiplied by before a level of detail is chosen: below 1 meshes are coarser.
    pub detail: f64,
    /// Most stars, the brightest first.
    pub stars: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            exposure: Exposure::Auto,
            star_flux: 20.0,
            bloom: 0.012,
            octaves: 16,
            air_steps: 14,
            milky_way: true,
            lattice: false,
            detail: 1.0,
            stars: u32::MAX,
        }
    }
}

/// A whole picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Where one looks from.
    pub camera: Camera,
    /// Julian years of 365.25 days (TDB) after J2000: where the stars are, and what the clouds do.
    pub years: f64,
    /// The Sun.
    pub light: Light,
    /// All bodies, the Sun among them, in any order.
    pub bodies: Vec<Body>,
    /// Ships and all else that is no body.
    pub things: Things,
    /// What is around the camera, if it is within a ship.
    pub cockpit: Option<Cockpit>,
    /// What a person chose.
    pub options: Options,
}

impl Scene {
    /// Nothing at all, seen by `camera`; the light stands at the origin.
    #[must_use]
    pub fn empty(camera: Camera) -> Self {
        let light = Light { position: Position::ORIGIN, radius_m: SUN_RADIUS_M };
        let (bodies, things, options) = (Vec::new(), Things::default(), Options::default());
        Self { camera, years: 0.0, light, bodies, things, cockpit: None, options }
    }

    /// The real Solar System at a Julian date (TDB), seen by `camera`.
    ///
    /// # Errors
    /// A date outside the ephemeris.
    pub fn solar_system(jd_tdb: f64, camera: Camera) -> Result<Self, EpochError> {
        let known = solar_system(jd_tdb)?;
        let place = |body: &sim::scenario::Body| Position::from_metres(body.position_m);
        let drawn =
            known.iter().map(|b| body(&b.name, place(b), (b.radius_m, b.gm_m3_s2), (b.pole, b.rotation_rad_s), jd_tdb));
        let bodies: Vec<Body> = drawn.collect();
        let sun = bodies.iter().find(|body| body.look == Look::Sun);
        let light = sun.map_or(Light { position: Position::ORIGIN, radius_m: SUN_RADIUS_M }, |sun| Light {
            position: sun.position,
            radius_m: sun.radius_m,
        });
        let years = (jd_tdb - J2000_JD) / 365.25;
        Ok(Self { years, light, bodies, ..Self::empty(camera) })
    }

    /// The body of that look, if there is one.
    #[must_use]
    pub fn find(&self, look: Look) -> Option<&Body> {
        self.bodies.iter().find(|body| body.look == look)
    }

    /// What a white surface in sunlight at one astronomical unit is multiplied by.
    ///
    /// Automatically it is the inverse of the sunlight that reaches what is around: the camera, and each body by the
    /// part of the sky that it takes up. It depends on places alone, so it never jumps when the head turns.
    #[must_use]
    pub fn exposure(&self) -> f64 {
        let sunlight = |at: Position| {
            // Within the light itself it is as bright as on its surface.
            let distance_m = at.minus(self.light.position).length().max(self.light.radius_m).max(1.0);
            (AU_M / distance_m).powi(2)
        };
        match self.options.exposure {
            Exposure::Fixed(value) => value,
            Exposure::Auto => {
                let camera = self.camera.position;
                // As much as a body half a degree wide.
                let (mut weights, mut sum) = (6e-5, 6e-5 * sunlight(camera).ln());
                for body in self.bodies.iter().filter(|body| body.look != Look::Sun) {
                    let distance_m = body.position.minus(camera).length();
                    let part = (body.radius_m / distance_m.max(body.radius_m)).powi(2);
                    weights += part;
                    sum += part * sunlight(body.position).ln();
                }
                EXPOSURE * (-sum / weights).exp()
            }
        }
    }
}
