//! Tuning files: new values for some of a scenario's numbers, as TOML with tables `[class.NAME]` and `[rules]`, in the
//! scenario's names and units. A file is read whole against the scenario's tables before anything of it is sent, and
//! refused whole with everything that is wrong with it. Must never touch a state: what is read becomes commands.

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::judge;
use crate::command::{Command, TUNING_VALUES_MAX};
use crate::input::COMMAND_BYTES_MAX;
use crate::refusal::Refusal;
use crate::scenario::{Parameter, Rules, Scenario, ShipClass, nearest, shortened};

/// Longest tuning file, bytes.
pub const FILE_BYTES_MAX: usize = 64 << 10;
/// Most commands that the values of one file may take, and most bytes that these may have, encoded: few enough that they
/// all are one member's input for one turn of a session, and so come into force in one tick.
pub const FILE_COMMANDS_MAX: usize = 8;
/// The bytes.
pub const FILE_INPUT_BYTES_MAX: usize = 1000;
/// Most problems that are told of one file; one more says how many there are beside.
const PROBLEMS_MAX: usize = 100;
/// Most of them that come with a guess at what was meant.
const HINTS_MAX: usize = 16;
/// The moments of inertia, as a scenario file has them, and one by one.
const INERTIA: &str = "inertia_kg_m2";
const INERTIAS: [&str; 3] = ["inertia_x_kg_m2", "inertia_y_kg_m2", "inertia_z_kg_m2"];

/// Something wrong with a tuning file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}, column {column}: {path}{}{reason}", if path.is_empty() { "" } else { " " })]
pub struct TuningProblem {
    /// Line in the text, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// What it is about, such as `class.scout.hull_j`; of what is stated twice the last part alone; empty where the text
    /// is no TOML or cannot be taken as a whole.
    pub path: String,
    /// What is there and what was expected, to be read behind the path.
    pub reason: String,
}

/// Reads a tuning file: paths and values, in the order of the scenario's tables.
///
/// # Errors
/// Everything that is wrong with the text, by line: what is no TOML or stated twice, names that the scenario does not
/// know, values of another type, not finite or out of range, and a text that is too long or sets too much at once.
pub fn read(text: &str, scenario: &Scenario) -> Result<Vec<(String, f64)>, Vec<TuningProblem>> {
    let whole = |reason| vec![TuningProblem { line: 1, column: 1, path: String::new(), reason }];
    if text.len() > FILE_BYTES_MAX {
        return Err(whole(format!("the text has {} bytes, more than {FILE_BYTES_MAX}", text.len())));
    }
    let (file, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, values: Vec::new(), found: Vec::new() };
    reader.file(file.get_ref(), scenario);
    let not_toml = errors.iter().map(|error| {
        let span = error.span().unwrap_or(text.len()..text.len());
        let at = span.start;
        match error.message() {
            "duplicate key" => (at, shortened(text.get(span).unwrap_or_default()), "is stated twice".to_owned()),
            message => (at, String::new(), format!("not TOML: {}", message.replace('\n', ", "))),
        }
    });
    let problems = reader.problems(not_toml.collect());
    if !problems.is_empty() {
        return Err(problems);
    }
    let (count, commands) = (reader.values.len(), commands(&reader.values));
    let bytes: usize = commands.iter().map(|command| command.encode().len()).sum();
    if bytes > FILE_INPUT_BYTES_MAX || commands.len() > FILE_COMMANDS_MAX {
        return Err(whole(format!(
            "the {count} values take {bytes} bytes, and {FILE_INPUT_BYTES_MAX} go into one tick: set them in two files"
        )));
    }
    Ok(reader.values)
}

/// The commands that set these values, as few as can be, to be entered in one tick. None of those that [`read`] gave is
/// refused to an operator, so they are in force together, unless others fill the tick's frame up to its limit before them:
/// sessions never do.
#[must_use]
pub fn commands(values: &[(String, f64)]) -> Vec<Command> {
    // The kind, and how many values, which is below 128.
    const HEAD: usize = 2;
    let mut packed: Vec<Vec<(String, f64)>> = Vec::new();
    let mut room = 0;
    for (path, value) in values {
        let bytes = varint_bytes(path.len()) + path.len() + size_of::<f64>();
        match packed.last_mut().filter(|last| last.len() < TUNING_VALUES_MAX && bytes <= room) {
            Some(last) => last.push((path.clone(), *value)),
            None => {
                packed.push(vec![(path.clone(), *value)]);
                room = COMMAND_BYTES_MAX - HEAD;
            }
        }
        room = room.saturating_sub(bytes);
    }
    packed.into_iter().map(|values| Command::Tune { values }).collect()
}

/// Values by path as the text of a tuning file, which [`read`] gives back.
#[must_use]
pub fn write(values: &[(String, f64)]) -> String {
    let mut tables: Vec<(&str, String)> = Vec::new();
    for (path, value) in values {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        // The shortest form that reads back to the same bits, and always with a point or an exponent.
        let line = format!("{key} = {value:?}\n");
        match tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, lines)) => lines.push_str(&line),
            None => tables.push((table, line)),
        }
    }
    let texts: Vec<String> = tables.iter().map(|(name, lines)| format!("[{name}]\n{lines}")).collect();
    texts.join("\n")
}

/// Bytes of a number in postcard.
fn varint_bytes(number: usize) -> usize {
    (usize::BITS - number.leading_zeros()).div_ceil(7).max(1) as usize
}

/// What was read so far, and what was found wrong: byte of the text, path, reason.
struct Reader<'t> {
    text: &'t str,
    values: Vec<(String, f64)>,
    found: Vec<(usize, String, String)>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Reader<'t> {
    fn file(&mut self, file: &DeTable<'t>, scenario: &Scenario) {
        self.unknown(file, "", "table", &["class", "rules"]);
        if let Some(value) = file.get("class")
            && let Some(classes) = self.table("class", value)
        {
            let names: Vec<&str> = scenario.classes.iter().map(|class| class.name.as_str()).collect();
            self.unknown(classes, "class.", "ship class of this world", &names);
            let of_class = ShipClass::PARAMETERS.iter().map(|parameter| parameter.name);
            let class_keys: Vec<&str> = of_class.chain([INERTIA]).collect();
            for name in names {
                let path = format!("class.{name}");
                if let Some(class) = classes.get(name).and_then(|value| self.table(&path, value)) {
                    self.unknown(class, &format!("{path}."), "parameter of a class", &class_keys);
                    let inertia = self.inertia(class, &path);
                    self.numbers(class, &path, ShipClass::PARAMETERS, inertia);
                }
            }
        }
        if let Some(value) = file.get("rules")
            && let Some(rules) = self.table("rules", value)
        {
            let keys: Vec<&str> = Rules::PARAMETERS.iter().map(|parameter| parameter.name).collect();
            self.unknown(rules, "rules.", "rule", &keys);
            self.numbers(rules, "rules", Rules::PARAMETERS, None);
        }
    }

    /// Every number of a table that has a parameter of its name, in the order of the parameters.
    fn numbers<T>(
        &mut self,
        table: &DeTable<'t>,
        path: &str,
        parameters: &[Parameter<T>],
        inertia: Option<[&Value<'t>; 3]>,
    ) {
        for parameter in parameters {
            let item = INERTIAS.iter().zip(inertia.into_iter().flatten()).find(|(name, _)| **name == parameter.name);
            if let Some(value) = item.map(|(_, item)| item).or_else(|| table.get(parameter.name)) {
                self.number(&format!("{path}.{}", parameter.name), value, parameter);
            }
        }
    }

    /// The three moments in brackets, as a scenario writes them, if they are there.
    fn inertia<'v>(&mut self, class: &'v DeTable<'t>, path: &str) -> Option<[&'v Value<'t>; 3]> {
        let value = class.get(INERTIA)?;
        let twice = INERTIAS.iter().find(|name| class.contains_key(**name));
        let reason = match (twice, value.get_ref().as_array().map(|items| &items[..])) {
            (Some(twice), _) => format!("is stated beside {twice}, which it holds too"),
            (None, Some([x, y, z])) => return Some([x, y, z]),
            _ => format!("is {}, expected three numbers in brackets", self.written(value)),
        };
        self.wrong(value, format!("{path}.{INERTIA}"), reason);
        None
    }

    fn number<T>(&mut self, path: &str, value: &Value<'t>, parameter: &Parameter<T>) {
        let verdict = number(value).map(|number| judge(parameter, number).map(|()| number));
        let whole = if parameter.whole { "whole " } else { "" };
        let reason = match verdict {
            Some(Ok(number)) => {
                self.values.push((path.to_owned(), number));
                return;
            }
            Some(Err(Refusal::NotFinite)) => format!("is {}, which is not finite", self.written(value)),
            Some(Err(_)) => {
                format!("is {}, out of range: expected a {whole}number {}", self.written(value), parameter.range)
            }
            None => format!("is {}, expected a {whole}number {}", self.written(value), parameter.range),
        };
        self.wrong(value, path.to_owned(), reason);
    }

    fn table<'v>(&mut self, path: &str, value: &'v Value<'t>) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let expected = if path == "class" { "tables [class.NAME]".to_owned() } else { format!("a table [{path}]") };
            self.wrong(value, path.to_owned(), format!("is {}, expected {expected}", self.written(value)));
        }
        table
    }

    /// Notes every key that is not known.
    fn unknown(&mut self, table: &DeTable<'t>, path: &str, what: &str, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            // Looking for what is near takes its time, and more than a few slips are no slips.
            let hint = match nearest(key.get_ref(), if self.found.len() < HINTS_MAX { known } else { &[] }) {
                Some(near) => format!("; did you mean {near}?"),
                None if self.found.len() < HINTS_MAX && known.len() <= 32 => {
                    format!("; known are {}", known.join(", "))
                }
                None => String::new(),
            };
            let path = format!("{path}{}", shortened(key.get_ref()));
            self.found.push((key.span().start, path, format!("is no {what}{hint}")));
        }
    }

    fn wrong(&mut self, value: &Value<'t>, path: String, reason: String) {
        self.found.push((value.span().start, path, reason));
    }

    /// The value as it stands in the text.
    fn written(&self, value: &Value<'t>) -> String {
        shortened(self.text.get(value.span()).unwrap_or_default())
    }

    /// All that was found, by place. What follows from a line that is no TOML is not told beside it.
    fn problems(&mut self, mut not_toml: Vec<(usize, String, String)>) -> Vec<TuningProblem> {
        let lines: Vec<usize> = std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let line_of = |at: usize| lines.partition_point(|&start| start <= at);
        // The first of a line: what is behind it mostly follows from it.
        not_toml.sort();
        not_toml.dedup_by_key(|(at, ..)| line_of(*at));
        let broken: Vec<usize> = not_toml.iter().map(|(at, ..)| line_of(*at)).collect();
        let mut found = std::mem::take(&mut self.found);
        found.retain(|(at, ..)| broken.binary_search(&line_of(*at)).is_err());
        found.append(&mut not_toml);
        found.sort();
        let more = found.len().saturating_sub(PROBLEMS_MAX);
        found.truncate(PROBLEMS_MAX);
        let mut problems: Vec<TuningProblem> = Vec::with_capacity(found.len() + 1);
        for (at, path, reason) in found {
            let line = line_of(at);
            let before = self.text.get(lines[line - 1]..at).unwrap_or_default();
            problems.push(TuningProblem { line, column: 1 + before.chars().count(), path, reason });
        }
        if more > 0 {
            let line = problems.last().map_or(1, |last| last.line);
            let reason = format!("{more} more problems from here on are not listed");
            problems.push(TuningProblem { line, column: 1, path: String::new(), reason });
        }
        problems
    }
}

/// The number that a value holds; it may be infinite or NaN.
fn number(value: &Value<'_>) -> Option<f64> {
    match value.get_ref() {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Some(integer as f64),
            // Too many digits for an integer are a number still.
            Err(_) if integer.radix() == 10 => integer.as_str().parse().ok(),
            Err(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scenario() -> Scenario {
        let long = "n".repeat(64);
        let text = format!("name = \"tuned\"\n[[class]]\nname = \"b-c_9\"\n[[class]]\nname = \"{long}\"\n");
        Scenario::parse(&text).expect("a world with two classes of its own")
    }

    /// Line, column, path and reason of each problem.
    fn problems(text: &str) -> Vec<String> {
        read(text, &scenario()).expect_err(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_sound_file_gives_its_values_in_table_order() {
        let text = "rules.friction = 0.5\n[class.b-c_9]\nreload_ticks = 3\ninertia_kg_m2 = [1, 2.5, 1e3]\ndry_mass_kg = 1_000\n\
                    [class.scout]\nhull_j = 1e6\n";
        let expected = [
            ("class.scout.hull_j", 1e6),
            ("class.b-c_9.dry_mass_kg", 1000.0),
            ("class.b-c_9.inertia_x_kg_m2", 1.0),
            ("class.b-c_9.inertia_y_kg_m2", 2.5),
            ("class.b-c_9.inertia_z_kg_m2", 1e3),
            ("class.b-c_9.reload_ticks", 3.0),
            ("rules.friction", 0.5),
        ];
        let expected: Vec<_> = expected.map(|(path, value)| (path.to_owned(), value)).into();
        assert_eq!(read(text, &scenario()), Ok(expected.clone()));
        assert_eq!(read(&write(&expected), &scenario()), Ok(expected));
        assert_eq!(read("", &scenario()), Ok(vec![]));
    }

    #[test]
    fn every_problem_is_told_by_line() {
        let text = "colour = 1\n[class.scout]\nhull_j = -1\n  main_thrust_n = \"full\"\nfuel_kgs = 3\nreload_ticks = 2.5\n\
                    torque_n_m = nan\nmuzzle_m_s = inf\nfuel_kg = 1e-310\ninertia_kg_m2 = [1, 2]\n[class.scoot]\nhull_j = 1\n\
                    [rules]\nrestitution = 2\nfriction = [0.1]\n";
        let expected = [
            "line 1, column 1: colour is no table; known are class, rules",
            "line 3, column 10: class.scout.hull_j is -1, out of range: expected a number from 1 to 1e18",
            "line 4, column 19: class.scout.main_thrust_n is \"full\", expected a number from 0 to 1e12",
            "line 5, column 1: class.scout.fuel_kgs is no parameter of a class; did you mean fuel_kg?",
            "line 6, column 16: class.scout.reload_ticks is 2.5, out of range: expected a whole number from 1 to 1000000",
            "line 7, column 14: class.scout.torque_n_m is nan, which is not finite",
            "line 8, column 14: class.scout.muzzle_m_s is inf, which is not finite",
            "line 9, column 11: class.scout.fuel_kg is 1e-310, out of range: expected a number from 0 to 1e12",
            "line 10, column 17: class.scout.inertia_kg_m2 is [1, 2], expected three numbers in brackets",
            "line 11, column 8: class.scoot is no ship class of this world; did you mean scout?",
            "line 14, column 15: rules.restitution is 2, out of range: expected a number from 0 to 1",
            "line 15, column 12: rules.friction is [0.1], expected a number from 0 to 10",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn numbers_beyond_all_limits_are_refused() {
        for literal in
            ["9223372036854775808", "-9223372036854775809", &"9".repeat(400), &format!("0.{}e999", "9".repeat(400))]
        {
            let found = problems(&format!("rules.friction = {literal}"));
            assert!(found.len() == 1 && found[0].starts_with("line 1, column 18: rules.friction is "), "{found:?}");
        }
    }

    #[test]
    fn what_is_no_toml_or_stated_twice_is_told_with_all_else() {
        let text = "[class.scout]\nhull_j = 1\nhull_j = 2\n[rules]\nfriction = = 3\nrestitution = 7\n[rules]\n";
        let found = problems(text);
        let lines: Vec<&str> = found.iter().filter_map(|problem| problem.split(',').next()).collect();
        assert_eq!(lines, ["line 3", "line 5", "line 6", "line 7"], "{found:?}");
        assert_eq!(found[0], "line 3, column 1: hull_j is stated twice");
        assert_eq!(found[3], "line 7, column 2: rules is stated twice");
        let twice = problems("[class.scout]\ninertia_kg_m2 = [1, 2, 3]\ninertia_y_kg_m2 = 5\n");
        let expected =
            "line 2, column 17: class.scout.inertia_kg_m2 is stated beside inertia_y_kg_m2, which it holds too";
        assert_eq!(twice, [expected]);
    }

    #[test]
    fn a_file_is_bounded() {
        let found = problems(&"#".repeat(FILE_BYTES_MAX + 1));
        assert_eq!(found, ["line 1, column 1: the text has 65537 bytes, more than 65536"]);
        let many: String = (0..5000).map(|i| format!("unheard-of-{i} = 1\n")).collect();
        let found = read(&many[..FILE_BYTES_MAX], &scenario()).expect_err("nothing of it is known");
        assert_eq!(found.len(), PROBLEMS_MAX + 1);
        let all = super::super::Tuning::new(&scenario()).by_path();
        let found = problems(&write(&all));
        assert!(found.len() == 1 && found[0].ends_with("go into one tick: set them in two files"), "{found:?}");
    }

    #[test]
    fn the_longest_file_is_as_long_as_it_may_be() {
        let all = super::super::Tuning::new(&scenario()).by_path();
        let bytes = |count: usize| commands(&all[..count]).iter().map(|command| command.encode().len()).sum::<usize>();
        let most = (1..all.len()).take_while(|count| bytes(*count) <= FILE_INPUT_BYTES_MAX).count();
        assert!(most >= 25, "{most} values");
        assert_eq!(read(&write(&all[..most]), &scenario()), Ok(all[..most].to_vec()));
        assert!(read(&write(&all[..=most]), &scenario()).is_err());
    }

    /// A value that is as far to one side as its parameter lets it.
    fn any_values() -> impl Strategy<Value = Vec<(String, f64)>> {
        let scenario = scenario();
        let all = super::super::Tuning::new(&scenario).by_path();
        let count = all.len();
        (prop::collection::vec(any::<bool>(), count), prop::collection::vec(0.5f64..1.0, count)).prop_map(
            move |(kept, factor)| {
                let scaled = all.iter().zip(factor).map(|((path, value), factor)| {
                    let whole = path.ends_with("reload_ticks");
                    (path.clone(), if whole { *value } else { (value * factor).max(1.0).min(*value) })
                });
                scaled.zip(kept).filter(|(_, kept)| *kept).map(|(value, _)| value).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values in any_values(), from in 0usize..60) {
            // As many as one file takes, whatever their names.
            let some: Vec<_> = values.iter().skip(from).take(FILE_INPUT_BYTES_MAX / 100).cloned().collect();
            prop_assert_eq!(read(&write(&some), &scenario()), Ok(some));
        }

        #[test]
        fn values_fill_their_commands(values in any_values()) {
            let packed = commands(&values);
            let mut unpacked = Vec::new();
            for (i, command) in packed.iter().enumerate() {
                let Command::Tune { values: some } = command else { panic!("{command:?}") };
                let next = packed.get(i + 1).and_then(|next| match next {
                    Command::Tune { values } => values.first().cloned(),
                    _ => None,
                });
                prop_assert!(some.len() <= TUNING_VALUES_MAX && command.encode().len() <= COMMAND_BYTES_MAX);
                // No room was left that the next value would have fitted into.
                if let Some(next) = next {
                    let more = Command::Tune { values: some.iter().cloned().chain([next]).collect() };
                    prop_assert!(some.len() == TUNING_VALUES_MAX || more.encode().len() > COMMAND_BYTES_MAX);
                }
                unpacked.extend(some.iter().cloned());
            }
            prop_assert_eq!(unpacked, values);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(\\[|\\]|class|\\.|scout|rules|=|hull_j|friction|[0-9e.-]{1,5}|\"|\n| |[^a]){0,40}") {
            if let Err(problems) = read(&text, &scenario()) {
                prop_assert!(!problems.is_empty());
                let lines = text.split('\n').count();
                prop_assert!(problems.iter().all(|p| (1..=lines).contains(&p.line) && p.column >= 1 && !p.reason.is_empty()));
            }
        }
    }
}
