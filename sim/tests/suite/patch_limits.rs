//! What operators may not set: every field of every component at and beyond its limits, unlisted components, kinds, classes
//! and bodies. Refused whole, with the digest that a tick without the command would have had but for the counter, and told
//! beforehand by the check that callers ask.

use std::collections::BTreeSet;

use glam::{DQuat, DVec3};
use proptest::prelude::*;
use sim::command::{FieldPatch, Spawn};
use sim::component::{COMPONENTS, Kind};
use sim::field::{Value, ValueKind};
use sim::schema;
use sim::{Command, InputFrame, Objection, Place, PlayerId, Refusal, Role, Simulation};
use sim_testkit::common::{OPERATOR, all, command, fly, join, world};

/// A scout, a rock, a dock and a round in flight.
fn one_of_each() -> Simulation {
    let mut simulation = world(
        "name = \"each\"\n[[fleet]]\nname = \"f\"\ncount = 1\nfirst_player = 1\nposition_m = [0, 0, 0]\n\
         velocity_m_s = [0, 0, 0]\n[[asteroid_field]]\nname = \"rocks\"\ncount = 1\nposition_m = [0, 1e6, 0]\n\
         velocity_m_s = [0, 0, 0]\nextent_m = 1\nradius_m = [1, 2]\n[[structure]]\nname = \"dock\"\n\
         position_m = [0, 5000, 0]\nvelocity_m_s = [0, 0, 0]\nradius_m = 50\nmass_kg = 1e8\n",
    );
    simulation.step(&join());
    command(&mut simulation, &[Command::Fire { ship: 1 }]);
    simulation
}

/// Steps once with the command, and asks before what becomes of it: the check and the step must agree, and what is
/// refused must leave the world as a tick without it would.
fn attempt(simulation: &mut Simulation, command: &Command) -> Result<(), Vec<Objection>> {
    let told = simulation.check(OPERATOR, Role::Operator, command);
    let mut untouched = simulation.clone();
    let mut frame = InputFrame::default();
    frame.push(OPERATOR, command);
    let report = simulation.step(&frame);
    let reason = report.refused.first().map(|refused| refused.reason);
    assert_eq!(told.as_ref().err().map(|wrong| wrong[0].reason), reason, "{command:?}: {told:?}");
    if reason.is_some() {
        untouched.step(&InputFrame::default());
        let difference = simulation.first_difference(&untouched).expect("the counter differs");
        assert_eq!((difference.component, difference.field.as_str()), ("Members", "refused"), "{difference:?}");
        assert_eq!(simulation.entity_count(), untouched.entity_count());
    }
    told
}

fn field(entity: u64, component: &str, field: &str, value: Value) -> FieldPatch {
    FieldPatch { entity, component: component.into(), field: field.into(), value }
}

fn patch(fields: &[FieldPatch]) -> Command {
    Command::Patch { fields: fields.to_vec() }
}

/// Numbers that no field takes, for a field of this type.
fn no_numbers(kind: ValueKind) -> Vec<Value> {
    let floats = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -2.2e-308];
    let beyond = [f64::MAX, f64::MIN];
    let vectors = |v: f64| [DVec3::new(v, 0.0, 0.0), DVec3::new(0.0, v, 0.0), DVec3::new(0.0, 0.0, v)].map(Value::Vec3);
    let quaternions =
        |v: f64| [DQuat::from_xyzw(v, 0.0, 0.0, 1.0), DQuat::from_xyzw(0.0, 0.0, 0.0, v)].map(Value::Quat);
    let all = floats.iter().chain(&beyond).copied();
    match kind {
        ValueKind::F64 => all.map(Value::F64).collect(),
        ValueKind::Vec3 => all.flat_map(vectors).collect(),
        ValueKind::Quat => all.flat_map(quaternions).collect(),
        _ => Vec::new(),
    }
}

/// The last value that a field takes on each side, and the first that it does not.
fn edges() -> Vec<(&'static str, &'static str, Vec<Value>, Vec<Value>)> {
    let next = |v: f64| f64::from_bits(v.to_bits() + 1);
    let before = |v: f64| f64::from_bits(v.to_bits() - 1);
    let x = |v: f64| Value::Vec3(DVec3::X * v);
    let range = |min: f64, max: f64| {
        (vec![Value::F64(min), Value::F64(max)], vec![Value::F64(before(min)), Value::F64(next(max))])
    };
    let vector = |most: f64| (vec![x(most), x(-most)], vec![x(next(most)), x(-next(most))]);
    let from_zero = |max: f64| (vec![Value::F64(max)], vec![Value::F64(next(max)), Value::F64(-0.0), Value::F64(-1.0)]);
    let sign = |v: f64| (vec![Value::F64(v), Value::F64(-v)], vec![Value::F64(next(v)), Value::F64(-next(v))]);
    let deflections = [i16::MIN, -1, 0, i16::MAX].map(|v| Value::I16x3([v; 3])).to_vec();
    let turned = |v: f64| Value::Quat(DQuat::from_xyzw(0.0, 0.0, 0.0, v));
    let cells = [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX, 0].map(|v| Value::Cell([v; 3])).to_vec();
    let ids = |max: u64| [0, 1, max - 1, max].map(Value::U64).to_vec();
    let numbers = [0, 1, u32::MAX - 1, u32::MAX].map(Value::U32).to_vec();
    let times = [i64::MAX, i64::MAX - 1].map(Value::I64).to_vec();
    let with = |name, field, (good, bad): (Vec<Value>, Vec<Value>)| (name, field, good, bad);
    vec![
        with("Position", "cell", (cells, vec![])),
        with("Position", "offset", vector(524_288.0)),
        with("Velocity", "proper_m_s", vector(1e30)),
        with(
            "Attitude",
            "icrf_from_body",
            (vec![turned(1.0), turned(-1.0)], vec![turned(0.0), turned(1.1), turned(0.999)]),
        ),
        with("Spin", "body_rad_s", vector(1e9)),
        with(
            "Controls",
            "main",
            ([0, 1, 32_766, 32_767].map(Value::I16).to_vec(), [-1, i16::MIN].map(Value::I16).to_vec()),
        ),
        with("Controls", "translate", (deflections.clone(), vec![])),
        with("Controls", "rotate", (deflections, vec![])),
        with(
            "Controls",
            "assist",
            ([0, 1].map(Value::I16).to_vec(), [-1, 2, i16::MAX, i16::MIN].map(Value::I16).to_vec()),
        ),
        with("Assist", "reference_m_s", vector(2e30)),
        with("Tank", "fuel_kg", from_zero(1e15)),
        with("Clock", "lag_s", sign(1e30)),
        with("Hull", "health_j", from_zero(1e60)),
        with("Weapon", "ready_tick", (ids(u64::MAX), vec![])),
        with("Berth", "player", (numbers.clone(), vec![])),
        with("Berth", "class", ([0, 1].map(Value::U32).to_vec(), [2, 3, u32::MAX].map(Value::U32).to_vec())),
        with("Berth", "fleet", (numbers.clone(), vec![])),
        with("Berth", "slot", (numbers, vec![])),
        with("Solid", "radius_m", range(1e-3, 1e6)),
        with("Solid", "mass_kg", range(1e-6, 1e30)),
        with("Round", "shooter", (ids(u64::MAX), vec![])),
        with("Round", "expires_quarters", (times, vec![])),
        with("Round", "mass_kg", range(1e-9, 1e30)),
    ]
}

#[test]
fn every_field_holds_to_its_limits() {
    let start = one_of_each();
    let mut seen = BTreeSet::new();
    for (component, name, good, bad) in edges() {
        seen.insert((component, name));
        let schema = schema::components().into_iter().find(|c| c.name == component).expect("it is a component");
        let kind = schema.fields.iter().find(|f| f.name == name).expect("it is a field").kind;
        for holder in schema.kinds {
            let id = all(&start, holder)[0];
            for value in &good {
                let mut s = start.clone();
                assert_eq!(
                    attempt(&mut s, &patch(&[field(id, component, name, *value)])),
                    Ok(()),
                    "{component}.{name}"
                );
                fly(&mut s, 2);
                let restored = Simulation::restore(s.scenario(), &s.snapshot());
                assert_eq!(
                    restored.map(|r| r.digest()),
                    Ok(s.digest()),
                    "{component}.{name} at {value} makes the world ill"
                );
            }
            for value in bad.iter().copied().chain(no_numbers(kind)) {
                let mut s = start.clone();
                let wrong =
                    attempt(&mut s, &patch(&[field(id, component, name, value)])).expect_err("beyond its limit");
                let finite = value.is_finite();
                let reason = if finite { Refusal::OutOfRange } else { Refusal::NotFinite };
                assert_eq!(wrong, [Objection { reason, place: Place::Item(0) }], "{component}.{name} = {value}");
            }
            // A value of any other type.
            let other = if kind == ValueKind::U64 { Value::I64(1) } else { Value::U64(1) };
            let wrong = attempt(&mut start.clone(), &patch(&[field(id, component, name, other)]));
            assert_eq!(wrong.expect_err("of another type")[0].reason, Refusal::NoSuchField);
        }
    }
    let patchable = schema::components().into_iter().filter(|c| c.patchable);
    let all: BTreeSet<_> = patchable.flat_map(|c| c.fields.into_iter().map(move |f| (c.name, f.name))).collect();
    assert_eq!(seen, all, "every field that may be patched has its limits here");
}

#[test]
fn the_table_says_what_an_entity_is_made_of() {
    let s = one_of_each();
    let table = schema::components();
    assert!(table.iter().map(|c| c.name).eq(COMPONENTS.into_iter().chain([schema::WAVE])));
    assert!(table.iter().flat_map(|c| &c.fields).all(|f| !f.unit.is_empty()));
    assert!(table.iter().filter(|c| !c.patchable).map(|c| c.name).eq(["Identity", "Wave"]));
    for id in s.entity_ids() {
        let entity = s.inspect(id).expect("it is there");
        let of_kind = table.iter().filter(|c| c.kinds.contains(&entity.kind));
        let told: BTreeSet<_> =
            of_kind.map(|c| (c.name, c.fields.iter().map(|f| (f.name, f.kind as u8)).collect::<Vec<_>>())).collect();
        let fields =
            |c: &sim::ComponentState| c.fields.iter().map(|(name, value)| (*name, value.kind() as u8)).collect();
        let found: BTreeSet<_> = entity.components.iter().map(|c| (c.name, fields(c))).collect();
        assert_eq!(told, found);
    }
}

#[test]
fn every_bad_field_is_told_and_none_is_applied() {
    let mut s = one_of_each();
    let good = |i: usize| field(1, "Velocity", "proper_m_s", Value::Vec3(DVec3::splat(i as f64)));
    for bad in 0..10 {
        let mut fields: Vec<FieldPatch> = (0..10).map(good).collect();
        fields[bad] = field(1, "Tank", "fuel_kg", Value::F64(-1.0));
        let wrong = attempt(&mut s, &patch(&fields)).expect_err("one is bad");
        assert_eq!(wrong, [Objection { reason: Refusal::OutOfRange, place: Place::Item(bad) }]);
        fields[9 - bad] = field(77, "Tank", "fuel_kg", Value::F64(1.0));
        fields[bad] = field(1, "Engine", "fuel_kg", Value::F64(1.0));
        let wrong = attempt(&mut s, &patch(&fields)).expect_err("two are bad");
        let mut expected = [(bad, Refusal::NoSuchField), (9 - bad, Refusal::NoSuchEntity)];
        expected.sort_by_key(|(at, _)| *at);
        let expected = expected.map(|(at, reason)| Objection { reason, place: Place::Item(at) });
        assert_eq!(wrong, expected);
    }
    let too_many = vec![good(1); 33];
    assert_eq!(attempt(&mut s, &patch(&too_many)).expect_err("33 fields")[0].reason, Refusal::TooLong);
    // Short names make room for more fields than there may be.
    let short = vec![field(1, "Tank", "fuel_kg", Value::F64(1.0)); 33];
    assert_eq!(attempt(&mut s, &patch(&short)).expect_err("33 fields")[0].reason, Refusal::Full);
}

#[test]
fn what_is_not_listed_is_never_made() {
    let mut s = one_of_each();
    let (rock, round) = (all(&s, Kind::Asteroid)[0], all(&s, Kind::Projectile)[0]);
    let cases = [
        (field(1, "Engine", "thrust_n", Value::F64(1.0)), Refusal::NoSuchField),
        (field(1, "", "", Value::U64(1)), Refusal::NoSuchField),
        (field(1, "velocity", "proper_m_s", Value::Vec3(DVec3::X)), Refusal::NoSuchField),
        (field(1, "Wave", "amplitude", Value::F64(1.0)), Refusal::NoSuchField),
        (field(1, "Identity", "id", Value::U64(2)), Refusal::NotAllowed),
        (field(rock, "Tank", "fuel_kg", Value::F64(1.0)), Refusal::NoSuchField),
        (field(rock, "Hull", "health_j", Value::F64(0.0)), Refusal::OutOfRange),
        (field(round, "Hull", "health_j", Value::F64(1.0)), Refusal::NoSuchField),
        (field(round, "Attitude", "icrf_from_body", Value::Quat(DQuat::IDENTITY)), Refusal::NoSuchField),
        (field(u64::MAX, "Hull", "health_j", Value::F64(1.0)), Refusal::NoSuchEntity),
    ];
    for (bad, reason) in cases {
        let wrong = attempt(&mut s, &patch(std::slice::from_ref(&bad))).expect_err("it is not listed");
        assert_eq!(wrong, [Objection { reason, place: Place::Item(0) }], "{bad:?}");
    }
    // A kind that there is not: the fifth, and the last that a byte can name.
    for kind in [4u8, 127] {
        let mut bytes = Command::Spawn(good_spawn(Kind::Ship)).encode();
        bytes[1] = kind;
        assert_eq!(Command::decode(&bytes), Err(Refusal::Malformed));
        let before = (s.entity_count(), s.refused(Refusal::Malformed));
        let sent = sim::input::SentCommand { player: OPERATOR, bytes };
        s.step(&InputFrame { membership: vec![], commands: vec![sent] });
        assert_eq!((s.entity_count(), s.refused(Refusal::Malformed)), (before.0, before.1 + 1));
    }
}

fn good_spawn(kind: Kind) -> Spawn {
    Spawn {
        kind,
        body: None,
        position_m: [0.0, 0.0, 9e5],
        velocity_m_s: [0.0; 3],
        class: 1,
        player: 0,
        radius_m: 1.0,
        mass_kg: 1.0,
    }
}

#[test]
fn a_spawn_beyond_its_limits_is_refused_by_argument() {
    let mut s = one_of_each();
    let ship = || good_spawn(Kind::Ship);
    let rock = || good_spawn(Kind::Asteroid);
    let mut cases: Vec<(Spawn, Refusal, &str)> = vec![
        (Spawn { class: 2, ..ship() }, Refusal::OutOfRange, "class"),
        (Spawn { class: u32::MAX, ..ship() }, Refusal::OutOfRange, "class"),
        (Spawn { body: Some(0), ..ship() }, Refusal::OutOfRange, "body"),
        (Spawn { body: Some(u16::MAX), ..rock() }, Refusal::OutOfRange, "body"),
        (good_spawn(Kind::Projectile), Refusal::WrongKind, "kind"),
        (Spawn { radius_m: 0.0, ..rock() }, Refusal::OutOfRange, "radius_m"),
        (Spawn { radius_m: 1e6 + 1.0, ..rock() }, Refusal::OutOfRange, "radius_m"),
        (Spawn { mass_kg: -1.0, ..rock() }, Refusal::OutOfRange, "mass_kg"),
        (Spawn { mass_kg: 1.1e24, ..good_spawn(Kind::Structure) }, Refusal::OutOfRange, "mass_kg"),
        (Spawn { position_m: [2e22, 0.0, 0.0], ..ship() }, Refusal::OutOfRange, "position_m"),
        (Spawn { velocity_m_s: [0.0, -2e15, 0.0], ..ship() }, Refusal::OutOfRange, "velocity_m_s"),
        (Spawn { position_m: [f64::MAX; 3], ..ship() }, Refusal::OutOfRange, "position_m"),
    ];
    for (v, reason) in
        [(f64::NAN, Refusal::NotFinite), (f64::NEG_INFINITY, Refusal::NotFinite), (5e-324, Refusal::OutOfRange)]
    {
        cases.push((Spawn { position_m: [0.0, v, 0.0], ..ship() }, reason, "position_m"));
        cases.push((Spawn { velocity_m_s: [0.0, 0.0, v], ..ship() }, reason, "velocity_m_s"));
        cases.push((Spawn { radius_m: v, ..ship() }, reason, "radius_m"));
        cases.push((Spawn { mass_kg: v, ..ship() }, reason, "mass_kg"));
    }
    for (spawn, reason, argument) in cases {
        let wrong = attempt(&mut s, &Command::Spawn(spawn.clone())).expect_err("beyond its limits");
        assert_eq!(wrong, [Objection { reason, place: Place::Argument(argument) }], "{spawn:?}");
    }
    for kind in [Kind::Ship, Kind::Asteroid, Kind::Structure] {
        let count = s.entity_count();
        assert_eq!(attempt(&mut s, &Command::Spawn(good_spawn(kind))), Ok(()));
        assert_eq!(s.entity_count(), count + 1);
    }
}

#[test]
fn a_check_goes_by_role_and_length() {
    let s = one_of_each();
    let reason = |player, role, command: &Command| s.check(player, role, command).map_err(|wrong| wrong[0].reason);
    let despawn = Command::Despawn { entity: 1 };
    assert_eq!(reason(OPERATOR, Role::Operator, &despawn), Ok(()));
    assert_eq!(reason(OPERATOR, Role::Pilot, &despawn), Err(Refusal::NotAllowed));
    assert_eq!(reason(OPERATOR, Role::Spectator, &Command::Fire { ship: 1 }), Err(Refusal::NotAllowed));
    assert_eq!(reason(PlayerId(2), Role::Pilot, &Command::Fire { ship: 1 }), Err(Refusal::NotTheOwner));
    assert_eq!(reason(OPERATOR, Role::Pilot, &Command::Fire { ship: 1 }), Err(Refusal::NotReady));
    let long = patch(&[field(1, &"x".repeat(1024), "y", Value::U64(1))]);
    assert_eq!(reason(OPERATOR, Role::Operator, &long), Err(Refusal::TooLong));
    assert_eq!(
        reason(OPERATOR, Role::Operator, &Command::SetTimeFactor { quarters: 400_001 }),
        Err(Refusal::OutOfRange)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a patch sets, check and step agree, and a refused one changes nothing.
    #[test]
    fn check_and_step_agree(
        picks in prop::collection::vec((1u64..6, 0usize..16, 0usize..8, any::<f64>(), any::<u64>(), any::<bool>()), 1..6),
    ) {
        let mut s = one_of_each();
        let table = schema::components();
        let fields: Vec<FieldPatch> = picks
            .iter()
            .map(|&(entity, component, name, float, whole, small)| {
                let component = &table[component % table.len()];
                let place = component.fields[name % component.fields.len()];
                let float = if small { float % 1e6 } else { float };
                let value = match place.kind {
                    ValueKind::F64 => Value::F64(float),
                    ValueKind::Vec3 => Value::Vec3(DVec3::new(0.0, float, 1.0)),
                    ValueKind::Quat => Value::Quat(DQuat::from_rotation_x(float)),
                    ValueKind::U64 => Value::U64(whole),
                    ValueKind::I64 => Value::I64(whole as i64),
                    ValueKind::Cell => Value::Cell([whole as i64; 3]),
                    ValueKind::U32 => Value::U32(if small { whole as u32 % 3 } else { whole as u32 }),
                    ValueKind::I16 => Value::I16(if small { whole as i16 & 1 } else { whole as i16 }),
                    ValueKind::I16x3 => Value::I16x3([whole as i16; 3]),
                };
                field(entity, component.name, place.name, value)
            })
            .collect();
        let _ = attempt(&mut s, &patch(&fields));
        fly(&mut s, 1);
        prop_assert!(Simulation::restore(s.scenario(), &s.snapshot()).is_ok());
    }
}
