//! Gravity between all bodies: Newtonian, and the first post-Newtonian terms. Must never sum across lanes:
//! each lane is one body that adds up its pulls in the bodies' order, so that every width gives equal bits.

// Lanes run side by side through several arrays; indices say that best, and an iterator's closures are not
// always inlined into the wide path.
#![allow(clippy::needless_range_loop)]

use super::lanes::{LANES, Lanes, axes};
use super::model::{Model, SPEED_OF_LIGHT_M_S};

/// Newtonian accelerations in m/s^2 (`acc`) and potentials in m^2/s^2, positive (`pot`), at `pos` in m.
#[inline(always)]
pub(super) fn newton(model: &Model, pos: &[Lanes], acc: &mut [Lanes], pot: &mut [Lanes]) {
    let (blocks, count) = (model.blocks, model.count);
    let [px, py, pz] = axes(pos, blocks);
    let [sx, sy, sz] = flatten([px, py, pz], count);
    let (ax, rest) = acc.split_at_mut(blocks);
    let (ay, az) = rest.split_at_mut(blocks);
    for block in 0..blocks {
        let (xi, yi, zi) = (px[block], py[block], pz[block]);
        let floors = &model.floor2_m2[block * count..][..count];
        let (mut x, mut y, mut z, mut p) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for ((((floor, &gm), &xj), &yj), &zj) in floors.iter().zip(&model.gm).zip(sx).zip(sy).zip(sz) {
            for l in 0..LANES {
                let (dx, dy, dz) = (xj - xi[l], yj - yi[l], zj - zi[l]);
                let d2 = dx * dx + dy * dy + dz * dz;
                let r2 = if d2 < floor[l] { floor[l] } else { d2 };
                let pull = gm / (r2 * r2.sqrt());
                x[l] += pull * dx;
                y[l] += pull * dy;
                z[l] += pull * dz;
                p[l] += pull * d2;
            }
        }
        (ax[block], ay[block], az[block], pot[block]) = (x, y, z, p);
    }
}

/// For each body the sum of the sizes of the pulls on it, m/s^2 (`pull`), which does not vanish where pulls
/// cancel; and the square of the rate at which its fastest pair changes, 1/s^2 (`rate2`): how fast the two
/// would turn about each other, and how fast they move against their distance.
#[inline(always)]
pub(super) fn pace(model: &Model, [pos, vel]: [&[Lanes]; 2], pull: &mut [Lanes], rate2: &mut [Lanes]) {
    let (blocks, count) = (model.blocks, model.count);
    let ([px, py, pz], [ux, uy, uz]) = (axes(pos, blocks), axes(vel, blocks));
    let (sp, sv) = (flatten([px, py, pz], count), flatten([ux, uy, uz], count));
    for block in 0..blocks {
        let ((xi, yi, zi), (vxi, vyi, vzi)) = ((px[block], py[block], pz[block]), (ux[block], uy[block], uz[block]));
        let gmi = model.gm_lanes[block];
        let floors = &model.floor2_m2[block * count..][..count];
        let (mut sum, mut fastest) = ([0.0; LANES], [0.0; LANES]);
        for (j, floor) in floors.iter().enumerate() {
            let (gm, [xj, yj, zj]) = (model.gm[j], [sp[0][j], sp[1][j], sp[2][j]]);
            let [vxj, vyj, vzj] = [sv[0][j], sv[1][j], sv[2][j]];
            for l in 0..LANES {
                let (dx, dy, dz) = (xj - xi[l], yj - yi[l], zj - zi[l]);
                let (vx, vy, vz) = (vxj - vxi[l], vyj - vyi[l], vzj - vzi[l]);
                let d2 = dx * dx + dy * dy + dz * dz;
                let v2 = vx * vx + vy * vy + vz * vz;
                let r2 = if d2 < floor[l] { floor[l] } else { d2 };
                // Both are 0 for the body itself: it has no distance.
                let per_r2 = if d2 > 0.0 { 1.0 / r2 } else { 0.0 };
                let rate = ((gm + gmi[l]) / r2.sqrt() + v2) * per_r2;
                sum[l] += gm * per_r2;
                fastest[l] = if rate > fastest[l] { rate } else { fastest[l] };
            }
        }
        (pull[block], rate2[block]) = (sum, fastest);
    }
}

/// Adds the first post-Newtonian accelerations of all pairs, m/s^2: the Einstein-Infeld-Hoffmann equations
/// in harmonic coordinates with beta = gamma = 1, as in Moyer (2003), "Formulation for Observed and Computed
/// Values of Deep Space Network Data Types", equation 4-26, and in the development ephemerides. `newton` and
/// `pot` are the results of [`newton`] at `pos`.
#[inline(always)]
pub(super) fn post_newton(model: &Model, [pos, vel, newton]: [&[Lanes]; 3], pot: &[Lanes], acc: &mut [Lanes]) {
    let (blocks, count) = (model.blocks, model.count);
    let ([px, py, pz], [ux, uy, uz], [nx, ny, nz]) = (axes(pos, blocks), axes(vel, blocks), axes(newton, blocks));
    let (sp, sv, sa) = (flatten([px, py, pz], count), flatten([ux, uy, uz], count), flatten([nx, ny, nz], count));
    let pots = &pot.as_flattened()[..count];
    let (ax, rest) = acc.split_at_mut(blocks);
    let (ay, az) = rest.split_at_mut(blocks);
    let per_c2 = 1.0 / (SPEED_OF_LIGHT_M_S * SPEED_OF_LIGHT_M_S);
    for block in 0..blocks {
        let (xi, yi, zi) = (px[block], py[block], pz[block]);
        let (vxi, vyi, vzi) = (ux[block], uy[block], uz[block]);
        let poti = pot[block];
        let floors = &model.floor2_m2[block * count..][..count];
        let (mut x, mut y, mut z) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for j in 0..count {
            let (gm, potj, floor) = (model.gm[j], pots[j], floors[j]);
            let ([xj, yj, zj], [vxj, vyj, vzj], [axj, ayj, azj]) =
                ([sp[0][j], sp[1][j], sp[2][j]], [sv[0][j], sv[1][j], sv[2][j]], [sa[0][j], sa[1][j], sa[2][j]]);
            let vj2 = vxj * vxj + vyj * vyj + vzj * vzj;
            for l in 0..LANES {
                let (dx, dy, dz) = (xj - xi[l], yj - yi[l], zj - zi[l]);
                let d2 = dx * dx + dy * dy + dz * dz;
                let r2 = if d2 < floor[l] { floor[l] } else { d2 };
                // 0 for the body itself: it has no distance.
                let per_r = d2 / (r2 * r2.sqrt());
                let per_r2 = per_r * per_r;
                let pull = gm * per_r * per_r2;
                let (vx, vy, vz) = (vxi[l], vyi[l], vzi[l]);
                let vi2 = vx * vx + vy * vy + vz * vz;
                let vivj = vx * vxj + vy * vyj + vz * vzj;
                let toward = dx * vxj + dy * vyj + dz * vzj;
                let bracket = vi2 + 2.0 * vj2 - 4.0 * vivj - 4.0 * poti[l] - potj - 1.5 * (toward * toward * per_r2)
                    + 0.5 * (dx * axj + dy * ayj + dz * azj);
                let along = pull * bracket;
                let receding = pull * (3.0 * toward - 4.0 * (dx * vx + dy * vy + dz * vz));
                let dragged = 3.5 * (gm * per_r);
                x[l] += along * dx + receding * (vx - vxj) + dragged * axj;
                y[l] += along * dy + receding * (vy - vyj) + dragged * ayj;
                z[l] += along * dz + receding * (vz - vzj) + dragged * azj;
            }
        }
        for l in 0..LANES {
            ax[block][l] += per_c2 * x[l];
            ay[block][l] += per_c2 * y[l];
            az[block][l] += per_c2 * z[l];
        }
    }
}

#[inline(always)]
fn flatten([x, y, z]: [&[Lanes]; 3], count: usize) -> [&[f64]; 3] {
    [&x.as_flattened()[..count], &y.as_flattened()[..count], &z.as_flattened()[..count]]
}
