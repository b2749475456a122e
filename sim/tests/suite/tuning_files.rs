//! Tuning files against a running world: all values of a file come into force in one tick, or none.

use sim::tuning::{commands, read, write};
use sim::{Command, InputFrame, Refusal, Role, Simulation};
use sim_testkit::common::{OPERATOR, fly, join, velocity, world};

/// A ship at full throttle, and more classes than one command has room for.
fn classes() -> Simulation {
    let own: String = (0..20).map(|i| format!("[[class]]\nname = \"own-class-number-{i}\"\n")).collect();
    let mut simulation = world(&format!(
        "name = \"tuned\"\n{own}[[fleet]]\nname = \"f\"\ncount = 1\nfirst_player = 1\nposition_m = [0, 0, 0]\n\
         velocity_m_s = [0, 0, 0]\ncontrols = {{ main = 1.0 }}\n"
    ));
    simulation.step(&join());
    simulation
}

fn enter(simulation: &mut Simulation, commands: &[Command]) -> Vec<Refusal> {
    let mut frame = InputFrame::default();
    commands.iter().for_each(|command| frame.push(OPERATOR, command));
    simulation.step(&frame).refused.iter().map(|refused| refused.reason).collect()
}

#[test]
fn the_present_tuning_is_a_file_that_reads_back() {
    let s = classes();
    let present = s.tuning();
    assert_eq!(present.len(), 22 * 17 + 3);
    reads_back(&s, &present);
}

/// Class by class, and the rules, as one file does not take it all.
fn reads_back(simulation: &Simulation, values: &[(String, f64)]) {
    for class in values.chunks(17) {
        assert_eq!(read(&write(class), simulation.scenario()), Ok(class.to_vec()));
    }
}

#[test]
fn many_commands_are_in_force_at_one_tick() {
    let mut s = classes();
    let mut untouched = s.clone();
    let changed: Vec<(String, f64)> = s
        .tuning()
        .into_iter()
        .map(|(path, value)| {
            let whole = path.ends_with("reload_ticks");
            (path, if whole { value + 1.0 } else { value * 0.5 })
        })
        .collect();
    reads_back(&s, &changed);
    let commands = commands(&changed);
    assert!(commands.len() > 10, "{} commands", commands.len());
    for command in &commands {
        assert_eq!(s.check(OPERATOR, Role::Operator, command), Ok(()));
    }
    let before = velocity(&s, 1).length();
    assert_eq!(enter(&mut s, &commands), []);
    untouched.step(&InputFrame::default());
    assert_eq!(s.tuning(), changed, "all of them at this tick");
    // Half the thrust on half the mass: from this tick on as before it, so the gain is compared with mass in mind.
    let gain = velocity(&s, 1).length() - before;
    let plain = velocity(&untouched, 1).length() - before;
    assert!((gain - plain).abs() > 1e-3, "motion changes in the same tick: {gain} and {plain}");
    let restored = Simulation::restore(s.scenario(), &s.snapshot()).expect("it was just written");
    assert_eq!((restored.digest(), restored.tuning()), (s.digest(), s.tuning()));
}

/// None of the commands that values of files became is refused, whatever is tuned before them and in whatever order they come.
#[test]
fn the_values_of_a_file_are_never_half_applied() {
    let (mut s, mut random) = (classes(), sim::random::RandomStream::new(5));
    for _ in 0..40 {
        let extreme = |(path, value): (String, f64), at_minimum: bool| {
            let limits = limits_of(&path);
            let _ = value;
            (path, if at_minimum { limits.0 } else { limits.1 })
        };
        let values: Vec<(String, f64)> =
            s.tuning().into_iter().map(|value| extreme(value, random.next_u64() % 2 == 0)).collect();
        // Each is at a limit, and none beyond.
        reads_back(&s, &values);
        let mut packed = commands(&values);
        let turn = random.next_u64() as usize % packed.len();
        packed.rotate_left(turn);
        assert_eq!(enter(&mut s, &packed), []);
        assert_eq!(s.tuning(), values);
        fly(&mut s, 2);
    }
    assert!(Simulation::restore(s.scenario(), &s.snapshot()).is_ok());
}

/// Lowest and highest value of the parameter at a path.
fn limits_of(path: &str) -> (f64, f64) {
    let name = path.rsplit('.').next().unwrap_or_default();
    let class = sim::scenario::ShipClass::PARAMETERS.iter().find(|p| p.name == name).map(|p| p.range);
    let rule = sim::scenario::Rules::PARAMETERS.iter().find(|p| p.name == name).map(|p| p.range);
    let range = class.or(rule).expect("a parameter");
    (range.min, range.max)
}

#[test]
fn a_bad_file_leaves_the_world_alone() {
    let mut s = classes();
    let before = s.tuning();
    assert!(read("[class.scout]\nhull_j = 5\nmain_thrust_n = -1\n", s.scenario()).is_err());
    // And where such values come by another way, the world refuses them whole.
    let values = vec![("class.scout.hull_j".to_owned(), 5.0), ("class.scout.main_thrust_n".to_owned(), -1.0)];
    let wrong = s.check(OPERATOR, Role::Operator, &Command::Tune { values: values.clone() });
    assert_eq!(wrong.map_err(|wrong| (wrong.len(), wrong[0].place)), Err((1, sim::Place::Item(1))));
    assert_eq!(enter(&mut s, &[Command::Tune { values }]), [Refusal::OutOfRange]);
    assert_eq!(s.tuning(), before);
}

/// A file that sets too much for one tick is refused by that, not cut.
#[test]
fn a_file_that_takes_more_than_one_tick_is_refused() {
    let name = |i: usize| format!("{i:a>64}");
    let own: String = (0..60).map(|i| format!("[[class]]\nname = \"{}\"\n", name(i))).collect();
    let s = world(&format!("name = \"many\"\n{own}"));
    let text: String = (0..60)
        .map(|i| {
            format!("[class.{}]\n", name(i))
                + &write(&s.tuning()).lines().skip(1).take(17).collect::<Vec<_>>().join("\n")
                + "\n"
        })
        .collect();
    let problems = read(&text, s.scenario()).expect_err("sixty classes with long names");
    assert!(problems.len() == 1 && problems[0].reason.contains("go into one tick"), "{problems:?}");
}
