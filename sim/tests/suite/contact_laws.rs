//! Contacts against the laws they must keep: momentum, energy, known collisions.

use glam::DVec3;
use proptest::prelude::*;
use sim::Position;
use sim::contact::{Body, Collider, Impact, Rules, Shot, Solver};

/// Spheres with their motion, stepped like a caller would.
#[derive(Clone, Debug)]
struct World {
    positions: Vec<Position>,
    bodies: Vec<Body>,
    radii_m: Vec<f64>,
    shots: Vec<Shot>,
    rules: Rules,
}

impl World {
    fn new(rules: Rules) -> Self {
        Self { positions: vec![], bodies: vec![], radii_m: vec![], shots: vec![], rules }
    }

    /// Adds a solid ball.
    fn ball(&mut self, at: Position, velocity_m_s: DVec3, mass_kg: f64, radius_m: f64) {
        self.positions.push(at);
        self.radii_m.push(radius_m);
        let inverse_inertia = 1.0 / (0.4 * mass_kg * radius_m * radius_m);
        let inverse_mass_per_kg = 1.0 / mass_kg;
        self.bodies.push(Body { velocity_m_s, spin_rad_s: DVec3::ZERO, inverse_mass_per_kg, inverse_inertia });
    }

    fn step(&mut self, solver: &mut Solver) -> Vec<Impact> {
        let dt_s = self.rules.dt_s;
        let columns = self.positions.iter().zip(&self.bodies).zip(&self.radii_m);
        let mut colliders: Vec<_> = (1..)
            .zip(columns)
            .map(|(id, ((position, body), radius_m))| {
                let displacement_m = body.velocity_m_s * dt_s;
                Collider { id, position: position.plus(displacement_m), displacement_m, radius_m: *radius_m }
            })
            .collect();
        for shot in &mut self.shots {
            shot.displacement_m = shot.velocity_m_s * dt_s;
            shot.position = shot.position.plus(shot.displacement_m);
        }
        let mut impacts = Vec::new();
        let bodies = self.bodies.clone();
        let touched = solver.solve(&mut colliders, &mut self.shots, |i| bodies[i], &self.rules, &mut impacts);
        for t in touched {
            self.bodies[t.index] = t.body;
        }
        self.positions = colliders.iter().map(|c| c.position).collect();
        impacts
    }

    fn momentum(&self) -> DVec3 {
        let bodies: DVec3 = self.bodies.iter().map(|b| b.velocity_m_s / b.inverse_mass_per_kg).sum();
        bodies + self.shots.iter().map(|s| s.velocity_m_s * s.mass_kg).sum::<DVec3>()
    }

    /// The sum of the sizes of all momenta: what their sum is exact in proportion to.
    fn momentum_scale(&self) -> f64 {
        let bodies: f64 = self.bodies.iter().map(|b| b.velocity_m_s.length() / b.inverse_mass_per_kg).sum();
        bodies + self.shots.iter().map(|s| s.velocity_m_s.length() * s.mass_kg).sum::<f64>()
    }

    fn angular_momentum(&self) -> DVec3 {
        let of = |(p, b): (&Position, &Body)| {
            p.to_metres().cross(b.velocity_m_s / b.inverse_mass_per_kg) + b.spin_rad_s / b.inverse_inertia
        };
        self.positions.iter().zip(&self.bodies).map(of).sum()
    }

    fn energy(&self) -> f64 {
        let of = |b: &Body| {
            0.5 * b.velocity_m_s.length_squared() / b.inverse_mass_per_kg
                + 0.5 * b.spin_rad_s.length_squared() / b.inverse_inertia
        };
        let shots = self.shots.iter().map(|s| 0.5 * s.mass_kg * s.velocity_m_s.length_squared());
        self.bodies.iter().map(of).sum::<f64>() + shots.sum::<f64>()
    }
}

fn rules(restitution: f64, friction: f64) -> Rules {
    Rules { dt_s: 1.0 / 90.0, restitution, friction, inverse_c2_s2_m2: 0.0 }
}

fn at(x: f64, y: f64, z: f64) -> Position {
    Position::from_metres(DVec3::new(x, y, z))
}

#[test]
fn a_cradle_hands_the_blow_on_within_a_tick() {
    let mut world = World::new(rules(1.0, 0.0));
    world.ball(at(-3.0, 0.0, 0.0), DVec3::X * 90.0, 1.0, 1.0);
    for i in 0..4 {
        world.ball(at(2.0 * f64::from(i), 0.0, 0.0), DVec3::ZERO, 1.0, 1.0);
    }
    // One metre in a tick: touches at its very end, so all is handed on in the next.
    let mut solver = Solver::default();
    let impacts = world.step(&mut solver).len() + world.step(&mut solver).len();
    let speeds: Vec<_> = world.bodies.iter().map(|b| b.velocity_m_s.x).collect();
    assert_eq!(speeds, [0.0, 0.0, 0.0, 0.0, 90.0]);
    assert_eq!(impacts, 4);
    assert!((world.positions[4].to_metres().x - 7.0).abs() < 1e-12);
}

#[test]
fn unequal_masses_part_as_newton_says() {
    let mut world = World::new(rules(0.5, 0.0));
    world.ball(at(0.0, 0.0, 0.0), DVec3::X * 90.0, 3.0, 1.0);
    world.ball(at(2.5, 0.0, 0.0), DVec3::ZERO, 1.0, 1.0);
    let impacts = world.step(&mut Solver::default());
    // Centre of mass at 67.5 m/s; they part at 45 m/s.
    assert!((world.bodies[0].velocity_m_s.x - 56.25).abs() < 1e-12);
    assert!((world.bodies[1].velocity_m_s.x - 101.25).abs() < 1e-12);
    // Reduced mass 3/4: 3/4 * 90^2 / 2 * (1 - e^2) is lost.
    assert!((impacts[0].energy_j - 0.75 * 8100.0 / 2.0 * 0.75).abs() < 1e-9);
    assert!((impacts[0].fraction - 0.5).abs() < 1e-12);
    let apart = world.positions[1].minus(world.positions[0]).x;
    assert!((apart - 2.0 - 45.0 / 90.0 * 0.5).abs() < 1e-12);
    assert!((impacts[0].point.to_metres() - DVec3::X * 1.5).length() < 1e-12);
}

/// Two equal balls that graze with the contact at 45 degrees, with friction enough to stop all slip: the
/// tangential impulse is that of two rolling spheres, m v_t / 7.
#[test]
fn a_glancing_blow_spins_both_by_the_closed_form() {
    let mut world = World::new(rules(1.0, 10.0));
    let h = 2.0 * std::f64::consts::FRAC_1_SQRT_2;
    world.ball(at(-h - 0.05, h, 0.0), DVec3::X * 9.0, 1.0, 1.0);
    world.ball(at(0.0, 0.0, 0.0), DVec3::ZERO, 1.0, 1.0);
    let impacts = world.step(&mut Solver::default());
    assert_eq!(impacts.len(), 1);
    let v = 9.0 * std::f64::consts::FRAC_1_SQRT_2;
    // The first loses all of its speed along the normal, and a seventh of that along the tangent.
    let expected = DVec3::new(1.0, 1.0, 0.0).normalize() * (v * 6.0 / 7.0);
    assert!((world.bodies[0].velocity_m_s - expected).length() < 1e-12, "{:?}", world.bodies[0]);
    // J r / I = (v / 7) / 0.4, the same way round for both.
    for body in &world.bodies {
        assert!((body.spin_rad_s + DVec3::Z * (v / 2.8)).length() < 1e-12, "{body:?}");
    }
}

#[test]
fn overlapping_spheres_are_pushed_apart_by_their_masses() {
    let mut world = World::new(rules(0.0, 0.0));
    world.ball(at(0.0, 0.0, 0.0), DVec3::ZERO, 1.0, 1.0);
    world.ball(at(1.0, 0.0, 0.0), DVec3::ZERO, 3.0, 1.0);
    let mut solver = Solver::default();
    for _ in 0..60 {
        assert!(world.step(&mut solver).is_empty());
    }
    assert!((world.positions[0].to_metres().x + 0.75).abs() < 1e-6);
    assert!((world.positions[1].to_metres().x - 1.25).abs() < 1e-6);
    assert_eq!(world.energy(), 0.0);
}

/// The places are mended, not the motion: what the law of blows leaves out, by as much as the push times the slip.
#[test]
fn a_push_apart_may_change_angular_momentum() {
    let mut world = World::new(rules(0.0, 0.0));
    world.ball(at(1.9, 0.0, 0.0), DVec3::new(-1.0, 9.0, 0.0), 1.0, 1.0);
    world.ball(Position::ORIGIN, DVec3::ZERO, 1.0, 1.0);
    let (before, momentum) = (world.angular_momentum(), world.momentum());
    assert_eq!(world.step(&mut Solver::default()).len(), 1);
    let changed = world.angular_momentum() - before;
    assert!(changed.z > 0.0 && changed.z <= 0.1 * 9.0, "{changed}");
    assert!((world.momentum() - momentum).length() < 1e-12);
}

#[test]
fn what_nothing_can_move_stays() {
    let mut world = World::new(rules(1.0, 0.0));
    world.ball(at(0.0, 0.0, 0.0), DVec3::X * 90.0, 1.0, 1.0);
    world.ball(at(2.5, 0.0, 0.0), DVec3::ZERO, 1.0, 1.0);
    (world.bodies[1].inverse_mass_per_kg, world.bodies[1].inverse_inertia) = (0.0, 0.0);
    world.step(&mut Solver::default());
    assert_eq!(world.positions[1], at(2.5, 0.0, 0.0));
    assert!((world.bodies[0].velocity_m_s.x + 90.0).abs() < 1e-12);
}

/// A light ball at almost the speed of light on a heavy one: Newton's impulse would hand out more than there is.
#[test]
fn relativistic_blows_gain_no_energy() {
    let c = 1000.0;
    let mut world = World::new(Rules { inverse_c2_s2_m2: 1.0 / (c * c), ..rules(1.0, 0.3) });
    world.ball(at(0.0, 0.0, 0.0), DVec3::X * 10_000.0, 1.0, 1.0);
    world.ball(at(5.0, 0.5, 0.0), DVec3::ZERO, 100.0, 1.0);
    let energy = |world: &World| -> f64 {
        let of = |b: &Body| {
            let gamma = (1.0 + b.velocity_m_s.length_squared() / (c * c)).sqrt();
            gamma * c * c / b.inverse_mass_per_kg + 0.5 * b.spin_rad_s.length_squared() / b.inverse_inertia
        };
        world.bodies.iter().map(of).sum()
    };
    let (before, momentum) = (energy(&world), world.momentum());
    assert_eq!(world.step(&mut Solver::default()).len(), 1);
    assert!(energy(&world) <= before * (1.0 + 1e-12) && energy(&world) > 0.99 * before);
    assert!((world.momentum() - momentum).length() < 1e-12 * momentum.length());
}

/// A closed cloud of balls, with shots through it.
fn cloud() -> impl Strategy<Value = World> {
    let unit = || prop::array::uniform3(-1.0f64..1.0).prop_map(DVec3::from);
    let ball = (unit(), unit(), -1.0f64..4.0, 0.3f64..2.0);
    let shot = (unit(), unit());
    let parts = (prop::collection::vec(ball, 2..60), prop::collection::vec(shot, 0..10));
    (parts, 0.0f64..=1.0, 0.0f64..1.0, 1.0f64..1000.0).prop_map(|((balls, shots), restitution, friction, speed)| {
        let mut world = World::new(rules(restitution, friction));
        for (place, velocity, mass, radius_m) in balls {
            let mass_kg = libm::exp(mass);
            world.ball(Position::from_metres(place * 8.0), velocity * speed, mass_kg, radius_m);
        }
        world.shots = (1001..)
            .zip(shots)
            .map(|(id, (place, to))| Shot {
                id,
                shooter: 1,
                position: Position::from_metres(place * 50.0),
                displacement_m: DVec3::ZERO,
                velocity_m_s: to * 10_000.0,
                mass_kg: 0.1,
            })
            .collect();
        world
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn closed_clouds_keep_momentum_and_gain_no_energy(mut world in cloud()) {
        let mut solver = Solver::default();
        for _ in 0..10 {
            let before = world.clone();
            let impacts = world.step(&mut solver);
            prop_assert!((world.momentum() - before.momentum()).length() <= 1e-12 * before.momentum_scale());
            let lost: f64 = impacts.iter().map(|i| i.energy_j).sum();
            prop_assert!(impacts.iter().all(|i| i.energy_j >= 0.0 && i.impulse_n_s.is_finite()));
            prop_assert!(world.energy() <= before.energy() * (1.0 + 1e-12));
            prop_assert!((before.energy() - world.energy() - lost).abs() <= 1e-9 * before.energy());
            prop_assert!(impacts.is_sorted_by(|a, b| a.fraction <= b.fraction));
            let spent: Vec<_> = impacts.iter().filter(|i| i.shot).map(|i| i.b).collect();
            world.shots.retain(|s| !spent.contains(&s.id));
        }
    }

    /// One pair that starts apart, any blow: its angular momentum about the origin, spins included, stays. (A pair
    /// that starts within each other is also pushed apart, which moves both without an impulse and so does not keep
    /// it: `a_push_apart_may_change_angular_momentum`.)
    #[test]
    fn a_blow_keeps_angular_momentum(
        from in prop::array::uniform3(-1.0f64..1.0), aside in prop::array::uniform3(-1.0f64..1.0),
        masses in (0.1f64..100.0, 0.1f64..100.0), rule in (0.0f64..=1.0, 0.0f64..2.0),
    ) {
        let from = DVec3::from(from).try_normalize().unwrap_or(DVec3::X);
        let mut world = World::new(rules(rule.0, rule.1));
        let start = from * 3.0 + DVec3::from(aside) * 0.9;
        prop_assume!(start.length() > 2.0);
        world.ball(Position::from_metres(start), from * -200.0, masses.0, 1.0);
        world.ball(Position::ORIGIN, DVec3::ZERO, masses.1, 1.0);
        let before = world.angular_momentum();
        let impacts = world.step(&mut Solver::default());
        prop_assume!(impacts.len() == 1);
        prop_assert!((world.angular_momentum() - before).length() <= 1e-12 * masses.0 * 200.0 * 3.0);
    }
}
