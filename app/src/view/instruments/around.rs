//! Which body dominates at a place, and all gravity there. Must never know of ships.

use glam::DVec3;
use render::hud::format::Short;
use sim::Position;
use sim::frame_view::FrameView;
use sim::scenario::Body;

/// A body as instruments know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Massive {
    pub name: Short,
    pub gm_m3_s2: f64,
    pub radius_m: f64,
    pub pole: DVec3,
    /// GM to the power of 2/5: spheres of influence go by its ratio.
    reach: f64,
}

impl Massive {
    pub fn new(body: &Body) -> Self {
        Self {
            name: capitalised(&body.name),
            gm_m3_s2: body.gm_m3_s2,
            radius_m: body.radius_m,
            pole: body.pole,
            reach: body.gm_m3_s2.powf(0.4),
        }
    }

    /// What it pulls with at a distance, m/s^2; inside it, as a uniform ball.
    fn pull_m_s2(&self, distance_m: f64) -> f64 {
        let core_m = distance_m.max(self.radius_m);
        if core_m > 0.0 { self.gm_m3_s2 * distance_m / core_m.powi(3) } else { 0.0 }
    }
}

/// A body's name as people write it: scenarios may have it in lower case.
fn capitalised(name: &str) -> Short {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    Short::of(format_args!("{first}{}", letters.as_str()))
}

/// The body with the smallest sphere of influence that holds the place; of equal ones that which pulls hardest. The
/// heaviest body's has no end, so there always is one where there are bodies.
pub(super) fn dominating(bodies: &[Massive], frame: &FrameView, fraction: f64, place: Position) -> Option<usize> {
    let mut best: Option<(usize, f64, f64)> = None;
    for (at, body) in bodies.iter().enumerate() {
        let Some(centre) = frame.body(at, fraction) else { continue };
        let distance_m = place.minus(centre).length();
        let influence_m = influence_m(bodies, frame, at);
        if distance_m > influence_m {
            continue;
        }
        let pull = body.pull_m_s2(distance_m);
        if best.is_none_or(|(_, least, most)| influence_m < least || (influence_m == least && pull > most)) {
            best = Some((at, influence_m, pull));
        }
    }
    best.map(|(at, ..)| at)
}

/// Radius of a body's sphere of influence: the smallest of those beside each heavier body, distance times the ratio of
/// masses to the power of 2/5 (Laplace; Bate, Mueller and White 1971, "Fundamentals of Astrodynamics", section 7.4).
fn influence_m(bodies: &[Massive], frame: &FrameView, at: usize) -> f64 {
    let Some((body, centre)) = bodies.get(at).zip(frame.bodies_current.get(at)) else { return 0.0 };
    let heavier = bodies.iter().zip(&frame.bodies_current).filter(|(other, _)| other.gm_m3_s2 > body.gm_m3_s2);
    let beside = heavier.map(|(other, place)| place.minus(*centre).length() * body.reach / other.reach);
    beside.fold(f64::INFINITY, f64::min)
}

/// Acceleration by all bodies, m/s^2, ICRF axes.
pub(super) fn gravity(bodies: &[Massive], frame: &FrameView, fraction: f64, place: Position) -> DVec3 {
    let places = (0..bodies.len()).filter_map(|at| frame.body(at, fraction));
    let pulls = bodies.iter().zip(places).map(|(body, centre)| {
        let to = centre.minus(place);
        to.normalize_or_zero() * body.pull_m_s2(to.length())
    });
    pulls.sum()
}
