//! The table of hot paths. Adding one is a row in [`TABLE`] and a function that prepares it.
//!
//! A prepared path must do the same sequence of calls every time the program runs: on one thread, from a fixed seed.
//! It must keep its result alive through [`black_box`], and must never read a clock or a file inside the closure.

use std::hint::black_box;
use std::io::Cursor;

use benches::contact_scene::{Scene, Stepper};
use benches::shipped_simulation;
use glam::DVec3;
use sim::bodies::{Ephemeris, solar_system};
use sim::command::{Command, ControlInput};
use sim::recording::{Header, Reader, Writer};
use sim::scenario::Forces;
use sim::space::{CELL_EDGE_M, Position};
use sim::systems::gravity::{Attractor, BLOCK, Block, Lanes, field};
use sim::{InputFrame, PlayerId, RollbackRing, SimTime, Simulation};

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
    HotPath { name: "tick/bench-1k", calls: 20, prepare: tick },
    HotPath { name: "digest/1k", calls: 20, prepare: digest },
    HotPath { name: "snapshot/save-1k", calls: 20, prepare: snapshot_save },
    HotPath { name: "snapshot/restore-1k", calls: 20, prepare: snapshot_restore },
    HotPath { name: "rollback/save-1k", calls: 20, prepare: rollback_save },
    HotPath { name: "rollback/restore-1k", calls: 20, prepare: rollback_restore },
    HotPath { name: "gravity/1k wide", calls: 20, prepare: || gravity(Lanes::Wide) },
    HotPath { name: "gravity/1k baseline", calls: 20, prepare: || gravity(Lanes::Baseline) },
    HotPath { name: "bodies/1-year", calls: 1, prepare: bodies_year },
    HotPath { name: "contact/1k cube", calls: 20, prepare: contact },
    HotPath { name: "recording/write-10s", calls: 2, prepare: recording_write },
    HotPath { name: "recording/read-10s", calls: 2, prepare: recording_read },
    HotPath { name: "command/decode", calls: 1_000, prepare: command_decode },
    HotPath { name: "space/plus", calls: 1_000, prepare: space_plus },
];

/// The row of that name.
pub fn find(name: &str) -> Option<&'static HotPath> {
    TABLE.iter().find(|path| path.name == name)
}

/// A thousand ships around the Earth, settled.
fn thousand_ships() -> Simulation {
    let mut simulation = shipped_simulation("bench-1k");
    for _ in 0..5 {
        simulation.step(&InputFrame::default());
    }
    simulation
}

fn tick() -> Prepared {
    let mut simulation = thousand_ships();
    let nothing = InputFrame::default();
    Box::new(move || {
        black_box(simulation.step(&nothing).digest.total);
    })
}

fn digest() -> Prepared {
    let simulation = thousand_ships();
    Box::new(move || {
        black_box(simulation.digest().total);
    })
}

fn snapshot_save() -> Prepared {
    let simulation = thousand_ships();
    let mut bytes = Vec::new();
    Box::new(move || simulation.snapshot_into(black_box(&mut bytes)))
}

fn snapshot_restore() -> Prepared {
    let mut simulation = thousand_ships();
    let bytes = simulation.snapshot();
    Box::new(move || simulation.load(black_box(&bytes)).expect("its own snapshot"))
}

fn rollback_save() -> Prepared {
    let simulation = thousand_ships();
    let mut ring = RollbackRing::new(4);
    Box::new(move || ring.save(black_box(&simulation)))
}

fn rollback_restore() -> Prepared {
    let mut simulation = thousand_ships();
    let mut ring = RollbackRing::new(4);
    ring.save(&simulation);
    let tick = simulation.tick();
    Box::new(move || assert!(ring.restore(black_box(&mut simulation), tick)))
}

/// A year of the Solar System, all forces.
fn bodies_year() -> Prepared {
    let bodies = solar_system(2_451_545.0).expect("J2000 is in the fixture");
    let all = Forces { post_newtonian: true, figures: true };
    let year = SimTime((365.25 * 86_400.0 * 360.0) as i64);
    Box::new(move || Ephemeris::new(&bodies, all, 90).advance_to(black_box(year), year))
}

/// Eleven bodies acting on 1,024 particles far from all of them.
fn gravity(lanes: Lanes) -> Prepared {
    let body = |i: u32| Attractor {
        position_m: DVec3::new(f64::from(i) * 1.5e11, f64::from(i % 3) * 1e11, 1e9),
        velocity_m_s: DVec3::ZERO,
        gm_m3_s2: if i == 0 { 1.327e20 } else { 3.9e14 * f64::from(i) },
        core_m2: 4e13,
        near_m2: 5e13,
    };
    let bodies: Vec<Attractor> = (0..11).map(body).collect();
    let mut blocks = vec![Block::default(); 1_024 / BLOCK];
    for (i, block) in blocks.iter_mut().enumerate() {
        for j in 0..BLOCK {
            (block.x[j], block.y[j], block.z[j]) = (4e11 + (i * BLOCK + j) as f64 * 1e7, 3e11, 1e10);
        }
    }
    Box::new(move || blocks.iter_mut().for_each(|block| field(lanes, black_box(&bodies), block)))
}

/// The scene of the contact benchmark, as dense and a tenth as many.
fn contact() -> Prepared {
    let mut world = Stepper::new(Scene::cube(1_000, 70.0, 10.0, DVec3::ZERO), 1.0 / 60.0);
    Box::new(move || {
        black_box(world.step());
    })
}

/// Ten seconds of four pilots whose sticks never rest, as a file in memory with one keyframe of 20 kB.
fn recording() -> Vec<u8> {
    let header = Header::new("hot path", "four pilots", "", 90, 1, 1);
    let mut writer = Writer::new(Vec::new(), header, &[7; 20_000]).expect("a sound header");
    for tick in 0..900_u64 {
        let mut frame = InputFrame::default();
        for player in 1..=4_u32 {
            let stick = ((tick * 37 + u64::from(player) * 1_000) % 20_000) as i16;
            let controls = ControlInput { main: 20_000, rotate: [stick, -stick, 0], ..ControlInput::default() };
            frame.push(PlayerId(player), &Command::Controls { ship: u64::from(player), controls });
        }
        writer.push(&frame, tick.wrapping_mul(0x9e37_79b9_7f4a_7c15)).expect("a sound frame");
    }
    writer.finish().expect("memory takes all bytes")
}

fn recording_write() -> Prepared {
    Box::new(|| {
        black_box(recording());
    })
}

fn recording_read() -> Prepared {
    let bytes = recording();
    Box::new(move || {
        let mut reader = Reader::open(Cursor::new(black_box(&bytes))).expect("a sound file");
        assert!(reader.check().expect("memory reads").is_complete());
    })
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
