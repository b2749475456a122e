//! What the tests of the simulation share: building worlds from text, flying them, reading fields.

use sim::command::FieldPatch;
use sim::component::Kind;
use sim::field::Value;
use sim::{Command, InputFrame, Membership, PlayerId, Role, Scenario, Simulation};

/// Speed of light, m/s.
pub const C: f64 = 299_792_458.0;
/// Gravitational parameter of the Earth, m^3/s^2, and its mean radius, m, as in [`LONE_EARTH`].
pub const EARTH: (f64, f64) = (3.986_004_418e14, 6_371_000.0);
/// A body like the Earth, alone, at rest, not turning, without air.
pub const LONE_EARTH: &str = r#"
[[body]]
name = "earth"
gm_km3_s2 = 398600.4418
radius_km = 6371
position_km = [0, 0, 0]
velocity_km_s = [0, 0, 0]
"#;
/// The player that tests command as.
pub const OPERATOR: PlayerId = PlayerId(1);

/// The world of a scenario text, with [`OPERATOR`] joined in the first tick's frame.
pub fn world(text: &str) -> Simulation {
    let scenario = Scenario::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    Simulation::new(&scenario)
}

/// A shipped world.
pub fn shipped(name: &str) -> Simulation {
    let (_, text) = sim::scenario::shipped().iter().find(|(n, _)| *n == name).expect("shipped");
    world(text)
}

/// A frame in which the operator joins.
pub fn join() -> InputFrame {
    InputFrame { membership: vec![Membership::Join { player: OPERATOR, role: Role::Operator }], commands: vec![] }
}

/// Steps once with commands of the operator, none of which may be refused.
pub fn command(simulation: &mut Simulation, commands: &[Command]) {
    let mut frame = if simulation.members().next().is_none() { join() } else { InputFrame::default() };
    commands.iter().for_each(|c| frame.push(OPERATOR, c));
    let report = simulation.step(&frame);
    assert!(report.refused.is_empty(), "{:?}", report.refused);
}

/// Steps without inputs.
pub fn fly(simulation: &mut Simulation, ticks: u32) {
    for _ in 0..ticks {
        simulation.step(&InputFrame::default());
    }
}

/// A command that sets one field.
pub fn set(entity: u64, component: &str, field: &str, value: Value) -> Command {
    Command::Patch { fields: vec![FieldPatch { entity, component: component.into(), field: field.into(), value }] }
}

/// A vector of an entity's component.
pub fn vec3(simulation: &Simulation, id: u64, component: &str, field: &str) -> glam::DVec3 {
    match simulation.inspect(id).and_then(|e| e.field(component, field)) {
        Some(Value::Vec3(v)) => v,
        other => panic!("{component}.{field} of {id} is {other:?}"),
    }
}

/// A number of an entity's component.
pub fn number(simulation: &Simulation, id: u64, component: &str, field: &str) -> f64 {
    match simulation.inspect(id).and_then(|e| e.field(component, field)) {
        Some(Value::F64(v)) => v,
        other => panic!("{component}.{field} of {id} is {other:?}"),
    }
}

/// Barycentric place of an entity, m, rounded to f64.
pub fn place(simulation: &Simulation, id: u64) -> glam::DVec3 {
    position(simulation, id).to_metres()
}

/// Barycentric place of an entity.
pub fn position(simulation: &Simulation, id: u64) -> sim::Position {
    let entity = simulation.inspect(id).expect("the entity exists");
    match (entity.field("Position", "cell"), entity.field("Position", "offset")) {
        (Some(Value::Cell(cell)), Some(Value::Vec3(offset))) => sim::Position { cell, offset },
        other => panic!("{other:?}"),
    }
}

/// Proper velocity of an entity, m/s.
pub fn velocity(simulation: &Simulation, id: u64) -> glam::DVec3 {
    vec3(simulation, id, "Velocity", "proper_m_s")
}

/// Ids of all entities of a kind.
pub fn all(simulation: &Simulation, kind: Kind) -> Vec<u64> {
    simulation.entity_ids().into_iter().filter(|&id| simulation.kind(id) == Some(kind)).collect()
}

/// Asserts a relative error.
pub fn close(got: f64, expected: f64, relative: f64, what: &str) {
    let error = (got / expected - 1.0).abs();
    assert!(error <= relative, "{what}: {got:e} is not {expected:e}, off by {error:e}");
}

/// How much of the full, long counts a run does: 1 in ordinary tests, 10 in `scripts/soak`.
#[expect(clippy::disallowed_methods, reason = "how much a test does, never what comes out")]
pub fn scale() -> u32 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}
