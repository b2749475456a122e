//! Contact between ships, asteroids, structures and rounds: gathers what can touch, lets [`crate::contact`]
//! solve it, and writes back what was touched. Damage follows from the energy of each impact.

use glam::DVec3;

use crate::component::{Attitude, Berth, Hull, Identity, Kind, Round, Solid, Spin, Tank, Velocity};
use crate::contact::{Body, Collider, Impact, Rules, Shot, Solver};
use crate::report::Event;
use crate::scenario::ShipClass;
use crate::space::Position;
use crate::systems::surface::damage;
use crate::world::{CHUNK_ROWS, Moved, World, columns};

columns! {
    /// Ships as contact sees them.
    ShipRows { identity: Identity, position: Position, hull: Hull, berth: Berth, moved: Moved }
}

columns! {
    /// Asteroids and structures as contact sees them.
    SolidRows { identity: Identity, position: Position, solid: Solid, moved: Moved }
}

columns! {
    /// Rounds as contact sees them.
    RoundRows { identity: Identity, position: Position, velocity: Velocity, round: Round, moved: Moved }
}

/// What can touch one another, in gathering order.
const COLLIDING: [Kind; 3] = [Kind::Ship, Kind::Asteroid, Kind::Structure];

/// A radius that contact leaves out.
const NOT_THERE: f64 = -1.0;

/// Buffers kept from tick to tick.
#[derive(Default)]
pub(crate) struct Contacts {
    solver: Solver,
    colliders: Vec<Collider>,
    shots: Vec<Shot>,
    impacts: Vec<Impact>,
}

impl Contacts {
    /// Resolves all contacts of the tick. Rounds that hit something are added to `rounds_down`.
    pub fn resolve(
        &mut self,
        world: &mut World,
        classes: &[ShipClass],
        rules: &Rules,
        events: &mut Vec<Event>,
        rounds_down: &mut Vec<u64>,
    ) {
        self.gather(world, classes);
        let Self { solver, colliders, shots, impacts } = self;
        let touched = solver.solve(colliders, shots, |index| body(world, classes, id_at(world, index)), rules, impacts);
        for touch in touched {
            let collider = &colliders[touch.index];
            let Some(attitude) = world.get::<Attitude>(collider.id) else { continue };
            world.set(collider.id, collider.position);
            world.set(collider.id, Velocity::held(touch.body.velocity_m_s));
            let body_rad_s = attitude.icrf_from_body.conjugate() * touch.body.spin_rad_s;
            world.set(collider.id, Spin::held(body_rad_s));
        }
        for impact in impacts.iter() {
            let energy_j = impact.energy_j;
            events.push(Event::Impact { a: impact.a, b: impact.b, energy_j });
            if impact.shot {
                // A round spends itself on what it hits.
                hurt(world, impact.a, energy_j, events);
                rounds_down.push(impact.b);
            } else {
                // Two bodies share what the collision took.
                hurt(world, impact.a, 0.5 * energy_j, events);
                hurt(world, impact.b, 0.5 * energy_j, events);
            }
        }
        rounds_down.sort_unstable();
        rounds_down.dedup();
    }

    fn gather(&mut self, world: &World, classes: &[ShipClass]) {
        let total: usize = COLLIDING.iter().map(|&kind| world.count(kind)).sum();
        let empty = Collider { id: 0, position: Position::ORIGIN, displacement_m: DVec3::ZERO, radius_m: NOT_THERE };
        self.colliders.resize(total, empty);
        let mut rest = &mut self.colliders[..];
        ShipRows::with(world, Kind::Ship, |rows| {
            let (here, after) = core::mem::take(&mut rest).split_at_mut(rows.identity.len());
            rest = after;
            fill(here, &|i| Collider {
                id: rows.identity[i].id,
                position: rows.position[i],
                displacement_m: rows.moved[i].0,
                // A wreck touches nothing.
                radius_m: if rows.hull[i].health_j > 0.0 {
                    classes[rows.berth[i].class as usize].radius_m
                } else {
                    NOT_THERE
                },
            });
        });
        for kind in [Kind::Asteroid, Kind::Structure] {
            SolidRows::with(world, kind, |rows| {
                let (here, after) = core::mem::take(&mut rest).split_at_mut(rows.identity.len());
                rest = after;
                fill(here, &|i| Collider {
                    id: rows.identity[i].id,
                    position: rows.position[i],
                    displacement_m: rows.moved[i].0,
                    radius_m: rows.solid[i].radius_m,
                });
            });
        }
        self.shots.clear();
        RoundRows::with(world, Kind::Projectile, |rows| {
            self.shots.extend((0..rows.identity.len()).map(|i| Shot {
                id: rows.identity[i].id,
                shooter: rows.round[i].shooter,
                position: rows.position[i],
                displacement_m: rows.moved[i].0,
                velocity_m_s: rows.velocity[i].proper_m_s,
                mass_kg: rows.round[i].mass_kg,
            }));
        });
    }
}

/// The entity behind a collider, in the order in which [`Contacts::gather`] takes them.
fn id_at(world: &World, mut index: usize) -> u64 {
    for kind in COLLIDING {
        let count = world.count(kind);
        if index < count {
            let ids = world.archetype(kind).and_then(|a| a.get::<&Identity>());
            return ids.map_or(0, |ids| ids[index].id);
        }
        index -= count;
    }
    0
}

/// The motion and mass of an entity that touches something.
fn body(world: &World, classes: &[ShipClass], id: u64) -> Body {
    let velocity = world.get::<Velocity>(id).unwrap_or_default();
    let attitude = world.get::<Attitude>(id).unwrap_or_default();
    let spin = world.get::<Spin>(id).unwrap_or_default();
    let (mass, inertia) = match (world.get::<Berth>(id), world.get::<Tank>(id), world.get::<Solid>(id)) {
        (Some(berth), Some(tank), _) => {
            let class = &classes[berth.class as usize];
            (class.dry_mass_kg + tank.fuel_kg, class.inertia_kg_m2.element_sum() / 3.0)
        }
        (_, _, Some(solid)) => (solid.mass_kg, 0.4 * solid.mass_kg * solid.radius_m * solid.radius_m),
        _ => (1.0, 1.0),
    };
    Body {
        velocity_m_s: velocity.proper_m_s,
        spin_rad_s: attitude.icrf_from_body * spin.body_rad_s,
        inverse_mass_per_kg: 1.0 / mass,
        inverse_inertia: 1.0 / inertia,
    }
}

fn hurt(world: &mut World, id: u64, energy_j: f64, events: &mut Vec<Event>) {
    let Some(mut hull) = world.get::<Hull>(id) else { return };
    if damage(&mut hull, energy_j) {
        events.push(Event::Destroyed { entity: id });
    }
    world.set(id, hull);
}

/// Fills `out` row by row, in fixed chunks over the threads where there is more than one.
fn fill(out: &mut [Collider], row: &(impl Fn(usize) -> Collider + Sync)) {
    fn part(out: &mut [Collider], first: usize, row: &(impl Fn(usize) -> Collider + Sync)) {
        if out.len() <= CHUNK_ROWS {
            out.iter_mut().enumerate().for_each(|(i, c)| *c = row(first + i));
            return;
        }
        let middle = out.len() / 2;
        let (left, right) = out.split_at_mut(middle);
        rayon::join(|| part(left, first, row), || part(right, first + middle, row));
    }
    part(out, 0, row);
}
