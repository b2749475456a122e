//! What the forces need to know of the bodies, laid out for the kernels. Must never change after it is
//! built: it is a function of the scenario, so it is neither digested nor saved.

use super::lanes::{LANES, Lanes};
use super::step::PACE;
use crate::scenario::{Body, Forces};

/// The real speed of light, m/s (SI).
pub(super) const SPEED_OF_LIGHT_M_S: f64 = 299_792_458.0;

/// Two bodies are never treated as closer than this, m: the resolution of the simulation.
const CLOSEST_M: f64 = 1e-3;

/// The bodies as the force kernels see them.
#[derive(Debug)]
pub(super) struct Model {
    /// How many bodies.
    pub count: usize,
    /// Blocks of [`LANES`] bodies per axis.
    pub blocks: usize,
    /// Gravitational parameters, m^3/s^2.
    pub gm: Vec<f64>,
    /// The same in blocks; 0 where there is no body.
    pub gm_lanes: Vec<Lanes>,
    /// Square of the distance at which the pull between two bodies stops growing, m^2: entry
    /// `block * count + j` is for the bodies of that block and body `j`. Infinite where there is no body, so that nothing pulls there.
    pub floor2_m2: Vec<Lanes>,
    /// Bodies with a figure.
    pub figures: Vec<FigureModel>,
    /// Bodies with a tide.
    pub tides: Vec<TideModel>,
    /// Whether the first post-Newtonian terms act.
    pub post_newtonian: bool,
    /// See [`PACE`].
    pub pace: f64,
    /// Poles at the epoch of the bodies in `figures`, then of those in `tides`.
    pub poles: Vec<[f64; 3]>,
}

/// A degree-two field.
#[derive(Clone, Copy, Debug)]
pub(super) struct FigureModel {
    pub body: usize,
    /// 3/2 J2 R^2, m^2.
    pub j2_m2: f64,
    /// 3 C22 R^2, m^2.
    pub c22_m2: f64,
    pub faces: Option<usize>,
    /// Inside this distance squared the expansion does not hold, m^2.
    pub inside_m2: f64,
    /// 3 J2 / (spin rate * C/(M R^2)), s: what turns the torque into the pole's motion; 0 for a fixed pole.
    pub precession_s: f64,
}

/// A tidal bulge.
#[derive(Clone, Copy, Debug)]
pub(super) struct TideModel {
    pub body: usize,
    /// Index into the poles.
    pub pole: usize,
    /// k2 R^5, m^5.
    pub k2_m5: f64,
    pub lag_s: f64,
    pub rotation_rad_s: f64,
    pub inside_m2: f64,
    /// Beyond this distance squared it is lost in rounding, m^2.
    pub beyond_m2: f64,
}

impl Model {
    /// Lays out `bodies`.
    pub fn new(bodies: &[Body], forces: Forces) -> Self {
        let count = bodies.len();
        let blocks = count.div_ceil(LANES);
        let mut floor2_m2 = vec![[f64::INFINITY; LANES]; blocks * count];
        let mut gm_lanes = vec![[0.0; LANES]; blocks];
        for (i, a) in bodies.iter().enumerate() {
            gm_lanes[i / LANES][i % LANES] = a.gm_m3_s2;
            for (j, b) in bodies.iter().enumerate() {
                let floor_m = closest_m(a, b);
                floor2_m2[i / LANES * count + j][i % LANES] = floor_m * floor_m;
            }
        }
        let figures: Vec<_> =
            if forces.figures { bodies.iter().enumerate().filter_map(figure).collect() } else { vec![] };
        let mut poles: Vec<_> = figures.iter().map(|f| bodies[f.body].pole.to_array()).collect();
        let mut tides = Vec::new();
        for (body, b) in bodies.iter().enumerate().filter(|_| forces.figures) {
            let Some(tide) = b.tide.filter(|t| t.k2 != 0.0 && t.radius_m > 0.0) else { continue };
            let pole = figures.iter().position(|f| f.body == body).unwrap_or(poles.len());
            if pole == poles.len() {
                poles.push(b.pole.to_array());
            }
            let r2 = tide.radius_m * tide.radius_m;
            tides.push(TideModel {
                body,
                pole,
                k2_m5: tide.k2 * r2 * r2 * tide.radius_m,
                lag_s: tide.lag_s,
                rotation_rad_s: b.rotation_rad_s,
                inside_m2: r2,
                // The bulge falls off with the fifth power of R/r: 1e-15 at 1000 R.
                beyond_m2: r2 * 1e6,
            });
        }
        let gm = bodies.iter().map(|b| b.gm_m3_s2).collect();
        Self {
            count,
            blocks,
            gm,
            gm_lanes,
            floor2_m2,
            figures,
            tides,
            post_newtonian: forces.post_newtonian,
            pace: PACE,
            poles,
        }
    }
}

/// Where the pull between two bodies stops growing. Outside both it is that of points. Nearer than the
/// larger radius it falls off linearly to zero, as inside a homogeneous ball: bodies that meet pass through
/// each other, and energy is still conserved. The other two terms keep it finite for bodies without a radius:
/// ten gravitational radii, where the post-Newtonian expansion ends, and a millimetre.
pub(super) fn closest_m(a: &Body, b: &Body) -> f64 {
    let relativistic_m = 10.0 * (a.gm_m3_s2 + b.gm_m3_s2) / (SPEED_OF_LIGHT_M_S * SPEED_OF_LIGHT_M_S);
    a.radius_m.max(b.radius_m).max(relativistic_m).max(CLOSEST_M)
}

fn figure((body, b): (usize, &Body)) -> Option<FigureModel> {
    let f = b.figure.filter(|f| f.radius_m > 0.0 && (f.j2 != 0.0 || f.c22 != 0.0))?;
    let r2 = f.radius_m * f.radius_m;
    Some(FigureModel {
        body,
        j2_m2: 1.5 * f.j2 * r2,
        c22_m2: 3.0 * f.c22 * r2,
        faces: f.faces,
        inside_m2: r2,
        precession_s: precession_s(b, f.j2, f.radius_m, f.faces),
    })
}

/// 3 J2 / (spin rate * C/(M R^2)), with the polar moment of inertia from the Darwin-Radau relation, which
/// gives the Earth's to 0.3 % from its J2 and spin (Murray & Dermott 1999, section 4.9). Zero, so a fixed
/// pole, for a synchronous body (whose pole is held in a Cassini state by forces not modelled here), one
/// that does not spin, and one that is not near hydrostatic equilibrium.
fn precession_s(body: &Body, j2: f64, radius_m: f64, faces: Option<usize>) -> f64 {
    let spin = body.rotation_rad_s;
    let fluid_love = 3.0 * j2 * body.gm_m3_s2 / (spin * spin * radius_m * radius_m * radius_m);
    if faces.is_some() || !(fluid_love > 0.0 && fluid_love <= 1.5) {
        return 0.0;
    }
    let moment = 2.0 / 3.0 * (1.0 - 0.4 * ((4.0 - fluid_love) / (1.0 + fluid_love)).sqrt());
    3.0 * j2 / (spin * moment)
}
