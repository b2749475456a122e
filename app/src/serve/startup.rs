//! The order in which the parts of the service start, as data, and a trace of it. Must never let a part begin before all
//! that it needs is there: that ends the start.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::exit::Failure;
use crate::session_cmd::report::Report;
use crate::session_cmd::stop::Stop;

/// How often something that is not there yet is tried again.
const TRY: Duration = Duration::from_secs(1);

/// Each part with what it needs.
pub const PARTS: &[(&str, &[&str])] = &[
    ("configuration", &[]),
    ("signals", &[]),
    ("master key", &["configuration"]),
    // From here on things are made on the disk.
    ("folder", &["configuration", "master key"]),
    ("store", &["configuration", "folder", "signals"]),
    ("keys", &["configuration", "master key", "folder", "store"]),
    // Behind all that may have to be waited for: who asks there gets an answer.
    ("sockets", &["configuration", "folder", "store", "keys"]),
    // A new one only once it is known that keys are not missing.
    ("identity", &["folder", "keys"]),
    ("world", &["store", "sockets", "keys", "identity"]),
    ("journal", &["store", "world"]),
    ("log", &["journal", "world", "keys"]),
    ("session", &["world", "log", "signals", "identity"]),
    ("control", &["store", "sockets", "journal", "session"]),
    ("api", &["store", "keys", "journal", "control"]),
];

/// Why a part is not ready.
pub enum Hindrance {
    /// It may come: try again.
    Later(String),
    /// It does not come by waiting.
    Failed(Failure),
}

impl From<Failure> for Hindrance {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

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

    /// Where it is told.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
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

    /// Opens what a part needs, however long that takes to come; nothing where the service is told to stop meanwhile.
    ///
    /// # Errors
    /// [`Failure`] where it does not come.
    pub fn wait_for<T>(
        &self,
        part: &str,
        stop: &mut Stop,
        mut open: impl FnMut() -> Result<T, Hindrance>,
    ) -> Result<Option<T>, Failure> {
        loop {
            match open() {
                Ok(opened) => return Ok(Some(opened)),
                Err(Hindrance::Later(why)) => self.waits(part, &why)?,
                Err(Hindrance::Failed(failure)) => return Err(failure),
            }
            stop.wait(TRY);
            if stop.is_asked() {
                return Ok(None);
            }
        }
    }

    fn waits(&self, part: &str, why: &str) -> Result<(), Failure> {
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
    use crate::cli::ServeArgs;
    use crate::serve::run::start;

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
        let told = startup.begin("master key").unwrap_err().to_string();
        assert!(told.contains("master key needs configuration"), "begun is not ready: {told}");
        startup.ready("configuration").unwrap();
        startup.begin("master key").unwrap();
        assert!(startup.begin("no such part").is_err());
        let wrong: &[(&str, &[&str])] = &[("world", &["store"]), ("store", &[])];
        let startup = Startup { parts: wrong, ..startup };
        assert!(startup.begin("world").unwrap_err().to_string().contains("world needs store"));
    }

    #[test]
    fn a_start_in_another_order_than_the_declared_one_ends_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("service.toml");
        let store = folder.path().join("world.redb");
        std::fs::write(&file, format!("[store]\npath = {:?}\n", store.display())).unwrap();
        let args = ServeArgs { config: Some(file), at_tick: None, discard_after: false, json: false };
        // The service makes its folder before it opens the store, and here it must not.
        let parts: &[(&str, &[&str])] =
            &[("configuration", &[]), ("signals", &[]), ("master key", &[]), ("folder", &["store"])];
        let startup = Startup { parts, ..Startup::new(Report::new(false, true)) };
        let told = start(&args, startup).unwrap_err().to_string();
        assert!(told.contains("the start is in the wrong order: folder needs store"), "{told}");
        assert!(!store.exists());
    }
}
