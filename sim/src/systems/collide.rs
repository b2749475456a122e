//! Contact between ships, asteroids, structures and rounds: gathers what can touch, lets [`crate::contact`]
//! solve it, and writes back what was touched. Damage follows from the energy of each impact.

use crate::component::{Attitude, Berth, Hull, Identity, Kind, Round, Solid, Spin, Tank, Velocity};
use crate::contact::{Collider, Impact, Shot, Solver};
use crate::report::Event;
use crate::scenario::{Rules, ShipClass};
use crate::space::Position;
use crate::systems::surface::damage;
use crate::world::{CHUNK_ROWS, Moved, World, columns};

columns! {
    /// Ships as contact sees them.
    ShipRows {
        identity: Identity, position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, tank: Tank,
        hull: Hull, berth: Berth, moved: Moved,
    }
}

columns! {
    /// Asteroids and structures as contact sees them.
    SolidRows {
        identity: Identity, position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, solid: Solid,
        moved: Moved,
    }
}

columns! {
    /// Rounds as contact sees them.
    RoundRows { identity: Identity, position: Position, velocity: Velocity, round: Round, moved: Moved }
}

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
        rules: Rules,
        dt_s: f64,
        events: &mut Vec<Event>,
        rounds_down: &mut Vec<u64>,
    ) {
        self.gather(world, classes);
        self.impacts.clear();
        let (restitution, friction) = (rules.restitution, rules.friction);
        self.solver.solve(&mut self.colliders, &mut self.shots, dt_s, restitution, friction, &mut self.impacts);
        if self.impacts.is_empty() {
            return;
        }
        self.scatter(world);
        for impact in &self.impacts {
            let energy_j = impact.energy_j;
            events.push(Event::Impact { a: impact.a, b: impact.b, energy_j });
            // A round spends itself on what it hits; two bodies share what the collision took.
            let share = if impact.shot { 1.0 } else { 0.5 };
            for id in [impact.a, impact.b] {
                let Some(mut hull) = world.get::<Hull>(id) else { continue };
                if damage(&mut hull, energy_j * share) {
                    events.push(Event::Destroyed { entity: id });
                }
                world.set(id, hull);
            }
        }
        rounds_down.extend(
            self.impacts
                .iter()
                .filter(|i| i.shot)
                .flat_map(|i| [i.a, i.b])
                .filter(|&id| world.kind(id) == Some(Kind::Projectile)),
        );
        rounds_down.sort_unstable();
        rounds_down.dedup();
    }

    fn gather(&mut self, world: &World, classes: &[ShipClass]) {
        let total: usize = [Kind::Ship, Kind::Asteroid, Kind::Structure].iter().map(|&k| world.count(k)).sum();
        self.colliders.resize(total, Collider::default());
        let mut rest = &mut self.colliders[..];
        ShipRows::with(world, Kind::Ship, |rows| {
            let (here, after) = core::mem::take(&mut rest).split_at_mut(rows.identity.len());
            rest = after;
            fill(here, &|i| {
                let class = &classes[rows.berth[i].class as usize];
                let inertia = class.inertia_kg_m2.element_sum() / 3.0;
                Collider {
                    id: rows.identity[i].id,
                    position: rows.position[i],
                    displacement_m: rows.moved[i].0,
                    velocity_m_s: rows.velocity[i].proper_m_s,
                    spin_rad_s: rows.attitude[i].icrf_from_body * rows.spin[i].body_rad_s,
                    // A wreck touches nothing.
                    radius_m: if rows.hull[i].health_j > 0.0 { class.radius_m } else { 0.0 },
                    inverse_mass_per_kg: 1.0 / (class.dry_mass_kg + rows.tank[i].fuel_kg),
                    inverse_inertia: 1.0 / inertia,
                    ..Collider::default()
                }
            });
        });
        for kind in [Kind::Asteroid, Kind::Structure] {
            SolidRows::with(world, kind, |rows| {
                let (here, after) = core::mem::take(&mut rest).split_at_mut(rows.identity.len());
                rest = after;
                fill(here, &|i| {
                    let Solid { radius_m, mass_kg } = rows.solid[i];
                    Collider {
                        id: rows.identity[i].id,
                        position: rows.position[i],
                        displacement_m: rows.moved[i].0,
                        velocity_m_s: rows.velocity[i].proper_m_s,
                        spin_rad_s: rows.attitude[i].icrf_from_body * rows.spin[i].body_rad_s,
                        radius_m,
                        inverse_mass_per_kg: 1.0 / mass_kg,
                        inverse_inertia: 1.0 / (0.4 * mass_kg * radius_m * radius_m),
                        ..Collider::default()
                    }
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

    /// Writes back position, velocity and spin of every collider that took part in an impact.
    fn scatter(&self, world: &mut World) {
        for collider in self.colliders.iter().filter(|c| c.touched) {
            let Some(attitude) = world.get::<Attitude>(collider.id) else { continue };
            world.set(collider.id, collider.position);
            world.set(collider.id, Velocity { proper_m_s: collider.velocity_m_s });
            world.set(collider.id, Spin { body_rad_s: attitude.icrf_from_body.conjugate() * collider.spin_rad_s });
        }
    }
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
