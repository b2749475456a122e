//! The newest server that was seen. A server's timeline rises with each promotion, so one with a lower timeline was
//! replaced: it lacks what was acknowledged since. Must never forget, where it was given a file.

use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::StoreError;

/// Which cluster a server belongs to, and how many promotions it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Made with the cluster; its standbys have the same.
    pub system: i64,
    /// From 1 on.
    pub timeline: u32,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    file: Option<PathBuf>,
    newest: Mutex<Option<Server>>,
}

impl Seen {
    /// With what the file says, if there is one.
    pub(super) fn open(file: Option<PathBuf>) -> Result<Self, StoreError> {
        let newest = file.as_deref().map(read).transpose()?.flatten();
        Ok(Self { file, newest: Mutex::new(newest) })
    }

    /// Takes note of a server; refuses one that was replaced.
    pub(super) fn admit(&self, server: Server) -> Result<(), StoreError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match *newest {
            Some(newest) if newest.system != server.system => {
                let forget = self.file.as_ref().map_or_else(
                    || "restart the program".to_owned(),
                    |file| format!("remove {} and restart the program", file.display()),
                );
                let why = format!("it is of another cluster than the one before; if it was moved on purpose, {forget}");
                Err(StoreError::Superseded(why))
            }
            Some(newest) if newest.timeline > server.timeline => {
                let (old, new) = (server.timeline, newest.timeline);
                Err(StoreError::Superseded(format!("it has timeline {old}, its successor had {new}")))
            }
            Some(newest) if newest.timeline == server.timeline => Ok(()),
            _ => {
                if let Some(file) = &self.file {
                    write(file, server).map_err(|e| StoreError::Unavailable(format!("{}: {e}", file.display())))?;
                }
                *newest = Some(server);
                Ok(())
            }
        }
    }

    /// Whether a newer one was seen since.
    pub(super) fn is_replaced(&self, server: Server) -> bool {
        let newest = *self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.is_some_and(|newest| newest != server)
    }
}

fn read(file: &Path) -> Result<Option<Server>, StoreError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::Other(format!("{}: {error}", file.display()))),
    };
    let mut words = text.split_whitespace();
    let system = words.next().and_then(|word| word.parse().ok());
    let timeline = words.next().and_then(|word| word.parse().ok());
    let damaged = || StoreError::Corrupt(format!("{} does not name a server", file.display()));
    Ok(Some(Server { system: system.ok_or_else(damaged)?, timeline: timeline.ok_or_else(damaged)? }))
}

/// Whole or not at all, also when the power goes.
fn write(file: &Path, server: Server) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = file.with_extension("new");
    let mut out = File::create(&new)?;
    writeln!(out, "{} {}", server.system, server.timeline)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_replaced_is_refused_for_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("new").join("seen");
        let of = |timeline| Server { system: -5, timeline };
        let seen = Seen::open(Some(file.clone())).expect("no file yet");
        seen.admit(of(1)).expect("the first");
        seen.admit(of(1)).expect("the same");
        seen.admit(of(3)).expect("a newer one");
        assert!(seen.is_replaced(of(1)) && !seen.is_replaced(of(3)));
        assert!(matches!(seen.admit(of(2)), Err(StoreError::Superseded(_))));
        let seen = Seen::open(Some(file.clone())).expect("the file");
        assert!(matches!(seen.admit(of(2)), Err(StoreError::Superseded(_))));
        assert!(matches!(seen.admit(Server { system: 6, timeline: 9 }), Err(StoreError::Superseded(_))));
        fs::write(&file, "nonsense").expect("written");
        assert!(matches!(Seen::open(Some(file)), Err(StoreError::Corrupt(_))));
    }
}
