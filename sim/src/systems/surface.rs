//! Air and ground: drag in a body's atmosphere and contact with its surface, a rigid sphere of the mean
//! radius that turns with the body.

use glam::DVec3;

use crate::bodies::BodyState;
use crate::component::{Attitude, Berth, Hull, Identity, Kind, Round, Solid, Spin, Tank, Velocity};
use crate::report::Event;
use crate::scenario::{Body, Rules, ShipClass};
use crate::space::Position;
use crate::world::{Moved, Near, Rows, World, columns};

columns! {
    /// Ships near a body.
    ShipRows {
        identity: Identity, position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, tank: Tank,
        hull: Hull, berth: Berth, moved: Moved, near: Near,
    }
}

columns! {
    /// Asteroids and structures near a body.
    SolidRows {
        identity: Identity, position: Position, velocity: Velocity, attitude: Attitude, spin: Spin, hull: Hull,
        solid: Solid, moved: Moved, near: Near,
    }
}

columns! {
    /// Rounds near a body.
    RoundRows { identity: Identity, position: Position, velocity: Velocity, round: Round, near: Near }
}

/// What is the same for all rows in one tick.
pub(crate) struct Ground<'a> {
    pub bodies: &'a [Body],
    /// Bodies at the end of the tick.
    pub states: &'a [BodyState],
    pub classes: &'a [ShipClass],
    pub rules: Rules,
    pub dt_s: f64,
}

/// A sphere that may meet air or ground.
struct Ball {
    radius_m: f64,
    mass_kg: f64,
    /// kg m^2.
    inertia: f64,
    drag_area_m2: f64,
}

/// Approach speeds below this are rest, not a bounce, m/s.
const REST_M_S: f64 = 0.5;
/// Drag coefficient of a rough sphere.
const SPHERE_DRAG: f64 = 0.9;

/// Lets ships, asteroids and structures feel air and ground. Few things are near a body, so this runs in
/// stored order on one thread; rows are independent, and events are put in order of id.
pub(crate) fn touch(world: &World, ground: &Ground<'_>, events: &mut Vec<Event>, rounds_down: &mut Vec<u64>) {
    let first = events.len();
    ShipRows::with(world, Kind::Ship, |rows| {
        for i in 0..rows.len() {
            if rows.near[i].0 == 0 {
                continue;
            }
            let class = &ground.classes[rows.berth[i].class as usize];
            let ball = Ball {
                radius_m: class.radius_m,
                mass_kg: class.dry_mass_kg + rows.tank[i].fuel_kg,
                inertia: class.inertia_kg_m2.element_sum() / 3.0,
                drag_area_m2: class.drag_area_m2,
            };
            let state = (&mut rows.position[i], &mut rows.velocity[i], &rows.attitude[i], &mut rows.spin[i]);
            let body = rows.near[i].0 as usize - 1;
            if let Some(energy_j) = meet(ground, body, &ball, state, &mut rows.moved[i]) {
                let entity = rows.identity[i].id;
                events.push(Event::Landed { entity, body: body as u32, energy_j });
                if damage(&mut rows.hull[i], energy_j) {
                    events.push(Event::Destroyed { entity });
                }
            }
        }
    });
    for kind in [Kind::Asteroid, Kind::Structure] {
        SolidRows::with(world, kind, |rows| {
            for i in 0..rows.len() {
                if rows.near[i].0 == 0 {
                    continue;
                }
                let Solid { radius_m, mass_kg } = rows.solid[i];
                let ball = Ball {
                    radius_m,
                    mass_kg,
                    inertia: 0.4 * mass_kg * radius_m * radius_m,
                    drag_area_m2: SPHERE_DRAG * core::f64::consts::PI * radius_m * radius_m,
                };
                let state = (&mut rows.position[i], &mut rows.velocity[i], &rows.attitude[i], &mut rows.spin[i]);
                let body = rows.near[i].0 as usize - 1;
                if let Some(energy_j) = meet(ground, body, &ball, state, &mut rows.moved[i]) {
                    let entity = rows.identity[i].id;
                    events.push(Event::Landed { entity, body: body as u32, energy_j });
                    if damage(&mut rows.hull[i], energy_j) {
                        events.push(Event::Destroyed { entity });
                    }
                }
            }
        });
    }
    RoundRows::with(world, Kind::Projectile, |rows| {
        for i in 0..rows.len() {
            if rows.near[i].0 == 0 {
                continue;
            }
            let body = rows.near[i].0 as usize - 1;
            let state = &ground.states[body];
            if rows.position[i].minus(state.position).length() < ground.bodies[body].radius_m {
                let (entity, speed) = (rows.identity[i].id, rows.velocity[i].proper_m_s - state.velocity_m_s);
                let energy_j = 0.5 * rows.round[i].mass_kg * speed.length_squared();
                events.push(Event::Landed { entity, body: body as u32, energy_j });
                rounds_down.push(entity);
            }
        }
    });
    rounds_down.sort_unstable();
    events[first..].sort_unstable_by_key(|e| match e {
        Event::Landed { entity, .. } => (*entity, 0),
        Event::Destroyed { entity } => (*entity, 1),
        _ => (0, 0),
    });
}

/// Takes `energy_j` from a hull; `true` if that is what destroyed it.
pub(crate) fn damage(hull: &mut Hull, energy_j: f64) -> bool {
    let was_whole = hull.health_j > 0.0;
    let left = hull.health_j - energy_j;
    // A choice, not `max`: that may give either zero, and the two differ in their bits.
    hull.health_j = if left > 0.0 { left } else { 0.0 };
    was_whole && hull.health_j == 0.0
}

/// One sphere and one body. Gives the energy of a touch that was more than rest.
fn meet(
    ground: &Ground<'_>,
    index: usize,
    ball: &Ball,
    (position, velocity, attitude, spin): (&mut Position, &mut Velocity, &Attitude, &mut Spin),
    moved: &mut Moved,
) -> Option<f64> {
    let (body, state) = (&ground.bodies[index], &ground.states[index]);
    let from_centre = position.minus(state.position);
    let distance = from_centre.length();
    // The velocity of air and ground here.
    let carried = state.velocity_m_s + (body.pole * body.rotation_rad_s).cross(from_centre);
    if let Some(air) = body.atmosphere {
        let height = (distance - body.radius_m).max(0.0);
        if height < air.top_m {
            let density = air.surface_density_kg_m3 * libm::exp(-height / air.scale_height_m);
            let wind = velocity.proper_m_s - carried;
            let k = 0.5 * density * ball.drag_area_m2 * wind.length() / ball.mass_kg * ground.dt_s;
            // Implicit, so that thick air stops a thing and never turns it round.
            velocity.proper_m_s -= wind * (k / (1.0 + k));
        }
    }
    let depth = body.radius_m + ball.radius_m - distance;
    if depth <= 0.0 || distance == 0.0 {
        return None;
    }
    let up = from_centre / distance;
    *position = position.plus(up * depth);
    moved.0 += up * depth;

    let arm = up * -ball.radius_m;
    let turning = attitude.icrf_from_body * spin.body_rad_s;
    let slip = velocity.proper_m_s - carried + turning.cross(arm);
    let approach = -slip.dot(up);
    if approach <= 0.0 {
        return None;
    }
    let restitution = if approach < REST_M_S { 0.0 } else { ground.rules.restitution };
    let normal = (1.0 + restitution) * approach * ball.mass_kg;
    let sideways = slip + up * approach;
    // What would stop the contact point: the sphere's mass and its turning act together.
    let yield_per_kg = 1.0 / ball.mass_kg + ball.radius_m * ball.radius_m / ball.inertia;
    let wanted = sideways.length() / yield_per_kg;
    let most = ground.rules.friction * normal;
    let grip = if wanted > most { most } else { wanted };
    let friction = if wanted > 0.0 { sideways * (-grip / sideways.length()) } else { DVec3::ZERO };
    *velocity = Velocity::held(velocity.proper_m_s + (up * normal + friction) / ball.mass_kg);
    let kick = attitude.icrf_from_body.conjugate() * (arm.cross(friction) / ball.inertia);
    *spin = Spin::held(spin.body_rad_s + kick);
    let lost = 0.5 * ball.mass_kg * (1.0 - restitution * restitution) * approach * approach;
    (approach >= REST_M_S).then_some(lost)
}
