//! What a world holds besides its bodies, as plain data: ships, rocks, rounds, explosions and lines. Must never hold
//! anything of the GPU.

use glam::{DVec3, Quat, Vec3};
use sim::Position;

/// Which of the built-in models something is drawn as; in the order of [`crate::models::BUILT_IN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A small fast ship.
    Scout,
    /// A long ship with tanks.
    Freighter,
    /// A ferry with a docking port on its roof.
    Shuttle,
    /// A wheel around a hub.
    Station,
    /// A small craft without a crew.
    Probe,
}

/// Words that a class of that look has in its name.
const WORDS: [(Model, &[&str]); 5] = [
    (Model::Station, &["station", "harbour", "harbor", "depot", "base"]),
    (Model::Freighter, &["freight", "tanker", "cargo", "haul", "transport", "carrier"]),
    (Model::Shuttle, &["shuttle", "ferry", "tug", "lander", "crew"]),
    (Model::Probe, &["probe", "satellite", "drone", "relay"]),
    (Model::Scout, &["scout", "fighter", "patrol"]),
];

/// Radius from which on a ship of an unknown class is a large one, metres.
const LARGE_M: f64 = 12.0;
/// Radius up to which a ship of an unknown class has no crew, metres.
const TINY_M: f64 = 2.5;

impl Model {
    /// The model for a class of ships: by its name, else by its size.
    #[must_use]
    pub fn of_class(name: &str, radius_m: f64) -> Self {
        let name = name.to_lowercase();
        let named = WORDS.iter().find(|(_, words)| words.iter().any(|word| name.contains(word)));
        named.map_or_else(|| Self::of_size(radius_m), |(model, _)| *model)
    }

    fn of_size(radius_m: f64) -> Self {
        if radius_m >= LARGE_M {
            Self::Freighter
        } else if radius_m <= TINY_M {
            Self::Probe
        } else {
            Self::Scout
        }
    }
}

/// A ship or a station.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ship {
    /// What it looks like.
    pub model: Model,
    /// Its centre.
    pub position: Position,
    /// Turns its axes (x forward, y left, z up) into those of the ICRF.
    pub icrf_from_body: Quat,
    /// Farthest point of its hull from its centre, metres: the model is scaled to it.
    pub radius_m: f32,
    /// What its paint is multiplied by, linear sRGB; white leaves it as it is.
    pub tint: [f32; 3],
    /// Main engine, 0 to 1.
    pub throttle: f32,
    /// Push of the manoeuvring thrusters along its axes, -1 to 1.
    pub thrusters: Vec3,
    /// Share of the hull that is left; 0 is a wreck, charred and glowing.
    pub hull: f32,
}

/// A rock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asteroid {
    /// Its centre.
    pub position: Position,
    /// Turns its axes into those of the ICRF.
    pub icrf_from_body: Quat,
    /// Farthest point from its centre, metres.
    pub radius_m: f32,
    /// Chooses its shape and its colour.
    pub seed: u32,
}

/// A round in flight: a streak of light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Where it is.
    pub position: Position,
    /// From there to the other end of its streak, metres, ICRF axes.
    pub trail_m: Vec3,
}

/// An explosion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blast {
    /// Its centre.
    pub position: Position,
    /// Radius of what blew up, metres.
    pub radius_m: f32,
    /// Seconds since it began, 0 to [`BLAST_S`]; nothing is drawn beyond.
    pub age_s: f32,
    /// Chooses where its sparks fly.
    pub seed: u32,
}

/// How long an explosion is seen, seconds.
pub const BLAST_S: f32 = 4.0;

/// A line through some of [`Lines::points`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// How many of the points are its own.
    pub points: usize,
    /// Linear sRGB on the scale of a screen, where white is 1.
    pub colour: [f32; 3],
    /// Opacity at its first and at its last point, 0 to 1.
    pub opacity: [f32; 2],
    /// Width in pixels of the finished picture.
    pub width_px: f32,
}

/// Lines in space, of one width at any distance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    /// The points of all lines, one line after the other.
    pub points: Vec<Position>,
    /// The lines.
    pub runs: Vec<Run>,
}

impl Lines {
    /// Adds a line; one of less than two points is none.
    pub fn add(
        &mut self,
        points: impl IntoIterator<Item = Position>,
        colour: [f32; 3],
        opacity: [f32; 2],
        width_px: f32,
    ) {
        let before = self.points.len();
        self.points.extend(points);
        let points = self.points.len() - before;
        if points < 2 {
            self.points.truncate(before);
        } else {
            self.runs.push(Run { points, colour, opacity, width_px });
        }
    }

    /// Takes all lines away; their memory stays.
    pub fn clear(&mut self) {
        self.points.clear();
        self.runs.clear();
    }
}

/// All that a scene has besides its bodies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Things {
    /// Ships and stations.
    pub ships: Vec<Ship>,
    /// Rocks.
    pub asteroids: Vec<Asteroid>,
    /// Rounds in flight.
    pub rounds: Vec<Round>,
    /// Explosions.
    pub blasts: Vec<Blast>,
    /// Orbits and other lines.
    pub lines: Lines,
}

impl Things {
    /// Takes everything away; the memory stays.
    pub fn clear(&mut self) {
        self.ships.clear();
        self.asteroids.clear();
        self.rounds.clear();
        self.blasts.clear();
        self.lines.clear();
    }

    /// How many things there are, without lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ships.len() + self.asteroids.len() + self.rounds.len() + self.blasts.len()
    }

    /// Whether there are none, without lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Paints of players, linear sRGB; hues that stay apart for most of those who see colours differently (Okabe and Ito
/// 2008, "Color Universal Design").
const PAINTS: [[f32; 3]; 8] = [
    [0.90, 0.35, 0.0],
    [0.10, 0.46, 0.81],
    [0.0, 0.34, 0.17],
    [0.87, 0.77, 0.06],
    [0.0, 0.17, 0.45],
    [0.67, 0.11, 0.0],
    [0.60, 0.19, 0.39],
    [0.55, 0.55, 0.55],
];

/// What the paint of a player's ships is multiplied by; nobody's (0) is left as it is.
#[must_use]
pub fn tint(player: u32) -> [f32; 3] {
    match player.checked_sub(1) {
        None => [1.0; 3],
        // Not so strong that a hull becomes a signal lamp.
        Some(i) => PAINTS[i as usize % PAINTS.len()].map(|c| 0.35 + 0.65 * c),
    }
}

/// The part of a round's way in `seconds` that it makes against something that moves at `frame_m_s`, as its streak.
#[must_use]
pub fn trail_m(velocity_m_s: DVec3, frame_m_s: DVec3, seconds: f64) -> Vec3 {
    ((frame_m_s - velocity_m_s) * seconds).as_vec3()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_find_their_models() {
        let of = Model::of_class;
        assert_eq!(
            [of("scout", 5.0), of("Heavy Freighter", 5.0), of("ferry", 9.0)],
            [Model::Scout, Model::Freighter, Model::Shuttle]
        );
        assert_eq!([of("x", 1.0), of("x", 5.0), of("x", 20.0)], [Model::Probe, Model::Scout, Model::Freighter]);
    }

    #[test]
    fn a_line_of_one_point_is_none() {
        let mut lines = Lines::default();
        lines.add([Position::ORIGIN], [1.0; 3], [1.0; 2], 1.0);
        assert_eq!(lines, Lines::default());
        lines.add([Position::ORIGIN; 3], [1.0; 3], [1.0; 2], 1.0);
        assert_eq!((lines.points.len(), lines.runs[0].points), (3, 3));
    }
}
