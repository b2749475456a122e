//! Any bytes are a snapshot or refused, and what is taken can go on. The checksum is made to fit, so that the
//! fuzzer gets past it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sim::{Command, InputFrame, Membership, PlayerId, Role, Scenario, Simulation};

static WORLD: LazyLock<(Scenario, [Vec<u8>; 2])> = LazyLock::new(|| {
    let text = "name = \"fuzz\"\n[[body]]\nname = \"b\"\ngm_km3_s2 = 4e5\nradius_km = 6000\nposition_km = [0, 0, 0]\n\
                velocity_km_s = [0, 0, 0]\n[[fleet]]\nname = \"f\"\ncount = 3\naround = \"b\"\n\
                orbit = { altitude_km = 300 }\n";
    let scenario = Scenario::parse(text).expect("a sound scenario");
    let mut simulation = Simulation::new(&scenario);
    let plain = simulation.snapshot();
    let player = PlayerId(1);
    let mut frame =
        InputFrame { membership: vec![Membership::Join { player, role: Role::Operator }], commands: vec![] };
    for entity in 1..=3 {
        frame.push(player, &Command::Interfere { entity, amplitude: 70_000, phase: 1 << 29 });
    }
    simulation.step(&frame);
    (scenario, [plain, simulation.snapshot()])
});

// The input is a list of changes to an intact snapshot: two bytes of place, one of value. Bytes that are left over choose
// the snapshot with waves.
fuzz_target!(|changes: &[u8]| {
    let (scenario, intact) = &*WORLD;
    let mut bytes = intact[usize::from(changes.len() % 3 != 0)].clone();
    let body = bytes.len() - 8;
    for change in changes.chunks_exact(3) {
        bytes[usize::from(u16::from_le_bytes([change[0], change[1]])) % body] = change[2];
    }
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    if let Ok(mut simulation) = Simulation::restore(scenario, &bytes) {
        // A command that is refused, so that the counters move too.
        let mut frame = InputFrame::default();
        frame.push(PlayerId(1), &Command::Fire { ship: 1 });
        simulation.step(&frame);
        simulation.step(&frame);
    }
});
