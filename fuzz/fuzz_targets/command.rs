//! Any bytes are a command or refused; what decodes encodes to something that decodes to the same, and a world takes it or
//! refuses it for the reason that a check told before.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sim::{Command, InputFrame, Membership, PlayerId, Role, Scenario, Simulation};

const OPERATOR: PlayerId = PlayerId(1);

static WORLD: LazyLock<(Scenario, Vec<u8>)> = LazyLock::new(|| {
    let text = "name = \"fuzz\"\n[[fleet]]\nname = \"f\"\ncount = 3\nfirst_player = 1\nposition_m = [0, 0, 0]\n\
                velocity_m_s = [0, 0, 0]\n[[structure]]\nname = \"dock\"\nposition_m = [0, 5e3, 0]\n\
                velocity_m_s = [0, 0, 0]\nradius_m = 50\nmass_kg = 1e8\n";
    let scenario = Scenario::parse(text).expect("a sound scenario");
    let mut simulation = Simulation::new(&scenario);
    let join = Membership::Join { player: OPERATOR, role: Role::Operator };
    simulation.step(&InputFrame { membership: vec![join], commands: vec![] });
    (scenario, simulation.snapshot())
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(command) = Command::decode(bytes) else { return };
    // NaN is not equal to itself, so compare what travels.
    let encoded = command.encode();
    let again = Command::decode(&encoded).expect("what was encoded decodes");
    assert_eq!(again.encode(), encoded);

    let (scenario, snapshot) = &*WORLD;
    let mut simulation = Simulation::restore(scenario, snapshot).expect("intact");
    let told = simulation.check(OPERATOR, Role::Operator, &command).err().map(|wrong| wrong[0].reason);
    let mut frame = InputFrame::default();
    frame.push(OPERATOR, &command);
    let report = simulation.step(&frame);
    assert_eq!(report.refused.first().map(|refused| refused.reason), told);
    assert!(Simulation::restore(scenario, &simulation.snapshot()).is_ok());
});
