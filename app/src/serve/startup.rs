//! The order in which the parts of the service start, as data, and a trace of it. Must never let a part begin before all
//! that it needs is there: that ends the start.

use std::time::Instant;

use serde_json::json;

use crate::exit::Failure;
use crate::session_cmd::report::Report;

/// Each part with what it needs.
pub const PARTS: &[(&str, &[&str])] = &[
    ("configuration", &[]),
    ("signals", &[]),
    ("folder", &["configuration"]),
    ("store", &["configuration", "folder", "signals"]),
    ("sockets", &["configuration", "folder", "store"]),
    ("keys", &["configuration", "folder", "store"]),
    ("world", &["store", "sockets", "keys"]),
    ("journal", &["store", "world"]),
    ("log", &["journal", "world", "keys"]),
    ("session", &["world", "log", "signals"]),
    ("control", &["store", "sockets", "journal", "session"]),
];

/// A start that is under way.
pub struct Startup {
    parts: &'static [(&'static str, &'static [&'static str])],
    ready: Vec<&'static str>,
    began: Instant,
    report: Report,
}

impl Startup {
    /// Nothing is there yet.
    #[must_use]
    pub fn new(report: Report) -> Self {
        Self { parts: PARTS, ready: Vec::new(), began: Instant::now(), report }
    }

    /// A part begins; gives an error where something that it needs is not ready.
    ///
    /// # Errors
    /// [`Failure::Machine`].
    pub fn begin(&self, part: &'static str) -> Result<(), Failure> {
        let Some((_, needs)) = self.parts.iter().find(|(name, _)| *name == part) else {
            return Err(Failure::Machine(format!("the order of the start knows no {part}")));
        };
        if let Some(missing) = needs.iter().find(|need| !self.ready.contains(need)) {
            return Err(Failure::Machine(format!(
                "the start is in the wrong order: {part} needs {missing}, which is not ready"
            )));
        }
        self.trace(part, "starting")
    }

    /// A part that has begun is ready.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn ready(&mut self, part: &'static str) -> Result<(), Failure> {
        self.ready.push(part);
        self.trace(part, "ready")
    }

    /// A part has to wait for something outside.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn waits(&self, part: &str, why: &str) -> Result<(), Failure> {
        self.report.say(
            &format!("waiting for the {part}: {why}"),
            "start",
            json!({ "part": part, "state": "waiting", "why": why }),
        )
    }

    fn trace(&self, part: &str, state: &str) -> Result<(), Failure> {
        let after_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(part, state, after_ms, "start");
        self.report.note("start", json!({ "part": part, "state": state, "after_ms": after_ms }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_order_can_be_kept_and_is() {
        let mut startup = Startup::new(Report::new(false, true));
        for (part, needs) in PARTS {
            assert!(needs.iter().all(|need| PARTS.iter().any(|(name, _)| name == need)), "{part}");
            startup.begin(part).unwrap();
            startup.ready(part).unwrap();
        }
    }

    #[test]
    fn a_part_before_what_it_needs_ends_the_start() {
        let mut startup = Startup::new(Report::new(false, true));
        startup.begin("configuration").unwrap();
        let told = startup.begin("folder").unwrap_err().to_string();
        assert!(told.contains("folder needs configuration"), "begun is not ready: {told}");
        startup.ready("configuration").unwrap();
        startup.begin("folder").unwrap();
        assert!(startup.begin("no such part").is_err());
        let wrong: &[(&str, &[&str])] = &[("world", &["store"]), ("store", &[])];
        let startup = Startup { parts: wrong, ..startup };
        assert!(startup.begin("world").unwrap_err().to_string().contains("world needs store"));
    }
}
