//! Any text is a tuning file or refused by line; what is read becomes commands that a world takes, and a file again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sim::Scenario;
use sim::command::TUNING_VALUES_MAX;
use sim::input::COMMAND_BYTES_MAX;
use sim::tuning::{FILE_COMMANDS_MAX, commands, read, write};
use sim::{Command, PlayerId, Role, Simulation};

static WORLD: LazyLock<Scenario> =
    LazyLock::new(|| Scenario::parse("name = \"fuzz\"\n[[class]]\nname = \"own\"\n").expect("a sound scenario"));

fuzz_target!(|text: &str| {
    let values = match read(text, &WORLD) {
        Ok(values) => values,
        Err(problems) => {
            let lines = text.split('\n').count();
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|p| (1..=lines).contains(&p.line) && p.column >= 1 && !p.reason.is_empty()));
            return;
        }
    };
    let simulation = Simulation::new(&WORLD);
    let packed = commands(&values);
    assert!(packed.len() <= FILE_COMMANDS_MAX);
    for command in &packed {
        let Command::Tune { values } = command else { panic!("a file only tunes") };
        assert!(values.len() <= TUNING_VALUES_MAX && command.encode().len() <= COMMAND_BYTES_MAX);
        assert_eq!(simulation.check(PlayerId(1), Role::Operator, command), Ok(()));
    }
    assert_eq!(read(&write(&values), &WORLD), Ok(values));
});
