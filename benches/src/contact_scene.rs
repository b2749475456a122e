//! Scenes of spheres for the contact benchmark: the same places, speeds and sizes for us and for the peer.

use glam::DVec3;
use sim::Position;
use sim::contact::{Body, Collider, Impact, Rules, Shot, Solver};
use sim::random::RandomStream;

/// Spheres in motion, as columns.
pub struct Scene {
    /// Metres from the barycentre.
    pub positions: Vec<Position>,
    /// m/s.
    pub velocities_m_s: Vec<DVec3>,
    /// The same for all, m.
    pub radius_m: f64,
}

/// Each component evenly spread between 0 and 1.
fn vector(random: &mut RandomStream) -> DVec3 {
    DVec3::new(random.uniform01(), random.uniform01(), random.uniform01())
}

impl Scene {
    /// `count` spheres of radius 1 m at random places in a cube of edge `edge_m`, with random velocities of up to
    /// `speed_m_s` on top of `drift_m_s`.
    #[must_use]
    pub fn cube(count: usize, edge_m: f64, speed_m_s: f64, drift_m_s: DVec3) -> Self {
        let mut random = RandomStream::new(count as u64);
        let mut scene = Self { positions: vec![], velocities_m_s: vec![], radius_m: 1.0 };
        for _ in 0..count {
            scene.positions.push(Position::from_metres(vector(&mut random) * edge_m));
            let direction = (vector(&mut random) - 0.5).normalize_or(DVec3::X);
            scene.velocities_m_s.push(drift_m_s + direction * (speed_m_s * random.uniform01()));
        }
        scene
    }

    /// `count` ships of radius 10 m, `spacing_m` apart on a lattice and then up to a fifth of that astray, in
    /// random order in memory, with velocities of up to 100 m/s on top of the Earth's 30 km/s.
    #[must_use]
    pub fn sparse(count: usize, spacing_m: f64) -> Self {
        let mut random = RandomStream::new(count as u64);
        let side = (1..).find(|n| n * n * n >= count).unwrap_or(1);
        let mut places: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            places.swap(i, (random.uniform01() * (i + 1) as f64) as usize);
        }
        let mut scene = Self { positions: vec![], velocities_m_s: vec![], radius_m: 10.0 };
        for place in places {
            let lattice = DVec3::new((place % side) as f64, (place / side % side) as f64, (place / side / side) as f64);
            let at = (lattice + vector(&mut random) * 0.2) * spacing_m + DVec3::new(1.5e11, 0.0, 0.0);
            scene.positions.push(Position::from_metres(at));
            scene.velocities_m_s.push(DVec3::new(0.0, 30_000.0, 0.0) + (vector(&mut random) - 0.5) * 100.0);
        }
        scene
    }
}

/// A scene and what our solver needs to step it.
pub struct Stepper {
    scene: Scene,
    spins_rad_s: Vec<DVec3>,
    colliders: Vec<Collider>,
    solver: Solver,
    impacts: Vec<Impact>,
    rules: Rules,
}

impl Stepper {
    /// Solid spheres of 1000 kg/m^3 that bounce with half their speed.
    #[must_use]
    pub fn new(scene: Scene, dt_s: f64) -> Self {
        Self {
            spins_rad_s: vec![DVec3::ZERO; scene.positions.len()],
            colliders: Vec::new(),
            solver: Solver::default(),
            impacts: Vec::new(),
            rules: Rules { dt_s, restitution: 0.5, friction: 0.5, inverse_c2_s2_m2: 0.0 },
            scene,
        }
    }

    /// One whole step: moves the spheres, gathers them, resolves the contacts and writes back. Returns how many
    /// contacts there were.
    pub fn step(&mut self) -> usize {
        let Self { scene, spins_rad_s, colliders, solver, impacts, rules } = self;
        colliders.clear();
        for (index, (position, velocity)) in scene.positions.iter_mut().zip(&scene.velocities_m_s).enumerate() {
            let displacement_m = *velocity * rules.dt_s;
            *position = position.plus(displacement_m);
            colliders.push(Collider {
                id: index as u64 + 1,
                position: *position,
                displacement_m,
                radius_m: scene.radius_m,
            });
        }
        let mass_kg = 4.0 / 3.0 * std::f64::consts::PI * scene.radius_m.powi(3) * 1000.0;
        let body = |index: usize| Body {
            velocity_m_s: scene.velocities_m_s[index],
            spin_rad_s: spins_rad_s[index],
            inverse_mass_per_kg: 1.0 / mass_kg,
            inverse_inertia: 1.0 / (0.4 * mass_kg * scene.radius_m * scene.radius_m),
        };
        let none: &mut [Shot] = &mut [];
        let touched = solver.solve(colliders, none, body, rules, impacts);
        for t in touched {
            scene.positions[t.index] = colliders[t.index].position;
            scene.velocities_m_s[t.index] = t.body.velocity_m_s;
            spins_rad_s[t.index] = t.body.spin_rad_s;
        }
        impacts.len()
    }

    /// Pairs that the broadphase handed on in the last step.
    #[must_use]
    pub fn candidate_count(&self) -> usize {
        self.solver.candidate_count()
    }
}
