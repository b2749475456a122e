//! The table of hot paths. Adding one is a row in [`TABLE`] and a function that prepares it.
//!
//! A prepared path must do the same work on every call, on one thread, from a fixed seed, and must keep its result
//! alive through [`black_box`]. It must never read a clock or a file inside the returned closure.

use std::hint::black_box;

use glam::DVec3;
use sim::command::{Command, ControlInput};
use sim::space::{CELL_EDGE_M, Position};

/// A hot path, made ready outside the counted part.
pub type Prepared = Box<dyn FnMut()>;

/// One row.
pub struct HotPath {
    /// `system/work`, the key in baseline.json.
    pub name: &'static str,
    /// Counted calls. Enough that the count is well above the cost of the surrounding loop (10 instructions or so a
    /// call) and few enough that the path takes under some 10 s below valgrind, which runs about 50 times slower.
    pub calls: u32,
    /// Builds the scene and gives back the work to be counted.
    pub prepare: fn() -> Prepared,
}

/// Every path that is counted, in the order of the printed table.
pub const TABLE: &[HotPath] = &[
    HotPath { name: "command/decode", calls: 1_000, prepare: command_decode },
    HotPath { name: "space/plus", calls: 1_000, prepare: space_plus },
];

/// The row of that name.
pub fn find(name: &str) -> Option<&'static HotPath> {
    TABLE.iter().find(|path| path.name == name)
}

/// One `Controls` command, as each ship's pilot sends it.
fn command_decode() -> Prepared {
    let controls = ControlInput { main: 20_000, translate: [1, -2, 3], rotate: [0, -300, 12], assist: true };
    let bytes = Command::Controls { ship: 70_000, controls }.encode();
    Box::new(move || {
        black_box(Command::decode(black_box(&bytes)).is_ok());
    })
}

/// 1,000 positions moved by a tick's worth of orbital speed; one in a few thousand leaves its cell.
fn space_plus() -> Prepared {
    let step_m = DVec3::new(30_000.0, 17.3, -4.1) / 90.0;
    let start = |i: u32| Position::from_metres(DVec3::splat(f64::from(i) * CELL_EDGE_M / 1_000.0));
    let places: Vec<Position> = (0..1_000).map(start).collect();
    Box::new(move || {
        for place in &places {
            black_box(place.plus(step_m));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (i, path) in TABLE.iter().enumerate() {
            assert!(TABLE[..i].iter().all(|other| other.name != path.name), "{} stands twice", path.name);
            assert!(find(path.name).is_some());
        }
        assert!(find("no/such").is_none());
    }

    #[test]
    fn every_path_can_run_twice() {
        for path in TABLE {
            let mut work = (path.prepare)();
            work();
            work();
        }
    }
}
