//! What a ship's instruments show, worked out from a frame view and the scenario: SI units, ICRF axes. Must never read
//! the simulation itself, and never keep anything from one reading to the next.

mod around;
mod hazards;

use glam::{DMat3, DQuat, DVec3};
use render::Camera;
use render::hud::format::Short;
use render::hud::values::{Attitude, HudValues, Speed, Surroundings, Target, Warnings};
use sim::frame_view::{FrameView, Look};
use sim::scenario::{Scenario, ShipClass};
use sim::{Kind, Position};

use around::Massive;
use hazards::{Course, MEETING_S, TERRAIN_S};

/// From this share of the speed of light on the sky is visibly distorted: stars move by up to 6 degrees.
const NEAR_LIGHT: f64 = 0.1;
/// From this share of propellant on there is a warning.
const LOW_FUEL: f64 = 0.1;
/// Up to this time factor warnings look further ahead by as much, so that a pilot has time to read them.
const AHEAD_MAX: f64 = 100.0;
const DAY_S: f64 = 86_400.0;

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// A body, by its index in the scenario.
    Body(usize),
    /// A ship, a rock or a structure, by id.
    Thing(u64),
}

/// The instruments of all ships of a world: what of its scenario they need. Reading them allocates nothing.
#[derive(Clone, Debug)]
pub struct Instruments {
    light_m_s: f64,
    tick_rate_hz: u32,
    epoch_jd_tdb: f64,
    bodies: Vec<Massive>,
    classes: Vec<ShipClass>,
    structures: Vec<Short>,
    /// Id of the first structure; the others follow.
    first_structure: u64,
}

/// A ship at a moment.
#[derive(Clone, Copy, Debug)]
struct Here<'a> {
    ship: u64,
    position: Position,
    icrf_from_ship: DQuat,
    look: &'a Look,
    class: Option<&'a ShipClass>,
}

/// Motion about the body that dominates, or about the barycentre where there is none.
#[derive(Clone, Copy, Debug)]
struct Orbit<'a> {
    body: Option<&'a Massive>,
    /// From its centre, m.
    position_m: DVec3,
    /// As seen from it, m/s.
    velocity_m_s: DVec3,
}

/// What is aimed at, at a moment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    name: Short,
    position: Position,
    velocity_m_s: DVec3,
    radius_m: f64,
}

impl Instruments {
    /// The instruments in a world.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let ships: u64 = scenario.fleets.iter().map(|fleet| u64::from(fleet.count)).sum();
        let rocks: u64 = scenario.asteroid_fields.iter().map(|field| u64::from(field.count)).sum();
        Self {
            light_m_s: scenario.speed_of_light_m_s,
            tick_rate_hz: scenario.tick_rate_hz,
            epoch_jd_tdb: scenario.epoch_jd_tdb,
            bodies: scenario.bodies.iter().map(Massive::new).collect(),
            classes: scenario.classes.clone(),
            structures: scenario.structures.iter().map(|structure| Short::from(structure.name.as_str())).collect(),
            // The simulation gives out ids from 1 on: ships, then asteroids, then structures.
            first_structure: 1 + ships + rocks,
        }
    }

    /// What the name of a body or a structure, or the number of a thing, stands for. Capitals make no difference.
    #[must_use]
    pub fn aim(&self, name: &str) -> Option<Aim> {
        if let Ok(id) = name.parse::<u64>() {
            return Some(Aim::Thing(id));
        }
        let same = |known: &Short| known.as_str().eq_ignore_ascii_case(name);
        let body = self.bodies.iter().position(|body| same(&body.name)).map(Aim::Body);
        let structure = || self.structures.iter().zip(self.first_structure..).find(|(known, _)| same(known));
        body.or_else(|| structure().map(|(_, id)| Aim::Thing(id)))
    }

    /// The names that [`Self::aim`] knows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bodies.iter().map(|body| body.name.as_str()).chain(self.structures.iter().map(Short::as_str))
    }

    /// What a thing is called.
    #[must_use]
    pub fn name(&self, frame: &FrameView, id: u64) -> Option<Short> {
        let at = index(frame, id)?;
        let kind = frame.kinds.get(at)?;
        let structure =
            id.checked_sub(self.first_structure).and_then(|at| self.structures.get(usize::try_from(at).ok()?));
        Some(match (kind, structure) {
            (Kind::Structure, Some(name)) => *name,
            (Kind::Ship, _) => {
                let class = self.classes.get(frame.looks.get(at)?.class as usize);
                Short::of(format_args!("{} {id}", class.map_or("ship", |class| &class.name)))
            }
            _ => Short::of(format_args!("{} {id}", kind.name())),
        })
    }

    /// The name of the body that dominates where a thing is.
    #[must_use]
    pub fn around(&self, frame: &FrameView, id: u64) -> Option<&str> {
        let place = frame.current.get(index(frame, id)?)?.position;
        let body = around::dominating(&self.bodies, frame, 1.0, place)?;
        Some(self.bodies.get(body)?.name.as_str())
    }

    /// The instruments of ship `ship` at `fraction` of the way from the previous tick of a view (0) to its current one
    /// (1), seen by `camera`; nothing if there is no such ship. A target that is gone is left out. Network state is the
    /// caller's to fill in.
    #[must_use]
    pub fn read(
        &self,
        frame: &FrameView,
        fraction: f64,
        ship: u64,
        aim: Option<Aim>,
        camera: &Camera,
    ) -> Option<HudValues> {
        let here = self.here(frame, fraction, ship)?;
        let orbit = self.orbit(frame, fraction, &here);
        let mark = aim.and_then(|aim| self.mark(frame, fraction, aim));
        let ship_from_icrf = here.icrf_from_ship.inverse();
        let tick_s = frame.time_factor.tick_seconds(self.tick_rate_hz);
        let coordinate_s = frame.time.seconds(self.tick_rate_hz) + (fraction - 1.0) * tick_s;
        let gravity_m_s2 = around::gravity(&self.bodies, frame, fraction, here.position).length();
        let share_of_c = here.look.velocity_m_s.length() / self.light_m_s;
        let attitude = Attitude {
            horizon_from_ship: orbit.horizon_from_icrf() * here.icrf_from_ship,
            prograde: orbit.velocity_m_s.try_normalize().map(|way| ship_from_icrf * way),
            normal: orbit.normal().map(|way| ship_from_icrf * way),
            target: mark.and_then(|mark| Some(ship_from_icrf * mark.position.minus(here.position).try_normalize()?)),
        };
        Some(HudValues {
            speed: Some(Speed {
                metres_per_second: orbit.velocity_m_s.length(),
                share_of_c,
                reference: orbit.body.map_or(Short::from("barycentre"), |body| body.name),
            }),
            light_m_s: self.light_m_s,
            proper_s: Some(coordinate_s - here.look.lag_s),
            coordinate_s: Some(coordinate_s),
            time_factor: Some(f64::from(frame.time_factor.quarters()) / 4.0),
            paused: frame.time_factor.quarters() == 0,
            julian_date: Some(self.epoch_jd_tdb + coordinate_s / DAY_S),
            target: mark.map(|mark| mark.seen(&here, camera)),
            hull: Some(f64::from(here.look.hull)),
            fuel: Some(f64::from(here.look.fuel)),
            delta_v_m_s: here.delta_v_m_s(),
            throttle: Some(f64::from(here.look.throttle)),
            assist: Some(here.look.assist),
            attitude: Some(attitude),
            surroundings: orbit.body.map(|body| Surroundings {
                name: body.name,
                altitude_m: orbit.position_m.length() - body.radius_m,
                climb_m_s: orbit.position_m.normalize_or_zero().dot(orbit.velocity_m_s),
                gravity_m_s2,
            }),
            warnings: Warnings {
                low_fuel: f64::from(here.look.fuel) < LOW_FUEL,
                near_light: share_of_c > NEAR_LIGHT,
                ..self.hazards(frame, &here, &orbit, gravity_m_s2)
            },
            network: None,
            camera_from_ship: camera.icrf_from_camera.inverse() * here.icrf_from_ship,
        })
    }

    fn here<'a>(&'a self, frame: &'a FrameView, fraction: f64, ship: u64) -> Option<Here<'a>> {
        let at = index(frame, ship)?;
        let pose = frame.pose(at, fraction)?;
        let look = frame.looks.get(at)?;
        let class = self.classes.get(look.class as usize);
        (frame.kinds.get(at) == Some(&Kind::Ship)).then_some(Here {
            ship,
            position: pose.position,
            icrf_from_ship: pose.icrf_from_body,
            look,
            class,
        })
    }

    fn orbit(&self, frame: &FrameView, fraction: f64, here: &Here<'_>) -> Orbit<'_> {
        let body = around::dominating(&self.bodies, frame, fraction, here.position);
        let centre = body.and_then(|at| frame.body(at, fraction)).unwrap_or(Position::ORIGIN);
        let carried = body.and_then(|at| frame.bodies_velocity_m_s.get(at)).copied().unwrap_or_default();
        Orbit {
            body: body.and_then(|at| self.bodies.get(at)),
            position_m: here.position.minus(centre),
            velocity_m_s: here.look.velocity_m_s - carried,
        }
    }

    fn mark(&self, frame: &FrameView, fraction: f64, aim: Aim) -> Option<Mark> {
        match aim {
            Aim::Body(at) => {
                let body = self.bodies.get(at)?;
                Some(Mark {
                    name: body.name,
                    position: frame.body(at, fraction)?,
                    velocity_m_s: *frame.bodies_velocity_m_s.get(at)?,
                    radius_m: body.radius_m,
                })
            }
            Aim::Thing(id) => {
                let at = index(frame, id)?;
                let look = frame.looks.get(at)?;
                Some(Mark {
                    name: self.name(frame, id)?,
                    position: frame.pose(at, fraction)?.position,
                    velocity_m_s: look.velocity_m_s,
                    radius_m: f64::from(look.radius_m),
                })
            }
        }
    }

    fn hazards(&self, frame: &FrameView, here: &Here<'_>, orbit: &Orbit<'_>, gravity: f64) -> Warnings {
        let ahead = (f64::from(frame.time_factor.quarters()) / 4.0).clamp(1.0, AHEAD_MAX);
        let thrust_m_s2 = here.thrust_m_s2();
        let terrain = orbit.body.map(|body| {
            let ship_radius_m = f64::from(here.look.radius_m);
            let course = Course {
                position_m: orbit.position_m,
                velocity_m_s: orbit.velocity_m_s,
                thrust_m_s2: here.icrf_from_ship * thrust_m_s2,
                gm_m3_s2: body.gm_m3_s2,
                ground_m: body.radius_m + ship_radius_m,
            };
            let falls = course.comes_down();
            (course.impact_s(TERRAIN_S * ahead), falls)
        });
        let engine_m_s2 = here.class.map_or(0.0, |class| class.main_thrust_n / here.mass_kg());
        Warnings {
            terrain_s: terrain.and_then(|(impact_s, _)| impact_s),
            collision_s: hazards::meeting_s(frame, here.ship, MEETING_S * ahead),
            // A ship on an orbit that stays above the ground need not overcome gravity.
            high_gravity: terrain.is_some_and(|(_, falls)| falls) && engine_m_s2 > 0.0 && gravity > engine_m_s2,
            ..Warnings::default()
        }
    }
}

impl Here<'_> {
    fn mass_kg(&self) -> f64 {
        self.class.map_or(1.0, |class| class.dry_mass_kg + class.fuel_kg * f64::from(self.look.fuel))
    }

    /// What the propellant that is left changes the speed by as measured on board (Tsiolkovsky's equation).
    fn delta_v_m_s(&self) -> Option<f64> {
        self.class.map(|class| class.exhaust_m_s * (self.mass_kg() / class.dry_mass_kg).ln())
    }

    /// Acceleration by engine and thrusters, m/s^2, ship's axes.
    fn thrust_m_s2(&self) -> DVec3 {
        let Some(class) = self.class.filter(|_| self.look.fuel > 0.0 && self.look.hull > 0.0) else {
            return DVec3::ZERO;
        };
        let main = DVec3::X * (class.main_thrust_n * f64::from(self.look.throttle));
        (main + self.look.thrusters.as_dvec3() * class.rcs_thrust_n) / self.mass_kg()
    }
}

impl Orbit<'_> {
    /// Turns ICRF axes into those of the local horizon: x north, y west, z up. Above a pole, and away from all bodies,
    /// any direction serves as north.
    fn horizon_from_icrf(&self) -> DQuat {
        let (up, pole) = match self.body {
            Some(body) => (self.position_m.normalize_or(body.pole), body.pole),
            None => return DQuat::IDENTITY,
        };
        let north = (pole - up * pole.dot(up)).try_normalize().unwrap_or_else(|| up.any_orthonormal_vector());
        DQuat::from_mat3(&DMat3::from_cols(north, up.cross(north), up).transpose()).normalize()
    }

    /// Along the angular momentum.
    fn normal(&self) -> Option<DVec3> {
        self.body?;
        self.position_m.try_normalize()?.cross(self.velocity_m_s.try_normalize()?).try_normalize()
    }
}

impl Mark {
    fn seen(&self, here: &Here<'_>, camera: &Camera) -> Target {
        let to = self.position.minus(here.position);
        let from_camera = self.position.minus(camera.position);
        let closing = (here.look.velocity_m_s - self.velocity_m_s).dot(to.normalize_or_zero());
        Target {
            name: self.name,
            distance_m: (to.length() - self.radius_m).max(0.0),
            closing_m_s: closing,
            direction: camera.icrf_from_camera.inverse() * from_camera,
            // Within it, it takes up half of all there is to be seen.
            radius_rad: (self.radius_m / from_camera.length().max(self.radius_m).max(1e-9)).asin(),
        }
    }
}

/// Where a thing stands in a view.
fn index(frame: &FrameView, id: u64) -> Option<usize> {
    frame.ids.binary_search(&id).ok()
}

#[cfg(test)]
mod tests;
