//! Asks the running service, and tells people what it said. Must never start anything where none runs.

use std::path::Path;
use std::time::Duration;

use persistence::StoreError;
use persistence::remote::Remote;
use serde_json::Value;

use super::config::Config;
use crate::cli::{SaveArgs, StatusArgs};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};

/// How long the service may take for what it knows.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take for a save: longer than it waits for one itself.
const SAVE_PATIENCE: Duration = Duration::from_secs(75);

/// A runtime for a command that asks.
///
/// # Errors
/// [`Failure::Machine`].
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|e| Failure::Machine(format!("cannot start the runtime: {e}")))
}

/// The service's answer.
///
/// # Errors
/// [`Failure::Machine`] with its sentence, or that there is none.
pub fn json(socket: &Path, question: &str) -> Result<Value, Failure> {
    let patience = if question.starts_with("save") { SAVE_PATIENCE } else { PATIENCE };
    let asking = async { Remote::at(socket).within(patience).ask(question).await };
    let answer = runtime()?.block_on(asking).map_err(|e| match e {
        StoreError::Other(sentence) => Failure::Machine(sentence),
        StoreError::TimedOut(limit) => {
            Failure::Machine(format!("the service at {} did not answer within {limit:?}", socket.display()))
        }
        other => Failure::Machine(other.to_string()),
    })?;
    serde_json::from_str(&answer).map_err(|_| Failure::Machine("the service gave an answer that is none".to_owned()))
}

/// Runs `spacetime status`.
///
/// # Errors
/// As [`json`].
pub fn status(args: &StatusArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.config.as_deref())?;
    let status = json(&config.socket, "status")?;
    if args.json {
        output::print_json(&status)?;
    } else {
        output::print(&text(&status))?;
    }
    let health = status["health"]["state"].as_str().unwrap_or("unknown");
    if health == "ill" { Ok(Outcome::Different("the service is ill".to_owned())) } else { Ok(Outcome::Fine) }
}

/// Runs `spacetime save`.
///
/// # Errors
/// As [`json`].
pub fn save(args: &SaveArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.config.as_deref())?;
    let question = args.label.as_ref().map_or("save".to_owned(), |label| format!("save {label}"));
    let saved = json(&config.socket, &question)?;
    if args.json {
        output::print_json(&saved)?;
    } else {
        let tick = grouped(saved["tick"].as_u64().unwrap_or_default());
        output::print(&format!("saved at tick {tick}, digest {}\n", saved["digest"].as_str().unwrap_or_default()))?;
    }
    Ok(Outcome::Fine)
}

/// Runs `spacetime invite`.
///
/// # Errors
/// As [`json`].
pub fn invite(args: &StatusArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.config.as_deref())?;
    let made = json(&config.socket, "invite")?;
    if args.json {
        output::print_json(&made)?;
    } else {
        output::print(&format!("{}\n", made["invite"].as_str().unwrap_or_default()))?;
    }
    Ok(Outcome::Fine)
}

fn text(status: &Value) -> String {
    let at = |mark: &Value| match (mark["tick"].as_u64(), mark["digest"].as_str()) {
        (Some(tick), Some(digest)) => format!("tick {}, digest {digest}", grouped(tick)),
        _ => "nothing yet".to_owned(),
    };
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut text = format!(
        "world     {} ({} Hz), in process {} for {:.0} s\nnow       {}\ndurable   {}\nsaved     {}\nwaiting   {} batches, \
         {} bytes\nplayers   {}\nmemory    {} MiB\nhealth    {}\n",
        word(&status["world"]),
        status["tick_rate_hz"],
        status["pid"],
        status["uptime_s"].as_f64().unwrap_or_default(),
        at(status),
        at(&status["durable"]),
        at(&status["saved"]),
        status["backlog"]["batches"],
        status["backlog"]["bytes"],
        status["players"].as_array().map_or(0, Vec::len),
        status["memory_bytes"].as_u64().unwrap_or_default() >> 20,
        word(&status["health"]["state"]),
    );
    for reason in status["health"]["reasons"].as_array().into_iter().flatten() {
        text.push_str(&format!("          {}\n", word(reason)));
    }
    text
}
