//! Commands: what is allowed does what it says, what is not is refused by name and leaves the state alone.

use glam::DVec3;
use proptest::prelude::*;
use sim::command::{ControlInput, FieldPatch, Spawn};
use sim::component::Kind;
use sim::field::Value;
use sim::input::SentCommand;
use sim::{Command, Event, InputFrame, Membership, PlayerId, Refusal, Role, Simulation};
use sim_testkit::common::{
    LONE_EARTH, OPERATOR, all, command, fly, join, number, place, position, set, velocity, world,
};

/// Three scouts of players 1, 2 and 3, a kilometre apart, far from everything.
fn three_ships() -> Simulation {
    let mut simulation = world(
        "name = \"three\"\n[[fleet]]\nname = \"f\"\nclass = \"scout\"\ncount = 3\nspacing_m = 1000\nfirst_player = 1\n\
         position_m = [0, 0, 0]\nvelocity_m_s = [0, 0, 0]\n[[structure]]\nname = \"dock\"\nposition_m = [0, 5000, 0]\n\
         velocity_m_s = [0, 0, 0]\nradius_m = 50\nmass_kg = 1e8\n",
    );
    let mut frame = join();
    frame.membership.push(Membership::Join { player: PlayerId(2), role: Role::Pilot });
    frame.membership.push(Membership::Join { player: PlayerId(3), role: Role::Spectator });
    simulation.step(&frame);
    simulation
}

/// Steps with one command and gives the reason for its refusal, if any. Whatever is refused changes nothing but
/// the counters.
fn attempt(simulation: &mut Simulation, player: u32, command: &Command) -> Option<Refusal> {
    attempt_bytes(simulation, player, command.encode())
}

fn attempt_bytes(simulation: &mut Simulation, player: u32, bytes: Vec<u8>) -> Option<Refusal> {
    let mut untouched = simulation.clone();
    let frame = InputFrame { membership: vec![], commands: vec![SentCommand { player: PlayerId(player), bytes }] };
    let report = simulation.step(&frame);
    let reason = report.refused.first().map(|r| r.reason);
    if let Some(reason) = reason {
        untouched.step(&InputFrame::default());
        let difference = simulation.first_difference(&untouched).expect("the counter differs");
        assert_eq!((difference.component, difference.field.as_str()), ("Members", "refused"), "{difference:?}");
        assert_eq!(simulation.refused(reason), untouched.refused(reason) + 1);
    }
    reason
}

fn stick(main: i16) -> ControlInput {
    ControlInput { main, ..ControlInput::default() }
}

#[test]
fn each_refusal_has_its_reason() {
    let mut s = three_ships();
    let dock = all(&s, Kind::Structure)[0];
    let controls = |ship, main| Command::Controls { ship, controls: stick(main) };
    let patch = |component: &str, field: &str, value| Command::Patch {
        fields: vec![FieldPatch { entity: 1, component: component.into(), field: field.into(), value }],
    };
    let spawn = |kind, radius_m| {
        Command::Spawn(Spawn {
            kind,
            body: None,
            position_m: [0.0, 0.0, 9e3],
            velocity_m_s: [0.0; 3],
            class: 0,
            player: 0,
            radius_m,
            mass_kg: 1.0,
        })
    };
    let tune = |name: &str, value| Command::Tune { values: vec![("rules.friction".into(), 0.1), (name.into(), value)] };
    let cases: Vec<(u32, Command, Refusal)> = vec![
        (9, controls(1, 0), Refusal::NotAMember),
        (3, controls(3, 0), Refusal::NotAllowed),
        (2, Command::SetTimeFactor { quarters: 4 }, Refusal::NotAllowed),
        (2, controls(1, 5), Refusal::NotTheOwner),
        (2, controls(77, 5), Refusal::NoSuchEntity),
        (2, controls(dock, 5), Refusal::WrongKind),
        (1, controls(1, -1), Refusal::OutOfRange),
        (1, Command::Respawn { ship: 1 }, Refusal::NotDestroyed),
        (1, Command::SetTimeFactor { quarters: 400_001 }, Refusal::OutOfRange),
        (1, Command::Despawn { entity: 99 }, Refusal::NoSuchEntity),
        (1, spawn(Kind::Projectile, 1.0), Refusal::WrongKind),
        (1, spawn(Kind::Asteroid, f64::NAN), Refusal::NotFinite),
        (1, spawn(Kind::Asteroid, -1.0), Refusal::OutOfRange),
        (1, patch("Hull", "health_j", Value::F64(f64::NAN)), Refusal::NotFinite),
        (1, patch("Hull", "health_j", Value::F64(-1.0)), Refusal::OutOfRange),
        (1, patch("Hull", "health_j", Value::U64(1)), Refusal::NoSuchField),
        (1, patch("Hull", "colour", Value::F64(1.0)), Refusal::NoSuchField),
        (1, patch("Round", "mass_kg", Value::F64(1.0)), Refusal::NoSuchField),
        (1, patch("Identity", "id", Value::U64(5)), Refusal::NotAllowed),
        (1, patch("Berth", "class", Value::U32(1000)), Refusal::OutOfRange),
        (1, patch("Position", "offset", Value::Vec3(DVec3::splat(1e9))), Refusal::OutOfRange),
        (1, tune("class.scout.wings", 1.0), Refusal::NoSuchParameter),
        (1, tune("class.scout.hull_j", f64::INFINITY), Refusal::NotFinite),
        (1, tune("class.scout.hull_j", -1.0), Refusal::OutOfRange),
    ];
    for (player, command, reason) in cases {
        assert_eq!(attempt(&mut s, player, &command), Some(reason), "{command:?} by {player}");
    }
    assert_eq!(attempt_bytes(&mut s, 1, vec![200]), Some(Refusal::UnknownKind));
    assert_eq!(attempt_bytes(&mut s, 1, vec![]), Some(Refusal::Malformed));
    assert_eq!(attempt_bytes(&mut s, 1, vec![0; 2000]), Some(Refusal::TooLong));
}

#[test]
fn one_bad_field_among_ten_leaves_all_ten_alone() {
    let mut s = three_ships();
    let good = |i: u64| FieldPatch {
        entity: 1 + i % 3,
        component: "Velocity".into(),
        field: "proper_m_s".into(),
        value: Value::Vec3(DVec3::splat(i as f64)),
    };
    let mut fields: Vec<FieldPatch> = (0..10).map(good).collect();
    fields[9].field = "proper".into();
    assert_eq!(attempt(&mut s, 1, &Command::Patch { fields: fields.clone() }), Some(Refusal::NoSuchField));
    assert_eq!(velocity(&s, 1), DVec3::ZERO);
    fields[9].field = "proper_m_s".into();
    assert_eq!(attempt(&mut s, 1, &Command::Patch { fields }), None);
    assert_eq!(velocity(&s, 1), DVec3::splat(9.0), "the last one of three for this ship");
}

#[test]
fn a_gun_fires_and_reloads_and_momentum_stays() {
    let mut s = three_ships();
    assert_eq!(attempt(&mut s, 1, &Command::Fire { ship: 1 }), None);
    let rounds = all(&s, Kind::Projectile);
    assert_eq!(rounds.len(), 1);
    let mass = 12_000.0;
    let momentum = velocity(&s, rounds[0]) * 0.05 + velocity(&s, 1) * mass;
    assert!(momentum.length() < 1e-12 * 0.05 * 2000.0, "{momentum}");
    assert_eq!(attempt(&mut s, 1, &Command::Fire { ship: 1 }), Some(Refusal::NotReady));
    fly(&mut s, 9);
    assert_eq!(attempt(&mut s, 1, &Command::Fire { ship: 1 }), None);
    // A round lives five seconds.
    fly(&mut s, 90 * 5 + 10);
    assert!(all(&s, Kind::Projectile).is_empty(), "all rounds ended");
}

#[test]
fn a_round_never_tunnels_and_destroys_what_it_hits() {
    // 10 km/s is 111 m a tick; rocks of one metre radius stand at every possible place in the tick.
    for offset in 0..40 {
        let mut s = three_ships();
        command(&mut s, &[Command::Tune { values: vec![("class.scout.muzzle_m_s".into(), 1e4)] }]);
        let distance = 900.0 + 3.7 * f64::from(offset);
        let ship = place(&s, 3);
        let rock = Spawn {
            kind: Kind::Asteroid,
            body: None,
            position_m: (ship + DVec3::new(distance, 0.7, 0.0)).to_array(),
            velocity_m_s: [0.0; 3],
            class: 0,
            player: 0,
            radius_m: 1.0,
            mass_kg: 10_000.0,
        };
        let own = set(3, "Berth", "player", Value::U32(1));
        command(&mut s, &[Command::Spawn(rock), own]);
        let rock = all(&s, Kind::Asteroid)[0];
        command(&mut s, &[Command::Fire { ship: 3 }]);
        let mut events = Vec::new();
        for _ in 0..12 {
            events.extend(s.step(&InputFrame::default()).events);
        }
        let hit = events.iter().any(|e| matches!(e, Event::Impact { a, .. } if *a == rock));
        assert!(hit, "a round went through a rock {distance} m away: {events:?}");
        assert!(events.contains(&Event::Destroyed { entity: rock }), "2.5 MJ are more than it withstands");
        assert_eq!(s.kind(rock), None);
        assert!(all(&s, Kind::Projectile).is_empty());
    }
}

#[test]
fn a_destroyed_ship_is_a_wreck_until_it_respawns() {
    let mut s = three_ships();
    let berth = place(&s, 1);
    command(&mut s, &[set(1, "Hull", "health_j", Value::F64(0.0))]);
    assert_eq!(attempt(&mut s, 1, &Command::Controls { ship: 1, controls: stick(100) }), Some(Refusal::Destroyed));
    assert_eq!(attempt(&mut s, 1, &Command::Fire { ship: 1 }), Some(Refusal::Destroyed));
    command(&mut s, &[set(1, "Velocity", "proper_m_s", Value::Vec3(DVec3::X * 500.0))]);
    fly(&mut s, 90);
    command(&mut s, &[Command::Respawn { ship: 1 }]);
    assert_eq!(number(&s, 1, "Hull", "health_j"), 2e6);
    assert_eq!(velocity(&s, 1), DVec3::ZERO);
    assert_eq!(place(&s, 1), berth);
}

#[test]
fn time_factors_are_exact_and_stop_what_needs_short_ticks() {
    let mut s = three_ships();
    let start = s.time();
    for (quarters, ticks) in [(1, 40), (2, 900), (4, 90), (0, 100), (400_000, 3)] {
        let before = s.time();
        command(&mut s, &[Command::SetTimeFactor { quarters }]);
        fly(&mut s, ticks - 1);
        assert_eq!(s.time().0 - before.0, i64::from(quarters) * i64::from(ticks));
    }
    assert_eq!(s.time().0 - start.0, 40 + 1800 + 360 + 1_200_000);
    let full = Command::Controls { ship: 1, controls: stick(100) };
    assert_eq!(attempt(&mut s, 1, &full), Some(Refusal::TimeFactorTooHigh));
    assert_eq!(attempt(&mut s, 1, &Command::Fire { ship: 1 }), Some(Refusal::TimeFactorTooHigh));
    assert_eq!(attempt(&mut s, 1, &Command::Controls { ship: 1, controls: stick(0) }), None, "neutral is allowed");
    command(&mut s, &[Command::SetTimeFactor { quarters: 16 }]);
    assert_eq!(attempt(&mut s, 1, &full), None);
}

#[test]
fn whoever_leaves_lets_go_of_the_controls() {
    let mut s = three_ships();
    assert_eq!(attempt(&mut s, 2, &Command::Controls { ship: 2, controls: stick(30_000) }), None);
    s.step(&InputFrame { membership: vec![Membership::Leave { player: PlayerId(2) }], commands: vec![] });
    let speed = velocity(&s, 2);
    fly(&mut s, 10);
    assert_eq!(velocity(&s, 2), speed, "the engine is off");
    assert_eq!(attempt(&mut s, 2, &Command::Fire { ship: 2 }), Some(Refusal::NotAMember));
}

#[test]
fn a_spawned_thing_goes_with_its_body() {
    let text =
        format!("name = \"lone\"\n{}", LONE_EARTH.replace("velocity_km_s = [0, 0, 0]", "velocity_km_s = [30, 0, 0]"));
    let mut s = world(&text);
    let spawn = Spawn {
        kind: Kind::Structure,
        body: Some(0),
        position_m: [0.0, 1e7, 0.0],
        velocity_m_s: [0.0, 0.0, 5.0],
        class: 0,
        player: 0,
        radius_m: 10.0,
        mass_kg: 1e6,
    };
    command(&mut s, &[Command::Spawn(spawn)]);
    let id = all(&s, Kind::Structure)[0];
    let offset = position(&s, id).minus(s.bodies()[0].position);
    assert!((offset - DVec3::new(0.0, 1e7, 5.0 / 90.0)).length() < 1e-3, "{offset}");
}

/// Any command of any shape, most of them nonsense.
fn any_command() -> impl Strategy<Value = Command> {
    let id = prop_oneof![1u64..6, any::<u64>()];
    let float = prop_oneof![any::<f64>(), -1e3f64..1e3, Just(f64::NAN), Just(f64::MAX)];
    let value = prop_oneof![
        float.clone().prop_map(Value::F64),
        (float.clone(), float.clone(), float.clone()).prop_map(|(x, y, z)| Value::Vec3(DVec3::new(x, y, z))),
        any::<[i64; 3]>().prop_map(Value::Cell),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
    ];
    let fields = prop_oneof![
        Just(("Velocity", "proper_m_s")),
        Just(("Position", "cell")),
        Just(("Position", "offset")),
        Just(("Spin", "body_rad_s")),
        Just(("Tank", "fuel_kg")),
        Just(("Hull", "health_j")),
        Just(("Berth", "class")),
        Just(("Berth", "fleet")),
        Just(("Berth", "slot")),
        Just(("Weapon", "ready_tick")),
        Just(("Clock", "lag_s")),
        Just(("Assist", "reference_m_s")),
        Just(("Solid", "radius_m")),
        Just(("Solid", "mass_kg")),
        Just(("Round", "mass_kg")),
        Just(("Round", "expires_quarters")),
    ];
    let patch = (id.clone(), fields, value).prop_map(|(entity, (component, field), value)| FieldPatch {
        entity,
        component: component.into(),
        field: field.into(),
        value,
    });
    let kind = prop_oneof![Just(Kind::Ship), Just(Kind::Asteroid), Just(Kind::Structure)];
    let spawn = (kind, float.clone(), float.clone(), float.clone(), any::<[i8; 3]>());
    prop_oneof![
        (id.clone(), any::<[i16; 7]>(), any::<bool>()).prop_map(|(ship, a, assist)| Command::Controls {
            ship,
            controls: ControlInput { main: a[0], translate: [a[1], a[2], a[3]], rotate: [a[4], a[5], a[6]], assist },
        }),
        id.clone().prop_map(|ship| Command::Fire { ship }),
        id.clone().prop_map(|ship| Command::Respawn { ship }),
        any::<u32>().prop_map(|quarters| Command::SetTimeFactor { quarters: quarters % 400_100 }),
        spawn.prop_map(|(kind, radius_m, mass_kg, x, v)| Command::Spawn(Spawn {
            kind,
            body: None,
            position_m: [x, 0.0, 1e3],
            velocity_m_s: v.map(f64::from),
            class: 0,
            player: 1,
            radius_m,
            mass_kg,
        })),
        id.prop_map(|entity| Command::Despawn { entity }),
        prop::collection::vec(patch, 1..4).prop_map(|fields| Command::Patch { fields }),
        float.prop_map(|v| Command::Tune { values: vec![("class.scout.torque_n_m".into(), v)] }),
        (1u64..6, prop_oneof![Just(1 << 16), any::<u32>()], (0u32..4).prop_map(|quarter| quarter << 30))
            .prop_map(|(entity, amplitude, phase)| Command::Interfere { entity, amplitude, phase }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever an operator sends, the world goes on, stays sound, and can be saved and restored.
    #[test]
    fn no_command_breaks_the_world(commands in prop::collection::vec(any_command(), 1..12)) {
        let mut s = three_ships();
        for command in &commands {
            let mut frame = InputFrame::default();
            frame.push(OPERATOR, command);
            let told = s.check(OPERATOR, Role::Operator, command).err().map(|wrong| wrong[0].reason);
            let report = s.step(&frame);
            prop_assert_eq!(report.refused.first().map(|refused| refused.reason), told, "{:?}", command);
            s.step(&InputFrame::default());
        }
        fly(&mut s, 3);
        let restored = Simulation::restore(s.scenario(), &s.snapshot());
        prop_assert_eq!(restored.map(|r| r.digest()), Ok(s.digest()), "after {:?}", commands);
    }
}

#[test]
fn nobody_is_not_a_player() {
    let mut s = three_ships();
    command(&mut s, &[set(2, "Berth", "player", Value::U32(0))]);
    let join = Membership::Join { player: PlayerId(0), role: Role::Operator };
    s.step(&InputFrame { membership: vec![join], commands: vec![] });
    assert!(s.members().all(|(player, _)| player != PlayerId(0)));
    assert_eq!(attempt(&mut s, 0, &Command::Fire { ship: 2 }), Some(Refusal::NotAMember));
}

#[test]
fn a_ship_at_the_fastest_speed_there_is_can_still_be_saved() {
    let mut s = three_ships();
    command(&mut s, &[set(1, "Velocity", "proper_m_s", Value::Vec3(DVec3::Z * 1e30))]);
    assert_eq!(attempt(&mut s, 1, &Command::Fire { ship: 1 }), Some(Refusal::OutOfRange));
    fly(&mut s, 3);
    assert!(Simulation::restore(s.scenario(), &s.snapshot()).is_ok());
}
