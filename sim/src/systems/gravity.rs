//! Newtonian gravity of all bodies on many places at once. The wide path computes independent lanes with
//! the same IEEE operations in the same order as the scalar one, so both give the same bits.
//!
//! Inside a body's mean radius the field is that of a uniform ball, so it is finite everywhere.

use glam::DVec3;

use crate::bodies::BodyState;
use crate::scenario::Body;

/// Rows per block: fits in the first-level cache together with the results.
pub const BLOCK: usize = 64;

/// A body as gravity sees it at one instant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attractor {
    /// Barycentric metres, ICRF.
    pub position_m: DVec3,
    /// m/s, barycentric, ICRF.
    pub velocity_m_s: DVec3,
    /// m^3/s^2.
    pub gm_m3_s2: f64,
    /// Square of the radius below which the field no longer grows, m^2.
    pub core_m2: f64,
    /// Square of the distance within which air or ground may be met, m^2; 0 for never.
    pub near_m2: f64,
}

/// Places and the field there, one array per quantity.
#[derive(Clone, Debug)]
pub struct Block {
    /// Barycentric x, m.
    pub x: [f64; BLOCK],
    /// Barycentric y, m.
    pub y: [f64; BLOCK],
    /// Barycentric z, m.
    pub z: [f64; BLOCK],
    /// Acceleration x, m/s^2.
    pub ax: [f64; BLOCK],
    /// Acceleration y, m/s^2.
    pub ay: [f64; BLOCK],
    /// Acceleration z, m/s^2.
    pub az: [f64; BLOCK],
    /// Sum of GM/r, m^2/s^2: the potential with its sign turned.
    pub potential: [f64; BLOCK],
    /// One more than the index of the last body that is near, or 0.
    pub near: [f64; BLOCK],
}

impl Default for Block {
    fn default() -> Self {
        let zero = [0.0; BLOCK];
        Self { x: zero, y: zero, z: zero, ax: zero, ay: zero, az: zero, potential: zero, near: zero }
    }
}

impl Block {
    /// Acceleration in row `row`, m/s^2.
    #[inline(always)]
    #[must_use]
    pub fn acceleration(&self, row: usize) -> DVec3 {
        DVec3::new(self.ax[row], self.ay[row], self.az[row])
    }
}

/// Which instructions to use. The results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// The widest vectors this processor has, chosen at run time.
    #[default]
    Wide,
    /// What every processor of the target has.
    Baseline,
}

/// Bodies as attractors at one instant.
pub(crate) fn attractors(bodies: &[Body], states: &[BodyState], out: &mut Vec<Attractor>) {
    out.clear();
    out.extend(bodies.iter().zip(states).map(|(body, state)| attractor(body, state)));
}

/// How far beyond air and ground, m, a thing is called near: more than a ship's radius and half a tick's way, up
/// to 9,000 km/s at 4x real time and 90 ticks a second.
const NEAR_MARGIN_M: f64 = 200_000.0;

fn attractor(body: &Body, state: &BodyState) -> Attractor {
    let reach = body.radius_m + body.atmosphere.map_or(0.0, |a| a.top_m) + NEAR_MARGIN_M;
    Attractor {
        position_m: state.position_m,
        velocity_m_s: state.velocity_m_s,
        gm_m3_s2: body.gm_m3_s2,
        core_m2: (body.radius_m * body.radius_m).max(1.0),
        near_m2: if body.radius_m > 0.0 { reach * reach } else { 0.0 },
    }
}

/// Fills in the field at every row of the block.
#[inline]
pub fn field(lanes: Lanes, attractors: &[Attractor], block: &mut Block) {
    widest(
        lanes,
        #[inline(always)]
        || kernel(attractors, block),
    );
}

/// Runs a loop over lanes with the chosen instructions. `work` must be `#[inline(always)]` all the way down.
#[inline]
pub(crate) fn widest(lanes: Lanes, work: impl FnOnce()) {
    struct Work<F>(F);
    impl<F: FnOnce()> pulp::NullaryFnOnce for Work<F> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            (self.0)();
        }
    }
    match lanes {
        Lanes::Wide => pulp::Arch::new().dispatch(Work(work)),
        Lanes::Baseline => work(),
    }
}

#[inline(always)]
fn kernel(attractors: &[Attractor], block: &mut Block) {
    let Block { x, y, z, ax, ay, az, potential, near } = block;
    for out in [&mut *ax, &mut *ay, &mut *az, &mut *potential, &mut *near] {
        out.fill(0.0);
    }
    for (index, body) in attractors.iter().enumerate() {
        let name = (index + 1) as f64;
        for i in 0..BLOCK {
            let (dx, dy, dz) = (body.position_m.x - x[i], body.position_m.y - y[i], body.position_m.z - z[i]);
            let r2 = dx * dx + dy * dy + dz * dz;
            let core2 = if r2 > body.core_m2 { r2 } else { body.core_m2 };
            let inverse = 1.0 / core2.sqrt();
            let depth = body.gm_m3_s2 * inverse;
            let pull = depth * (inverse * inverse);
            ax[i] += pull * dx;
            ay[i] += pull * dy;
            az[i] += pull * dz;
            potential[i] += depth;
            near[i] = if r2 < body.near_m2 { name } else { near[i] };
        }
    }
}

/// The field at one place: acceleration in m/s^2, sum of GM/r in m^2/s^2, and the near body as in [`Block`].
/// The same operations as the kernel.
#[must_use]
pub fn field_at(attractors: &[Attractor], place_m: DVec3) -> (DVec3, f64, f64) {
    let (mut acceleration, mut potential, mut near) = (DVec3::ZERO, 0.0, 0.0);
    for (index, body) in attractors.iter().enumerate() {
        let d = body.position_m - place_m;
        let r2 = d.x * d.x + d.y * d.y + d.z * d.z;
        let core2 = if r2 > body.core_m2 { r2 } else { body.core_m2 };
        let inverse = 1.0 / core2.sqrt();
        let depth = body.gm_m3_s2 * inverse;
        let pull = depth * (inverse * inverse);
        acceleration += pull * d;
        potential += depth;
        near = if r2 < body.near_m2 { (index + 1) as f64 } else { near };
    }
    (acceleration, potential, near)
}

/// The near body at one place, as in [`Block`].
pub(crate) fn near_at(attractors: &[Attractor], place_m: DVec3) -> u64 {
    let near = |body: &Attractor| (body.position_m - place_m).length_squared() < body.near_m2;
    attractors.iter().rposition(near).map_or(0, |index| index as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = f64> {
        prop_oneof![-1e13f64..1e13, -1e7f64..1e7, Just(0.0)]
    }

    proptest! {
        #[test]
        fn wide_baseline_and_single_give_equal_bits(
            places in prop::collection::vec((place(), place(), place()), BLOCK),
            bodies in prop::collection::vec((place(), place(), place(), 1e3f64..1e21, 0f64..1e9), 0..12),
        ) {
            let attractors: Vec<Attractor> = bodies
                .iter()
                .map(|&(x, y, z, gm_m3_s2, radius)| Attractor {
                    velocity_m_s: DVec3::ZERO,
                    position_m: DVec3::new(x, y, z),
                    gm_m3_s2,
                    core_m2: (radius * radius).max(1.0),
                    near_m2: radius * radius * 4.0,
                })
                .collect();
            let mut wide = Block::default();
            for (i, &(x, y, z)) in places.iter().enumerate() {
                (wide.x[i], wide.y[i], wide.z[i]) = (x, y, z);
            }
            let mut baseline = wide.clone();
            field(Lanes::Wide, &attractors, &mut wide);
            field(Lanes::Baseline, &attractors, &mut baseline);
            for (i, &(x, y, z)) in places.iter().enumerate() {
                let (a, potential, near) = field_at(&attractors, DVec3::new(x, y, z));
                let single = [a.x, a.y, a.z, potential, near].map(f64::to_bits);
                let of = |b: &Block| [b.ax[i], b.ay[i], b.az[i], b.potential[i], b.near[i]].map(f64::to_bits);
                prop_assert_eq!(of(&wide), single);
                prop_assert_eq!(of(&baseline), single);
            }
        }
    }

    #[test]
    fn the_field_is_finite_at_a_centre_and_right_outside() {
        let earth = Attractor { gm_m3_s2: 3.986e14, core_m2: 6.371e6 * 6.371e6, ..Attractor::default() };
        assert_eq!(field_at(&[earth], DVec3::ZERO).0, DVec3::ZERO);
        let (a, potential, _) = field_at(&[earth], DVec3::X * 1e7);
        assert!((a.x + 3.986).abs() < 1e-12);
        assert!((potential - 3.986e7).abs() < 1e-6);
    }
}
