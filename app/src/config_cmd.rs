//! `spacetime config`: checks and shows the service's configuration, and lists its keys. Must never show a secret.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{ConfigArgs, ConfigCommand};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::serve::config::{Config, table};

/// Runs `spacetime config`.
///
/// # Errors
/// [`Failure::Misused`] with a sentence for each mistake, [`Failure::Unreadable`].
pub fn command(args: &ConfigArgs) -> Result<Outcome, Failure> {
    match &args.command {
        ConfigCommand::Check { file } => check(file.as_deref())?,
        ConfigCommand::Show { config, running, json } => {
            let config = Config::load(config.as_deref())?;
            let shown =
                if *running { crate::serve::ask::json(&config.socket, "config")? } else { config.values.json() };
            if *json { output::print_json(&shown)? } else { output::print(&lines(&shown))? }
        }
        ConfigCommand::Keys => output::print(&table::documented())?,
    }
    Ok(Outcome::Fine)
}

fn check(file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file)?;
    let from = config.values.file.as_ref().map_or("the defaults".to_owned(), |path| path.display().to_string());
    output::print(&format!("{from}: good\n"))
}

/// A line for each key: what holds, and where that comes from.
fn lines(shown: &Value) -> String {
    let line = |(key, value): (&String, &Value)| {
        let text = match &value["value"] {
            Value::String(text) if text.is_empty() => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("{key} = {text}  ({})\n", value.get("from").unwrap_or(&json!("")).as_str().unwrap_or_default())
    };
    shown.as_object().into_iter().flatten().map(line).collect()
}
