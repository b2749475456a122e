//! The mathematics of one Gauss-Radau step of order 15: nodes, the two bases of the polynomial, prediction.
//! Must never know what the force is.
//!
//! Everhart (1985), "An efficient integrator that uses Gauss-Radau spacings"; Rein & Spiegel (2015), "IAS15".
//! Within a step of length `T` the acceleration at time `h T`, `0 <= h <= 1`, is
//! `a0 + b0 h + b1 h^2 + ... + b6 h^7`, and also, through the nodes `H`,
//! `a0 + g0 h + g1 h (h - H1) + g2 h (h - H1) (h - H2) + ...`.

// Lanes run side by side through several arrays; indices say that best, and an iterator's closures are not
// always inlined into the wide path.
#![allow(clippy::needless_range_loop)]

use serde::{Deserialize, Serialize};

use super::lanes::{LANES, Lanes};

/// Coefficients of the polynomial beside `a0`.
pub(super) const ORDER: usize = 7;

/// The Gauss-Radau nodes: 0 and the zeros of `(P7 + P8)(2 h - 1) / h`, of Legendre polynomials.
pub(super) const H: [f64; ORDER + 1] = [
    0.0,
    0.056_262_560_536_922_15,
    0.180_240_691_736_892_36,
    0.352_624_717_113_169_6,
    0.547_153_626_330_555_4,
    0.734_210_177_215_410_5,
    0.885_320_946_839_095_8,
    0.977_520_613_561_287_5,
];

type Triangle = [[f64; ORDER]; ORDER];

/// `B_OF_G[j][k]`: how much of `b_k` is in `g_j`.
const B_OF_G: Triangle = triangle(false);
/// `G_OF_B[j][k]`: how much of `g_k` is in `b_j`.
const G_OF_B: Triangle = triangle(true);

/// Row by row: `N_j = N_(j-1) (h - H_j)` one way, `h N_k = N_(k+1) + H_(k+1) N_k` the other.
const fn triangle(inverse: bool) -> Triangle {
    let mut t = [[0.0; ORDER]; ORDER];
    t[0][0] = 1.0;
    let mut j = 1;
    while j < ORDER {
        let mut k = 0;
        while k <= j {
            let left = if k > 0 { t[j - 1][k - 1] } else { 0.0 };
            t[j][k] = if inverse { left + H[k + 1] * t[j - 1][k] } else { left - H[j] * t[j - 1][k] };
            k += 1;
        }
        j += 1;
    }
    t
}

/// `1 / (H_n - H_m)` for `m < n`.
const PER_GAP: [[f64; ORDER + 1]; ORDER + 1] = {
    let mut t = [[0.0; ORDER + 1]; ORDER + 1];
    let mut n = 1;
    while n <= ORDER {
        let mut m = 0;
        while m < n {
            t[n][m] = 1.0 / (H[n] - H[m]);
            m += 1;
        }
        n += 1;
    }
    t
};

/// Weights of the `b` in velocity (times `T`) and position (times `T^2`) at `h`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub h: f64,
    velocity: [f64; ORDER],
    position: [f64; ORDER],
}

impl Weights {
    #[inline(always)]
    pub const fn at(h: f64) -> Self {
        let (mut velocity, mut position) = ([0.0; ORDER], [0.0; ORDER]);
        let (mut power, mut k) = (h, 0);
        while k < ORDER {
            let n = k as f64;
            power *= h;
            velocity[k] = power / (n + 2.0);
            position[k] = power / ((n + 2.0) * (n + 3.0));
            k += 1;
        }
        Self { h, velocity, position }
    }
}

/// [`Weights`] at the nodes.
pub(super) const NODES: [Weights; ORDER + 1] = {
    let mut t = [Weights::at(0.0); ORDER + 1];
    let mut n = 1;
    while n <= ORDER {
        t[n] = Weights::at(H[n]);
        n += 1;
    }
    t
};

/// The end of the step.
pub(super) const END: Weights = Weights::at(1.0);

/// Velocity and acceleration polynomial of four components, over one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Arc4 {
    pub v: Lanes,
    pub a: Lanes,
    pub b: [Lanes; ORDER],
}

impl Arc4 {
    /// Displacement since the start of the step of `t_s` seconds.
    #[inline(always)]
    pub fn displacement(&self, w: &Weights, t_s: f64) -> Lanes {
        let s = w.h * t_s;
        let mut d = [0.0; LANES];
        for l in 0..LANES {
            let mut sum = 0.0;
            for k in (0..ORDER).rev() {
                sum += w.position[k] * self.b[k][l];
            }
            d[l] = s * (self.v[l] + t_s * (0.5 * w.h * self.a[l] + sum));
        }
        d
    }

    /// Change of velocity since the start of the step.
    #[inline(always)]
    pub fn velocity_change(&self, w: &Weights, t_s: f64) -> Lanes {
        let mut d = [0.0; LANES];
        for l in 0..LANES {
            let mut sum = 0.0;
            for k in (0..ORDER).rev() {
                sum += w.velocity[k] * self.b[k][l];
            }
            d[l] = t_s * (w.h * self.a[l] + sum);
        }
        d
    }
}

/// The `g` that belong to `b`.
#[inline(always)]
pub(super) fn g_of_b(b: &[Lanes; ORDER]) -> [Lanes; ORDER] {
    let mut g = [[0.0; LANES]; ORDER];
    for k in 0..ORDER {
        for j in k..ORDER {
            for l in 0..LANES {
                g[k][l] += G_OF_B[j][k] * b[j][l];
            }
        }
    }
    g
}

/// Takes in acceleration `a` found at node `N`, and gives back by how much the highest coefficient known
/// from the first `N` nodes changed.
#[inline(always)]
pub(super) fn correct<const N: usize>(arc: &mut Arc4, g: &mut [Lanes; ORDER], a: &Lanes) -> Lanes {
    let mut change = [0.0; LANES];
    for l in 0..LANES {
        let mut new = (a[l] - arc.a[l]) * PER_GAP[N][0];
        for m in 1..N {
            new = (new - g[m - 1][l]) * PER_GAP[N][m];
        }
        change[l] = new - g[N - 1][l];
        g[N - 1][l] = new;
        for k in 0..N {
            arc.b[k][l] += B_OF_G[N - 1][k] * change[l];
        }
    }
    change
}

/// What the polynomial `b` of a step becomes over the following step that is `q` times as long: the same
/// polynomial from its end on.
#[inline(always)]
pub(super) fn continued(b: &[Lanes; ORDER], q: f64) -> [Lanes; ORDER] {
    let mut e = [[0.0; LANES]; ORDER];
    let mut power = 1.0;
    for k in 0..ORDER {
        power *= q;
        for j in k..ORDER {
            for l in 0..LANES {
                e[k][l] += BINOMIAL[j][k] * b[j][l];
            }
        }
        for l in 0..LANES {
            e[k][l] *= power;
        }
    }
    e
}

/// `(j + 1)` over `(k + 1)`.
const BINOMIAL: Triangle = {
    let mut full = [[0.0; ORDER + 1]; ORDER + 1];
    let mut t = [[0.0; ORDER]; ORDER];
    let mut j = 0;
    while j <= ORDER {
        let mut k = 0;
        while k <= j {
            full[j][k] = if k == 0 || k == j { 1.0 } else { full[j - 1][k - 1] + full[j - 1][k] };
            if j > 0 && k > 0 {
                t[j - 1][k - 1] = full[j][k];
            }
            k += 1;
        }
        j += 1;
    }
    t
};

/// Mean over the step of a value known at all nodes.
#[inline(always)]
pub(super) fn mean(at_nodes: &[f64; ORDER + 1]) -> f64 {
    let (mut b, mut g) = ([0.0; ORDER], [0.0; ORDER]);
    let mut sum = at_nodes[0];
    for n in 1..=ORDER {
        let mut new = (at_nodes[n] - at_nodes[0]) * PER_GAP[n][0];
        for m in 1..n {
            new = (new - g[m - 1]) * PER_GAP[n][m];
        }
        g[n - 1] = new;
        for k in 0..n {
            b[k] += B_OF_G[n - 1][k] * new;
        }
    }
    for (k, b) in b.iter().enumerate() {
        sum += b / (k as f64 + 2.0);
    }
    sum
}
