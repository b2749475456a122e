//! `spacetime scenario`: list, show and check scenarios; and finding the one that a command line names.

use std::io::Read;
use std::path::Path;

use serde_json::json;
use sim::Scenario;
use sim::recording::SCENARIO_BYTES_MAX;
use sim::scenario::shipped;

use crate::cli::{ScenarioArgs, ScenarioCommand};
use crate::exit::{Failure, Outcome};
use crate::output;

/// Runs `spacetime scenario`.
///
/// # Errors
/// [`Failure`] for a scenario that does not exist, cannot be read or is wrong.
pub fn command(args: &ScenarioArgs) -> Result<Outcome, Failure> {
    match &args.command {
        ScenarioCommand::List { json } => list(*json)?,
        ScenarioCommand::Show { scenario, json } => show(scenario.as_deref(), *json)?,
        ScenarioCommand::Check { file, json } => check(file, *json)?,
    }
    Ok(Outcome::Fine)
}

/// The scenario that a person named: a shipped one, or else a file.
///
/// # Errors
/// [`Failure::Misused`] for neither, [`Failure::Unreadable`], [`Failure::Scenario`].
pub fn load(name: &str) -> Result<Scenario, Failure> {
    parse(name, &text_of(name)?)
}

fn parse(name: &str, text: &str) -> Result<Scenario, Failure> {
    Scenario::parse(text).map_err(|error| Failure::Scenario { origin: name.to_owned(), error })
}

fn text_of(name: &str) -> Result<String, Failure> {
    if let Some((_, text)) = shipped().iter().find(|(shipped, _)| *shipped == name) {
        return Ok((*text).to_owned());
    }
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '\\', '.']) {
        let known: Vec<&str> = shipped().iter().map(|(name, _)| *name).collect();
        return Err(Failure::Misused(format!(
            "there is no scenario `{name}`, and no file of that name; shipped are: {}",
            known.join(", ")
        )));
    }
    let limit = SCENARIO_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    let read = output::open(path)?.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|e| Failure::unreadable(path, output::plain(&e)))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::unreadable(path, "it is longer than 16 MiB"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
        Failure::unreadable(path, format!("line {line}: it is not UTF-8 text"))
    })
}

fn list(json: bool) -> Result<(), Failure> {
    let shipped = shipped().iter().map(|(name, text)| parse(name, text)).collect::<Result<Vec<_>, _>>()?;
    if json {
        let entry =
            |(i, s): (usize, &Scenario)| json!({ "name": s.name, "description": s.description, "default": i == 0 });
        let scenarios: Vec<_> = shipped.iter().enumerate().map(entry).collect();
        return output::print_json(&json!({ "scenarios": scenarios }));
    }
    let width = shipped.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let lines: Vec<String> = shipped.iter().map(|s| format!("{:width$}  {}\n", s.name, s.description)).collect();
    output::print(&lines.concat())
}

fn show(name: Option<&str>, json: bool) -> Result<(), Failure> {
    let default = shipped().first().map_or("", |(name, _)| *name);
    let name = name.unwrap_or(default);
    let text = text_of(name)?;
    if json {
        let mut value = summary(&parse(name, &text)?);
        value["text"] = json!(text);
        return output::print_json(&value);
    }
    // Shown as it is, wrong or not: whoever looks for the mistake wants to see it.
    output::print(&text)
}

fn check(name: &str, json: bool) -> Result<(), Failure> {
    let checked = load(name);
    if json {
        let value = match &checked {
            Ok(scenario) => {
                let mut value = summary(scenario);
                value["ok"] = json!(true);
                value
            }
            Err(Failure::Scenario { error, .. }) => {
                json!({ "ok": false, "line": error.line, "message": error.message })
            }
            Err(other) => json!({ "ok": false, "line": null, "message": other.to_string() }),
        };
        output::print_json(&value)?;
        return checked.map(|_| ());
    }
    let scenario = checked?;
    output::print(&format!(
        "{name}: good: {} bodies, {} ships, {} asteroids, {} structures, {} Hz, epoch JD {}\n",
        scenario.bodies.len(),
        ships(&scenario),
        asteroids(&scenario),
        scenario.structures.len(),
        scenario.tick_rate_hz,
        scenario.epoch_jd_tdb
    ))
}

fn summary(scenario: &Scenario) -> serde_json::Value {
    json!({
        "name": scenario.name,
        "description": scenario.description,
        "seed": scenario.seed,
        "tick_rate_hz": scenario.tick_rate_hz,
        "epoch_jd_tdb": scenario.epoch_jd_tdb,
        "speed_of_light_m_s": scenario.speed_of_light_m_s,
        "bodies": scenario.bodies.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
        "ships": ships(scenario),
        "asteroids": asteroids(scenario),
        "structures": scenario.structures.len(),
    })
}

fn ships(scenario: &Scenario) -> u64 {
    scenario.fleets.iter().map(|f| u64::from(f.count)).sum()
}

fn asteroids(scenario: &Scenario) -> u64 {
    scenario.asteroid_fields.iter().map(|f| u64::from(f.count)).sum()
}
