//! What shapes do: the pull of flattened and triaxial bodies, of tidal bulges, and the slow turning of the
//! poles. Must never act on one body alone: each pull has its reaction, so momentum is kept.

// Lanes run side by side through several arrays; indices say that best, and an iterator's closures are not
// always inlined into the wide path.
#![allow(clippy::needless_range_loop)]

use super::lanes::{LANES, Lanes, add, axes, vector};
use super::model::{FigureModel, Model, TideModel};

/// Adds the accelerations by figures and tides to `acc`, m/s^2, and writes the rates of `poles` to
/// `pole_rates`, 1/s.
#[inline(always)]
pub(super) fn figures(
    model: &Model,
    [pos, vel]: [&[Lanes]; 2],
    poles: &[[f64; 3]],
    acc: &mut [Lanes],
    pole_rates: &mut [[f64; 3]],
) {
    let blocks = model.blocks;
    pole_rates.fill([0.0; 3]);
    for ((figure, &pole), rate) in model.figures.iter().zip(poles).zip(pole_rates) {
        let (react, torque) = match long_axis(model, figure, [pos, vel], pole) {
            Some(axis) => figure_pulls::<true>(model, figure, pos, [pole, axis, cross(pole, axis)], acc),
            None => figure_pulls::<false>(model, figure, pos, [pole, [0.0; 3], [0.0; 3]], acc),
        };
        add(acc, blocks, figure.body, -1.0, react);
        *rate = cross(scale(torque, figure.precession_s), pole);
    }
    for tide in &model.tides {
        let (i, pole) = (tide.body, poles[tide.pole]);
        let (here, moving) = (vector(pos, blocks, i), vector(vel, blocks, i));
        for j in (0..model.count).filter(|&j| j != i) {
            let d = sub(vector(pos, blocks, j), here);
            let d2 = dot(d, d);
            if !(d2 > tide.inside_m2 && d2 < tide.beyond_m2) {
                continue;
            }
            let pull = tide_pull(tide, d, d2, sub(vector(vel, blocks, j), moving), pole);
            // The bulge is raised by j in proportion to its mass, and pulls j.
            add(acc, blocks, j, model.gm[j], pull);
            add(acc, blocks, i, -model.gm[j] * (model.gm[j] / model.gm[i]), pull);
        }
    }
}

/// Adds the pull of one figure on all others to `acc`, and gives back its reaction and, per
/// `precession_s`, what turns its pole. `axes` are the pole, the long axis, and the one across both.
///
/// With `s`, `a` and `b` along these, the potential of degree two is
/// `-GM R^2 / r^5 * (-J2/2 (3 s^2 - r^2) + 3 C22 (a^2 - b^2))` (Montenbruck & Gill 2000, section 3.2); the
/// pull is its gradient. The pole follows the torque, averaged over a rotation: `L' = -d x F`, `L = C w p`.
#[inline(always)]
fn figure_pulls<const SECTORAL: bool>(
    model: &Model,
    figure: &FigureModel,
    pos: &[Lanes],
    [pole, axis, across]: [[f64; 3]; 3],
    acc: &mut [Lanes],
) -> ([f64; 3], [f64; 3]) {
    let blocks = model.blocks;
    let (here, gm) = (vector(pos, blocks, figure.body), model.gm[figure.body]);
    let [px, py, pz] = axes(pos, blocks);
    let (ax, rest) = acc.split_at_mut(blocks);
    let (ay, az) = rest.split_at_mut(blocks);
    // Summed lane by lane, and over the lanes in order at the end.
    let (mut react, mut torque) = ([[0.0; LANES]; 3], [[0.0; LANES]; 3]);
    for (block, gms) in model.gm_lanes.iter().enumerate() {
        for l in 0..LANES {
            let (dx, dy, dz) = (px[block][l] - here[0], py[block][l] - here[1], pz[block][l] - here[2]);
            let d2 = dx * dx + dy * dy + dz * dz;
            // The expansion does not hold inside; the body itself is there too.
            let outside = d2 > figure.inside_m2;
            let (r2, gmj) = (if outside { d2 } else { 1.0 }, if outside { gms[l] } else { 0.0 });
            let mine = if gmj > 0.0 { gm } else { 0.0 };
            let per_r2 = 1.0 / r2;
            let per_r5 = per_r2 * per_r2 * per_r2 * r2.sqrt();
            let s = pole[0] * dx + pole[1] * dy + pole[2] * dz;
            let zonal = -figure.j2_m2 * per_r5;
            let mut radial = zonal * (1.0 - 5.0 * (s * s * per_r2));
            let along_pole = zonal * (2.0 * s);
            let (mut x, mut y, mut z) = (along_pole * pole[0], along_pole * pole[1], along_pole * pole[2]);
            if SECTORAL {
                let a = axis[0] * dx + axis[1] * dy + axis[2] * dz;
                let b = across[0] * dx + across[1] * dy + across[2] * dz;
                let sectoral = figure.c22_m2 * per_r5;
                radial -= sectoral * (5.0 * ((a * a - b * b) * per_r2));
                let (along, aside) = (sectoral * (2.0 * a), sectoral * (2.0 * b));
                x += along * axis[0] - aside * across[0];
                y += along * axis[1] - aside * across[1];
                z += along * axis[2] - aside * across[2];
            }
            x += radial * dx;
            y += radial * dy;
            z += radial * dz;
            ax[block][l] += mine * x;
            ay[block][l] += mine * y;
            az[block][l] += mine * z;
            react[0][l] += gmj * x;
            react[1][l] += gmj * y;
            react[2][l] += gmj * z;
            let turn = gmj * (per_r5 * s);
            torque[0][l] += turn * dx;
            torque[1][l] += turn * dy;
            torque[2][l] += turn * dz;
        }
    }
    (across_lanes(&react), across_lanes(&torque))
}

#[inline(always)]
fn across_lanes(sums: &[Lanes; 3]) -> [f64; 3] {
    let sum = |v: &Lanes| (v[0] + v[1]) + (v[2] + v[3]);
    [sum(&sums[0]), sum(&sums[1]), sum(&sums[2])]
}

/// Unit vector of a synchronous body's long axis, across its pole. The body turns evenly while its orbit is
/// uneven, so the axis points at the empty focus of the orbit rather than at its primary, which is right to
/// first order in the eccentricity (Murray & Dermott 1999, section 2.6).
#[inline(always)]
fn long_axis(model: &Model, figure: &FigureModel, [pos, vel]: [&[Lanes]; 2], pole: [f64; 3]) -> Option<[f64; 3]> {
    let primary = figure.faces.filter(|&p| figure.c22_m2 != 0.0 && p < model.count && p != figure.body)?;
    let blocks = model.blocks;
    let here = vector(pos, blocks, figure.body);
    let mu = model.gm[primary] + model.gm[figure.body];
    // From the primary to the body.
    let r = sub(here, vector(pos, blocks, primary));
    let v = sub(vector(vel, blocks, figure.body), vector(vel, blocks, primary));
    let (r2, v2) = (dot(r, r), dot(v, v));
    let distance = r2.sqrt();
    // The empty focus lies at -2 a e from the primary, with e the eccentricity vector.
    let eccentricity = scale(sum(scale(r, v2 - mu / distance), v, -dot(r, v)), 1.0 / mu);
    let axis_m = 1.0 / (2.0 / distance - v2 / mu);
    let bound = axis_m > 0.0 && dot(eccentricity, eccentricity) < 0.25;
    let target = if bound { sum(r, eccentricity, 2.0 * axis_m) } else { r };
    let flat = sum(target, pole, -dot(target, pole));
    let size = dot(flat, flat).sqrt();
    // A body straight above the pole has no direction to face.
    (size > 1e-6 * distance).then(|| scale(flat, -1.0 / size))
}

/// Pull at `d` of the bulge that a body at `d`, moving at `v`, has raised, per GM of that body. The bulge
/// is where the body was `lag` ago as seen from the turning surface (Mignard 1979; Moon: Standish & Williams
/// 2012, "Orbital Ephemerides of the Sun, Moon, and Planets", section 8.3.3).
#[inline(always)]
fn tide_pull(tide: &TideModel, d: [f64; 3], d2: f64, v: [f64; 3], pole: [f64; 3]) -> [f64; 3] {
    let slip = sum(v, cross(pole, d), -tide.rotation_rad_s);
    let bulge = sum(d, slip, -tide.lag_s);
    let b2 = dot(bulge, bulge);
    if b2 <= tide.inside_m2 {
        return [0.0; 3];
    }
    let per_r2 = 1.0 / d2;
    let per_r5 = per_r2 * per_r2 * per_r2 * d2.sqrt();
    let height = tide.k2_m5 * per_r5 * b2.sqrt() / (b2 * b2 * b2);
    let along = dot(d, bulge);
    let radial = height * (1.5 * b2 - 7.5 * (along * along * per_r2));
    sum(scale(d, radial), bulge, height * (3.0 * along))
}

#[inline(always)]
fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[inline(always)]
fn sub(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a + k b`
#[inline(always)]
fn sum(a: [f64; 3], b: [f64; 3], k: f64) -> [f64; 3] {
    [a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2]]
}

#[inline(always)]
fn scale(a: [f64; 3], k: f64) -> [f64; 3] {
    [k * a[0], k * a[1], k * a[2]]
}

#[inline(always)]
fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
