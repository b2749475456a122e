//! Conditions over components, as text: what a breakpoint waits for. Parsing is total: any text gives a condition or an
//! error that names the place. Reads a state and must never change one; the same state gives the same answer everywhere.
//!
//! The grammar, in which words stand apart by any number of spaces and tabs:
//!
//! ```text
//! condition  = ("any" | "entity" id) ":" comparison {"and" comparison}
//! comparison = Component "." field ["." axis] operator number
//! axis       = "x" | "y" | "z" | "w"
//! operator   = "<" | "<=" | ">" | ">=" | "==" | "!="
//! number     = ["-" | "+"] digits ["." digits] [("e" | "E") ["-" | "+"] digits]
//! ```

use crate::component::{Component, Kind, Visitor, visit_components};
use crate::field::{Field, Value, ValueKind};
use crate::simulation::Simulation;

/// Most bytes the text may have.
pub const TEXT_BYTES_MAX: usize = 512;
/// Most comparisons in one condition.
pub const COMPARISONS_MAX: usize = 8;

/// What an entity has to be like, or one of them.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    /// The one that is asked for; any of them if not given.
    entity: Option<u64>,
    comparisons: Vec<Comparison>,
}

/// A condition is the same where its text is.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {what}")]
pub struct ConditionError {
    /// Where, counted in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

#[derive(Clone, Copy, Debug)]
struct Comparison {
    component: &'static str,
    field: Field,
    axis: usize,
    operator: Operator,
    number: f64,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// Longer ones first: the shorter ones are their beginnings.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Operator {
    /// Nothing holds of what is not a number, not even that it differs.
    fn holds(self, value: f64, number: f64) -> bool {
        match self {
            Self::Less => value < number,
            Self::LessOrEqual => value <= number,
            Self::Greater => value > number,
            Self::GreaterOrEqual => value >= number,
            Self::Equal => value == number,
            Self::NotEqual => !value.is_nan() && value != number,
        }
    }
}

impl Comparison {
    /// Whether it holds of a component, by the component's bytes. Whole numbers are compared as the nearest f64.
    fn holds(&self, component: &[u8]) -> bool {
        let value = match self.field.read(component) {
            Value::F64(v) => v,
            Value::Vec3(v) => v.to_array().get(self.axis).copied().unwrap_or(f64::NAN),
            Value::Quat(v) => v.to_array().get(self.axis).copied().unwrap_or(f64::NAN),
            Value::U64(v) => v as f64,
            Value::I64(v) => v as f64,
            Value::Cell(v) => v.get(self.axis).map_or(f64::NAN, |v| *v as f64),
            Value::U32(v) => f64::from(v),
            Value::I16(v) => f64::from(v),
            Value::I16x3(v) => v.get(self.axis).map_or(f64::NAN, |v| f64::from(*v)),
        };
        self.operator.holds(value, self.number)
    }
}

impl Condition {
    /// Reads a condition. It may only name what there is.
    ///
    /// # Errors
    /// [`ConditionError`]: the first place that is wrong.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        if text.len() > TEXT_BYTES_MAX {
            let what = format!("a condition of {} bytes, {TEXT_BYTES_MAX} are allowed", text.len());
            return Err(ConditionError { column: 1, what });
        }
        let mut reader = Reader { text, at: 0 };
        let entity = reader.subject()?;
        let mut comparisons = vec![reader.comparison()?];
        while !reader.is_over() {
            let at = reader.at;
            if reader.word() != "and" {
                return Err(reader.error(at, "`and` or the end is expected here"));
            }
            if comparisons.len() == COMPARISONS_MAX {
                return Err(reader.error(at, &format!("more than {COMPARISONS_MAX} comparisons")));
            }
            comparisons.push(reader.comparison()?);
        }
        Ok(Self { text: text.to_owned(), entity, comparisons })
    }

    /// The text that it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The entity that it holds of, the one with the lowest id if there are several. What has not all the components
    /// that are named is none.
    #[must_use]
    pub fn holds(&self, simulation: &Simulation) -> Option<u64> {
        match self.entity {
            Some(id) => self.holds_of(simulation, id).then_some(id),
            None => Kind::ALL.into_iter().filter_map(|kind| self.first_of(simulation, kind)).min(),
        }
    }

    fn holds_of(&self, simulation: &Simulation, id: u64) -> bool {
        struct One<'a>(&'a Simulation, u64, &'a [Comparison], usize);
        impl Visitor for One<'_> {
            fn visit<C: Component>(&mut self) {
                for comparison in self.2.iter().filter(|comparison| comparison.component == C::NAME) {
                    let component = self.0.state.world.get::<C>(self.1);
                    self.3 += usize::from(component.is_some_and(|c| comparison.holds(bytemuck::bytes_of(&c))));
                }
            }
        }
        let Some(kind) = simulation.kind(id) else { return false };
        let mut one = One(simulation, id, &self.comparisons, 0);
        visit_components(kind, &mut one);
        one.3 == self.comparisons.len()
    }

    /// The lowest id among the entities of a kind that it holds of.
    fn first_of(&self, simulation: &Simulation, kind: Kind) -> Option<u64> {
        struct All<'a> {
            simulation: &'a Simulation,
            kind: Kind,
            comparisons: &'a [Comparison],
            /// By row: of how many comparisons it is known that they hold.
            held: Vec<u8>,
        }
        impl Visitor for All<'_> {
            fn visit<C: Component>(&mut self) {
                let mut of_this =
                    self.comparisons.iter().filter(|comparison| comparison.component == C::NAME).peekable();
                if of_this.peek().is_none() {
                    return;
                }
                let archetype = self.simulation.state.world.archetype(self.kind);
                let Some(column) = archetype.and_then(|archetype| archetype.get::<&C>()) else { return };
                for comparison in of_this {
                    for (held, component) in self.held.iter_mut().zip(column.iter()) {
                        *held += u8::from(comparison.holds(bytemuck::bytes_of(component)));
                    }
                }
            }
        }
        let world = &simulation.state.world;
        let mut all = All { simulation, kind, comparisons: &self.comparisons, held: vec![0; world.count(kind)] };
        visit_components(kind, &mut all);
        let ids = world.archetype(kind)?.get::<&crate::component::Identity>()?;
        let holding = all.held.iter().zip(ids.iter()).filter(|(held, _)| usize::from(**held) == self.comparisons.len());
        holding.map(|(_, identity)| identity.id).min()
    }
}

/// Where the reading is, in bytes.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Whether nothing but space is left.
    fn is_over(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    /// The letters, digits and underlines here, perhaps none.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes this, if it stands here.
    fn take(&mut self, token: &str) -> bool {
        let is_here = self.rest().starts_with(token);
        self.at += if is_here { token.len() } else { 0 };
        is_here
    }

    fn error(&self, at: usize, what: &str) -> ConditionError {
        let column = self.text.get(..at).map_or(1, |before| before.chars().count() + 1);
        ConditionError { column, what: what.to_owned() }
    }

    /// `any:` or `entity 12:`.
    fn subject(&mut self) -> Result<Option<u64>, ConditionError> {
        self.skip_space();
        let at = self.at;
        let entity = match self.word() {
            "any" => None,
            "entity" => {
                self.skip_space();
                let at = self.at;
                let word = self.word();
                let id = word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten();
                Some(id.ok_or_else(|| self.error(at, "the number of an entity is expected here"))?)
            }
            _ => return Err(self.error(at, "a condition begins with `any:` or `entity NUMBER:`")),
        };
        self.skip_space();
        if self.take(":") { Ok(entity) } else { Err(self.error(self.at, "`:` is expected here")) }
    }

    fn comparison(&mut self) -> Result<Comparison, ConditionError> {
        self.skip_space();
        let at = self.at;
        let name = self.word();
        let Some((component, fields)) = table(name) else {
            return Err(self.error(at, &unknown("component", name)));
        };
        if !self.take(".") {
            return Err(self.error(self.at, &format!("`.` and a field of {component} are expected here")));
        }
        let at = self.at;
        let name = self.word();
        let Some(field) = fields.iter().find(|field| field.name == name).copied() else {
            return Err(self.error(at, &unknown(&format!("field of {component}"), name)));
        };
        let axis = self.axis(&field)?;
        self.skip_space();
        let Some((_, operator)) = OPERATORS.into_iter().find(|(token, _)| self.take(token)) else {
            return Err(self.error(self.at, "one of < <= > >= == != is expected here"));
        };
        let number = self.number()?;
        Ok(Comparison { component, field, axis, operator, number })
    }

    /// Which number of a field is meant, where it has several.
    fn axis(&mut self, field: &Field) -> Result<usize, ConditionError> {
        let axes: &[&str] = match field.kind {
            ValueKind::Quat => &["x", "y", "z", "w"],
            ValueKind::Vec3 | ValueKind::Cell | ValueKind::I16x3 => &["x", "y", "z"],
            ValueKind::F64 | ValueKind::U64 | ValueKind::I64 | ValueKind::U32 | ValueKind::I16 => &[],
        };
        let at = self.at;
        if !self.take(".") {
            let is_one = axes.is_empty();
            let what = format!("{} has several numbers: one of .{} is expected here", field.name, axes.join(" ."));
            return if is_one { Ok(0) } else { Err(self.error(at, &what)) };
        }
        if axes.is_empty() {
            return Err(self.error(at, &format!("{} is one number and has no axis", field.name)));
        }
        let at = self.at;
        let name = self.word();
        let axis = axes.iter().position(|axis| *axis == name);
        axis.ok_or_else(|| self.error(at, &unknown(&format!("axis of {}", field.name), name)))
    }

    fn number(&mut self) -> Result<f64, ConditionError> {
        self.skip_space();
        let (at, rest) = (self.at, self.rest());
        let expected = |reader: &Self| reader.error(at, "a number is expected here");
        let signed = |text: &'a str| text.strip_prefix(['-', '+']).unwrap_or(text);
        let digits = |text: &'a str| {
            let after = text.trim_start_matches(|c: char| c.is_ascii_digit());
            (after.len() < text.len()).then_some(after)
        };
        let mut after = digits(signed(rest)).ok_or_else(|| expected(self))?;
        if let Some(fraction) = after.strip_prefix('.') {
            after = digits(fraction).ok_or_else(|| expected(self))?;
        }
        if let Some(exponent) = after.strip_prefix(['e', 'E']) {
            after = digits(signed(exponent)).ok_or_else(|| expected(self))?;
        }
        if after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_')) {
            return Err(expected(self));
        }
        let token = &rest[..rest.len() - after.len()];
        self.at += token.len();
        match token.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.error(at, "the number is too large")),
        }
    }
}

/// A sentence about a name that is none, which may be missing, and may be what anybody typed.
fn unknown(what: &str, name: &str) -> String {
    if name.is_empty() { format!("the {what} is not named here") } else { format!("no {what} is called {name}") }
}

/// A component's name and fields.
fn table(name: &str) -> Option<(&'static str, &'static [Field])> {
    struct Find<'a>(&'a str, Option<(&'static str, &'static [Field])>);
    impl Visitor for Find<'_> {
        fn visit<C: Component>(&mut self) {
            if C::NAME == self.0 {
                self.1 = Some((C::NAME, C::FIELDS));
            }
        }
    }
    let mut find = Find(name, None);
    Kind::ALL.into_iter().for_each(|kind| visit_components(kind, &mut find));
    find.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::FieldPatch;
    use crate::{Command, InputFrame, Membership, PlayerId, Role, Scenario};
    use proptest::prelude::*;

    fn demo() -> Simulation {
        let text = crate::scenario::shipped().iter().find(|(name, _)| *name == "demo").unwrap().1;
        Simulation::new(&Scenario::parse(text).unwrap())
    }

    fn holds(simulation: &Simulation, text: &str) -> Option<u64> {
        Condition::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).holds(simulation)
    }

    #[test]
    fn what_holds_is_found_and_nothing_else() {
        let mut simulation = demo();
        let mut frame = InputFrame::default();
        frame.membership.push(Membership::Join { player: PlayerId(9), role: Role::Operator });
        let (component, field) = ("Tank".to_owned(), "fuel_kg".to_owned());
        let fields = vec![FieldPatch { entity: 3, component, field, value: Value::F64(12.5) }];
        frame.push(PlayerId(9), &Command::Patch { fields });
        simulation.step(&frame);
        let fuel = match simulation.inspect(3).unwrap().field("Tank", "fuel_kg") {
            Some(Value::F64(fuel)) => fuel,
            other => panic!("{other:?}"),
        };
        assert!(fuel > 0.0 && fuel <= 12.5);
        for (text, expected) in [
            ("any: Tank.fuel_kg <= 12.5", Some(3)),
            ("  any :Tank.fuel_kg<=1.25e1\tand Identity.id == 3 ", Some(3)),
            ("any: Tank.fuel_kg <= 12.5 and Identity.id != 3", None),
            ("entity 3: Tank.fuel_kg < 13", Some(3)),
            ("entity 2: Tank.fuel_kg < 13", None),
            ("entity 77777: Tank.fuel_kg > 0", None),
            ("entity 0003: Identity.id >= +3", Some(3)),
            ("any: Identity.id > 0", Some(1)),
            ("any: Identity.id < -1e300", None),
            ("any: Berth.player > 0 and Solid.mass_kg > 0", None),
            ("any: Attitude.icrf_from_body.w >= -1 and Attitude.icrf_from_body.w <= 1", Some(1)),
            ("any: Controls.translate.y == 0", Some(1)),
        ] {
            assert_eq!(holds(&simulation, text), expected, "{text}");
        }
        // By the rows of whole columns and by one entity, it is one answer.
        let axes = ["Position.cell.z >= 0", "Velocity.proper_m_s.x > 0", "Hull.health_j > 1", "Round.mass_kg > 0"];
        for text in axes {
            let found: Vec<u64> = simulation
                .entity_ids()
                .into_iter()
                .filter(|id| holds(&simulation, &format!("entity {id}: {text}")).is_some())
                .collect();
            assert_eq!(holds(&simulation, &format!("any: {text}")), found.first().copied(), "{text}");
        }
    }

    #[test]
    fn nothing_holds_of_what_is_not_a_number() {
        let field = crate::component::Tank::FIELDS[0];
        for (token, operator) in OPERATORS {
            for number in [0.0, -1.0] {
                let comparison = Comparison { component: "Tank", field, axis: 0, operator, number };
                assert!(!comparison.holds(bytemuck::bytes_of(&f64::NAN)), "{token}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let nine = ["Tank.fuel_kg > 1"; 9].join(" and ");
        for (text, column, what) in [
            ("", 1, "a condition begins with `any:` or `entity NUMBER:`"),
            ("Tank.fuel_kg > 1", 1, "a condition begins with"),
            ("entity x: Tank.fuel_kg > 1", 8, "the number of an entity"),
            ("entity -1: Tank.fuel_kg > 1", 8, "the number of an entity"),
            ("entity 99999999999999999999: Tank.fuel_kg > 1", 8, "the number of an entity"),
            ("any Tank.fuel_kg > 1", 5, "`:` is expected"),
            ("any: tank.fuel_kg > 1", 6, "no component is called tank"),
            ("any: ", 6, "the component is not named here"),
            ("any: Tank > 1", 10, "`.` and a field of Tank"),
            ("any: Tank.fuel > 1", 11, "no field of Tank is called fuel"),
            ("any: Tank.fuel_kg.x > 1", 18, "fuel_kg is one number and has no axis"),
            ("any: Velocity.proper_m_s > 1", 25, "proper_m_s has several numbers: one of .x .y .z"),
            ("any: Velocity.proper_m_s.w > 1", 26, "no axis of proper_m_s is called w"),
            ("any: Tank.fuel_kg = 1", 19, "one of < <= > >= == !="),
            ("any: Tank.fuel_kg > nan", 21, "a number is expected"),
            ("any: Tank.fuel_kg > 1.", 21, "a number is expected"),
            ("any: Tank.fuel_kg > 1e", 21, "a number is expected"),
            ("any: Tank.fuel_kg > 1x", 21, "a number is expected"),
            ("any: Tank.fuel_kg > 1e999", 21, "too large"),
            ("any: Tank.fuel_kg > 1 or Tank.fuel_kg < 3", 23, "`and` or the end"),
            ("any: Tank.fuel_kg > 1 and", 26, "the component is not named"),
            ("any: \u{e4}\u{f6}.x > 1", 6, "the component is not named"),
            ("any: Tank.fuel_kg > 1 \u{1f680}", 23, "`and` or the end"),
            (&format!("any: {nine}"), 170, "more than 8 comparisons"),
            (&format!("any: {:600}", ""), 1, "605 bytes, 512 are allowed"),
        ] {
            let error = Condition::parse(text).expect_err(text);
            assert!(error.column == column && error.what.contains(what), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition_or_an_error_with_a_place(text in ".{0,60}") {
            if let Err(error) = Condition::parse(&text) {
                prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
            }
        }

        #[test]
        fn texts_of_its_own_words_are_too(words in proptest::collection::vec(proptest::sample::select(vec![
            "any", "entity", ":", " ", "1", "-", ".", "e", "Tank", ".fuel_kg", "Velocity", ".proper_m_s", ".x", "<", "=",
            ">", "!", "and", "\u{e4}", "any: Tank.fuel_kg > 1",
        ]), 0..12)) {
            let text = words.concat();
            match Condition::parse(&text) {
                Ok(condition) => prop_assert_eq!(condition.text(), text),
                Err(error) => prop_assert!(error.column <= text.chars().count() + 1),
            }
        }
    }
}
