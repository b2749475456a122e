//! Contact between spheres: broadphase, narrow phase, impulses, continuous detection. Pure functions over
//! arrays. Must never depend on the order of its arrays, on what it computed before, or on the number of threads.
//!
//! ```
//! use glam::DVec3;
//! use sim::Position;
//! use sim::contact::{Body, Collider, Rules, Solver};
//!
//! // A ball that moved 2 m along x in this tick of 0.1 s, and one at rest in its way.
//! let ball = |id, x, moved| Collider {
//!     id,
//!     position: Position::from_metres(DVec3::X * x),
//!     displacement_m: DVec3::X * moved,
//!     radius_m: 1.0,
//! };
//! let mut colliders = [ball(1, 1.0, 2.0), ball(2, 2.0, 0.0)];
//! let speeds = [20.0, 0.0];
//! let body = |index: usize| Body {
//!     velocity_m_s: DVec3::X * speeds[index],
//!     spin_rad_s: DVec3::ZERO,
//!     inverse_mass_per_kg: 0.5,
//!     inverse_inertia: 1.25,
//! };
//! let rules = Rules { dt_s: 0.1, restitution: 1.0, friction: 0.0, inverse_c2_s2_m2: 0.0 };
//! let (mut solver, mut impacts) = (Solver::default(), Vec::new());
//! solver.solve(&mut colliders, &mut [], body, &rules, &mut impacts);
//! // They met at half time; the first stopped there, the second went on.
//! assert_eq!(impacts[0].fraction, 0.5);
//! assert_eq!(colliders[0].position.to_metres().x, 0.0);
//! assert_eq!(colliders[1].position.to_metres().x, 3.0);
//! ```
//!
//! # Limits
//! - A collider or shot that is not [valid](Collider::is_valid) is left out.
//! - Where more than 1024 boxes share a grid cell, or pairs are more than 16 for each box, colliders lie inside one
//!   another in heaps: boxes in the most crowded cells then find only some of their neighbours, chosen by id.
//! - After a blow, a body is followed to the end of the tick among the bodies whose swept boxes overlapped its own
//!   box at the start. What it would meet beyond that is found in the next tick, by overlap.
//! - One pair meets at most four times a tick.

mod broad;
mod frames;
mod grid;
mod narrow;
mod resolve;
mod respond;
mod search;
mod table;
#[cfg(test)]
mod tests;

use glam::DVec3;

use crate::Position;
use broad::{Bodies, Broadphase, Candidate};
use resolve::{Resolver, World};

/// Metres, along each axis. Colliders and shots that move further in a tick are left out: ten times what light
/// does in a second.
pub const DISPLACEMENT_MAX_M: f64 = 4_294_967_296.0;
/// Metres. Larger colliders are left out.
pub const RADIUS_MAX_M: f64 = 1_099_511_627_776.0;

/// A sphere that others bounce off: where it is and where it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collider {
    /// Stable and different from every other collider's and shot's.
    pub id: u64,
    /// Its centre at the end of the tick, as if nothing were in its way.
    pub position: Position,
    /// Metres it moved to get there, in a straight line at one speed.
    pub displacement_m: DVec3,
    /// Metres, at least 0.
    pub radius_m: f64,
}

/// The motion of a collider, asked for only when it touches something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    /// Proper velocity `u` at the end of the tick, m/s, ICRF axes: its momentum is `m u`.
    pub velocity_m_s: DVec3,
    /// rad/s, ICRF axes.
    pub spin_rad_s: DVec3,
    /// 1/kg; 0 for what nothing can move.
    pub inverse_mass_per_kg: f64,
    /// 1/(kg m^2), of a sphere: the same about every axis. 0 for what nothing can turn.
    pub inverse_inertia: f64,
}

/// A point that ends at the first collider on its path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shot {
    /// Stable and different from every other collider's and shot's.
    pub id: u64,
    /// The collider that it passes through: the one that fired it.
    pub shooter: u64,
    /// Where it is at the end of the tick.
    pub position: Position,
    /// Metres it moved to get there.
    pub displacement_m: DVec3,
    /// Proper velocity, m/s, ICRF axes.
    pub velocity_m_s: DVec3,
    /// Kilograms, more than 0.
    pub mass_kg: f64,
}

/// How bodies bounce.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Seconds in the tick.
    pub dt_s: f64,
    /// Speed of parting over speed of approach, 0 to 1.
    pub restitution: f64,
    /// Coulomb's coefficient, at least 0.
    pub friction: f64,
    /// `1/c^2` in s^2/m^2, which turns proper velocities into displacements; 0 is Newton's world.
    pub inverse_c2_s2_m2: f64,
}

/// One contact of two bodies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impact {
    /// Id of a collider; of two colliders, the lower.
    pub a: u64,
    /// Id of the other collider, or of the shot.
    pub b: u64,
    /// Whether `b` is a shot, which is spent then: it left its momentum, and the caller removes it. Its velocity
    /// has become that of the place it hit, so that the sum of all momenta, its own included, stays.
    pub shot: bool,
    /// When, as a fraction of the tick.
    pub fraction: f64,
    /// Where.
    pub point: Position,
    /// Unit vector from the centre of `b` to that of `a`; for a shot, from the point of impact.
    pub normal: DVec3,
    /// Size of the impulse between the two, N s.
    pub impulse_n_s: f64,
    /// Kinetic energy that the two lost together, J: what heats, cracks and dents them. Newtonian in the proper
    /// velocities, the same for every observer.
    pub energy_j: f64,
}

/// A collider that took part in something: what its body has become. Its position and displacement were changed
/// in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Touched {
    /// Index into the colliders.
    pub index: usize,
    /// Its motion after the tick.
    pub body: Body,
}

/// Finds and resolves the contacts of a tick. Keeps its buffers and nothing else from one call to the next: once
/// they have grown, it allocates nothing.
#[derive(Debug, Default)]
pub struct Solver {
    broadphase: Broadphase,
    candidates: Vec<Candidate>,
    resolver: Resolver,
    touched: Vec<Touched>,
}

impl Solver {
    /// Resolves the contacts of one tick: of colliders with each other, with impulse, restitution and Coulomb
    /// friction, and of shots with what they hit first.
    ///
    /// `body` gives the motion of the collider with an index. Contacts are played in order of time, equal times by
    /// the ids of the pair, the collider's before the shot's. After a contact, positions and displacements are those
    /// of the straight line through the place of contact with the new velocity. `impacts` is cleared first.
    ///
    /// Returns the colliders that took part; with shots, see [`Impact::shot`].
    pub fn solve(
        &mut self,
        colliders: &mut [Collider],
        shots: &mut [Shot],
        body: impl Fn(usize) -> Body,
        rules: &Rules,
        impacts: &mut Vec<Impact>,
    ) -> &[Touched] {
        impacts.clear();
        self.touched.clear();
        self.candidates.clear();
        debug_assert!(colliders.len() + shots.len() <= table::INDEX_MAX, "more bodies than fit into memory");
        self.broadphase.candidates(Bodies { colliders, shots }, &mut self.candidates);
        let rules = rules.in_range();
        let world = World { colliders, shots };
        self.resolver.resolve(world, &self.candidates, body, &rules, impacts, &mut self.touched);
        make_room(impacts, 0);
        make_room(&mut self.touched, 0);
        &self.touched
    }

    /// How many pairs the broadphase of the last call took for possible contacts, some of them twice.
    #[must_use]
    pub fn candidate_count(&self) -> usize {
        self.candidates.len()
    }
}

impl Collider {
    /// Whether it can collide: finite, of a radius in `0..=`[`RADIUS_MAX_M`], moved at most
    /// [`DISPLACEMENT_MAX_M`] along each axis.
    #[inline(always)]
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.position.is_canonical()
            && is_displacement(self.displacement_m)
            && (0.0..=RADIUS_MAX_M).contains(&self.radius_m)
    }
}

impl Shot {
    /// Whether it can hit: finite, of a positive mass, moved at most [`DISPLACEMENT_MAX_M`] along each axis.
    #[inline]
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let massive = self.mass_kg > 0.0 && self.mass_kg.is_finite() && (1.0 / self.mass_kg).is_finite();
        self.position.is_canonical() && is_displacement(self.displacement_m) && massive
    }

    /// As a body that does not turn.
    fn body(&self) -> Body {
        Body {
            velocity_m_s: self.velocity_m_s,
            spin_rad_s: DVec3::ZERO,
            inverse_mass_per_kg: 1.0 / self.mass_kg,
            inverse_inertia: 0.0,
        }
    }
}

impl Rules {
    /// The nearest rules that make sense.
    fn in_range(&self) -> Self {
        let positive = |x: f64| if x > 0.0 { x.min(f64::MAX) } else { 0.0 };
        Self {
            dt_s: positive(self.dt_s),
            restitution: positive(self.restitution).min(1.0),
            friction: positive(self.friction),
            inverse_c2_s2_m2: positive(self.inverse_c2_s2_m2),
        }
    }

    /// Coordinate velocity of a proper velocity.
    fn coordinate(&self, proper_m_s: DVec3) -> DVec3 {
        if self.inverse_c2_s2_m2 == 0.0 {
            return proper_m_s;
        }
        proper_m_s / (1.0 + proper_m_s.length_squared() * self.inverse_c2_s2_m2).sqrt()
    }
}

#[inline(always)]
fn is_displacement(metres: DVec3) -> bool {
    // False for a NaN, too.
    let most = |x: f64| x.abs() <= DISPLACEMENT_MAX_M;
    most(metres.x) && most(metres.y) && most(metres.z)
}

/// Keeps a list's capacity well above what it holds, or is about to hold: lengths vary a little from tick to tick,
/// and that shall not allocate once a world has run for a while, nor when the first things meet in it.
fn make_room<T>(list: &mut Vec<T>, count: usize) {
    const ROOM_MIN: usize = 64;
    let wanted = list.len().max(count).max(ROOM_MIN);
    if wanted + wanted / 4 > list.capacity() {
        list.reserve(2 * wanted - list.len());
    }
}
