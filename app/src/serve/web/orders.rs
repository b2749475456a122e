//! The API's orders as commands of the simulation. Must never let one through that the world would refuse now: a caller
//! learns all that is wrong with it before anything is entered.

use api::ports::{Field, FieldValue, Order, Refused, WorldError};
use glam::{DQuat, DVec3};
use sim::command::FieldPatch;
use sim::field::{Value, ValueKind};
use sim::refusal::{Objection, Place};
use sim::waves::PULSE_ONE;
use sim::{Command, Refusal, Role, Simulation, schema, tuning};

use crate::session::ships::STEWARD;

/// One unit of a pulse's phase, in turns.
const PHASE_UNITS: f64 = 4_294_967_296.0;

/// The commands that orders are, checked against this state.
///
/// # Errors
/// [`WorldError::NoSuchEntity`], or [`WorldError::Refused`] with everything that is wrong.
pub fn commands(orders: &[Order], state: &Simulation) -> Result<Vec<Command>, WorldError> {
    let mut commands = Vec::new();
    for order in orders {
        commands.extend(one(order, state)?);
    }
    Ok(commands)
}

fn one(order: &Order, state: &Simulation) -> Result<Vec<Command>, WorldError> {
    let command = match order {
        Order::Tune(text) => {
            let told = |problem: &tuning::TuningProblem| {
                let reason = if problem.path.is_empty() { String::new() } else { format!("{} ", problem.path) };
                refused(
                    format!("line {}, column {}", problem.line, problem.column),
                    format!("{reason}{}", problem.reason),
                )
            };
            let read = tuning::read(text, state.scenario());
            let values = read.map_err(|problems| WorldError::Refused(problems.iter().map(told).collect()))?;
            let commands = tuning::commands(&values);
            commands.iter().try_for_each(|command| check(state, command, "/file"))?;
            return Ok(commands);
        }
        Order::Patch(fields) => Command::Patch { fields: patch(fields)? },
        Order::TimeFactor(quarters) => Command::SetTimeFactor { quarters: *quarters },
        Order::Interfere { entity, amplitude, phase_turns } => Command::Interfere {
            entity: *entity,
            // Both saturate at what is refused, or is the same phase.
            amplitude: (amplitude * f64::from(PULSE_ONE)).round() as u32,
            phase: (phase_turns.fract() * PHASE_UNITS).round() as u64 as u32,
        },
    };
    check(state, &command, if matches!(order, Order::Patch(_)) { "/changes" } else { "" })?;
    Ok(vec![command])
}

/// Whether the world would obey a command now.
fn check(state: &Simulation, command: &Command, at: &str) -> Result<(), WorldError> {
    let Err(objections) = state.check(STEWARD, Role::Operator, command) else { return Ok(()) };
    let is_about_one = !matches!(command, Command::Patch { .. });
    if is_about_one && objections.iter().any(|objection| objection.reason == Refusal::NoSuchEntity) {
        return Err(WorldError::NoSuchEntity);
    }
    let told = |objection: &Objection| {
        let place = match objection.place {
            Place::Whole => at.to_owned(),
            Place::Item(item) => format!("{at}/{item}"),
            Place::Argument(name) => format!("{at}/{name}"),
        };
        refused(place, objection.reason.to_string())
    };
    Err(WorldError::Refused(objections.iter().map(told).collect()))
}

fn refused(at: String, why: String) -> Refused {
    Refused { at, why }
}

/// The fields of a patch, with values of their types.
fn patch(fields: &[Field]) -> Result<Vec<FieldPatch>, WorldError> {
    let components = schema::components();
    let (mut patches, mut wrong) = (Vec::new(), Vec::new());
    for (item, field) in fields.iter().enumerate() {
        let component = components.iter().find(|component| component.name == field.component);
        let kind = component.and_then(|c| c.fields.iter().find(|f| f.name == field.field)).map(|f| f.kind);
        let (entity, component, name) = (field.entity, field.component.clone(), field.field.clone());
        match kind.map(|kind| (kind, value_of(kind, &field.value))) {
            Some((_, Some(value))) => patches.push(FieldPatch { entity, component, field: name, value }),
            Some((kind, None)) => {
                wrong.push(refused(format!("/changes/{item}/value"), format!("has to be {}", wanted(kind))));
            }
            None => wrong.push(refused(format!("/changes/{item}"), format!("there is no field {component}.{name}"))),
        }
    }
    if wrong.is_empty() { Ok(patches) } else { Err(WorldError::Refused(wrong)) }
}

/// What a field of this type takes.
fn wanted(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::F64 => "a number",
        ValueKind::Vec3 => "three numbers",
        ValueKind::Quat => "four numbers: x, y, z, w",
        ValueKind::U64 => "a whole number from 0 to 2^64 - 1",
        ValueKind::I64 => "a whole number from -2^63 to 2^63 - 1",
        ValueKind::Cell => "three whole numbers",
        ValueKind::U32 => "a whole number from 0 to 2^32 - 1",
        ValueKind::I16 => "a whole number from -32768 to 32767",
        ValueKind::I16x3 => "three whole numbers from -32768 to 32767",
    }
}

fn value_of(kind: ValueKind, value: &FieldValue) -> Option<Value> {
    Some(match kind {
        ValueKind::F64 => Value::F64(number(value)?),
        ValueKind::Vec3 => Value::Vec3(DVec3::from_array(numbers(value)?)),
        ValueKind::Quat => Value::Quat(DQuat::from_array(numbers(value)?)),
        ValueKind::U64 => Value::U64(match value {
            FieldValue::Large(large) => *large,
            other => u64::try_from(whole(other)?).ok()?,
        }),
        ValueKind::I64 => Value::I64(whole(value)?),
        ValueKind::Cell => Value::Cell(wholes(value)?),
        ValueKind::U32 => Value::U32(u32::try_from(whole(value)?).ok()?),
        ValueKind::I16 => Value::I16(i16::try_from(whole(value)?).ok()?),
        ValueKind::I16x3 => {
            let [x, y, z] = wholes(value)?.map(|part| i16::try_from(part).ok());
            Value::I16x3([x?, y?, z?])
        }
    })
}

fn whole(value: &FieldValue) -> Option<i64> {
    if let FieldValue::Whole(whole) = value { Some(*whole) } else { None }
}

fn wholes(value: &FieldValue) -> Option<[i64; 3]> {
    if let FieldValue::Wholes(wholes) = value { wholes.as_slice().try_into().ok() } else { None }
}

/// Any number; a whole one is the f64 nearest to it.
fn number(value: &FieldValue) -> Option<f64> {
    match value {
        FieldValue::Number(number) => Some(*number),
        FieldValue::Whole(whole) => Some(*whole as f64),
        FieldValue::Large(large) => Some(*large as f64),
        FieldValue::Wholes(_) | FieldValue::Numbers(_) => None,
    }
}

fn numbers<const N: usize>(value: &FieldValue) -> Option<[f64; N]> {
    match value {
        FieldValue::Numbers(numbers) => numbers.as_slice().try_into().ok(),
        FieldValue::Wholes(wholes) => {
            let numbers: Vec<f64> = wholes.iter().map(|whole| *whole as f64).collect();
            numbers.as_slice().try_into().ok()
        }
        FieldValue::Whole(_) | FieldValue::Large(_) | FieldValue::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use sim::Scenario;

    use super::*;

    fn world() -> Simulation {
        let text = "name = \"w\"\n[[fleet]]\nname = \"a\"\nclass = \"scout\"\ncount = 1\nposition_m = [0, 0, 0]\nvelocity_m_s = [0, 0, 0]\n";
        Simulation::new(&Scenario::parse(text).unwrap())
    }

    fn field(component: &str, field: &str, value: FieldValue) -> Field {
        Field { entity: 1, component: component.to_owned(), field: field.to_owned(), value }
    }

    #[test]
    fn values_become_those_of_the_fields_types_or_are_refused() {
        use FieldValue::{Large, Number, Numbers, Whole, Wholes};
        for (kind, value, expected) in [
            (ValueKind::F64, Whole(3), Some(Value::F64(3.0))),
            (ValueKind::F64, Number(0.1), Some(Value::F64(0.1))),
            (ValueKind::F64, Numbers(vec![1.0]), None),
            (ValueKind::Vec3, Wholes(vec![1, 2, 3]), Some(Value::Vec3(DVec3::new(1.0, 2.0, 3.0)))),
            (ValueKind::Vec3, Numbers(vec![1.0, 2.0]), None),
            (ValueKind::U64, Large(u64::MAX), Some(Value::U64(u64::MAX))),
            (ValueKind::U64, Whole(-1), None),
            (ValueKind::I64, Large(1 << 63), None),
            (ValueKind::Cell, Wholes(vec![i64::MIN, 0, 1]), Some(Value::Cell([i64::MIN, 0, 1]))),
            (ValueKind::Cell, Numbers(vec![0.5, 0.0, 1.0]), None),
            (ValueKind::U32, Whole(1 << 32), None),
            (ValueKind::I16, Whole(-32_768), Some(Value::I16(i16::MIN))),
            (ValueKind::I16, Whole(32_768), None),
            (ValueKind::I16, Number(1.0), None),
            (ValueKind::I16x3, Wholes(vec![0, 0, 40_000]), None),
        ] {
            assert_eq!(value_of(kind, &value), expected, "{kind:?} {value:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let state = world();
        let orders = [Order::Patch(vec![
            field("Tank", "fuel_kg", FieldValue::Number(5.0)),
            field("Tank", "colour", FieldValue::Number(5.0)),
            field("Weapon", "ready_tick", FieldValue::Number(0.5)),
        ])];
        let Err(WorldError::Refused(wrong)) = commands(&orders, &state) else { panic!("it is wrong") };
        let places: Vec<&str> = wrong.iter().map(|one| one.at.as_str()).collect();
        assert_eq!(places, ["/changes/1", "/changes/2/value"]);
        for (wrong, place) in [
            (field("Tank", "fuel_kg", FieldValue::Number(-5.0)), "/changes/1"),
            (Field { entity: 99, ..field("Tank", "fuel_kg", FieldValue::Number(5.0)) }, "/changes/1"),
        ] {
            let orders = [Order::Patch(vec![field("Hull", "health_j", FieldValue::Number(5.0)), wrong])];
            let Err(WorldError::Refused(wrong)) = commands(&orders, &state) else { panic!("it is wrong") };
            assert!(wrong.len() == 1 && wrong[0].at == place, "{wrong:?}");
        }
        let orders = [Order::Tune("[class.scout]\nhull_j = 5\nwings = 2\n".to_owned())];
        let Err(WorldError::Refused(wrong)) = commands(&orders, &state) else { panic!("it is wrong") };
        assert!(wrong.len() == 1 && wrong[0].at == "line 3, column 1", "{wrong:?}");
    }

    #[test]
    fn waves_are_quantised_once() {
        let state = world();
        let order = |amplitude, phase_turns| [Order::Interfere { entity: 1, amplitude, phase_turns }];
        let interfere = |amplitude, phase| Command::Interfere { entity: 1, amplitude, phase };
        assert_eq!(commands(&order(1.0, 0.0), &state), Ok(vec![interfere(PULSE_ONE, 0)]));
        assert_eq!(commands(&order(0.5, 0.5), &state), Ok(vec![interfere(PULSE_ONE / 2, 1 << 31)]));
        assert_eq!(commands(&order(2.0, 1.0), &state), Ok(vec![interfere(2 * PULSE_ONE, 0)]), "a whole turn is none");
        let almost = 1.0 - f64::EPSILON;
        assert_eq!(
            commands(&order(2.0, almost), &state),
            Ok(vec![interfere(2 * PULSE_ONE, 0)]),
            "and so is almost one"
        );
        let unknown = [Order::Interfere { entity: 99, amplitude: 1.0, phase_turns: 0.0 }];
        assert_eq!(commands(&unknown, &state), Err(WorldError::NoSuchEntity));
    }
}
