//! Backups of PostgreSQL, by pgBackRest: its configuration, and the calls of it. Must never restore to a moment that the
//! chosen backup does not come before, nor hand the passphrase to anybody but through the configuration file, which only
//! the cluster's user reads.
//!
//! pgBackRest runs as the user whom the cluster belongs to; root becomes that user for it.

mod child;
mod config;
mod info;

pub use child::{ChildError, Finished};
pub use info::Backup;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use persistence::{Millis, Name};

use crate::key::BackupKey;
use crate::moment;
use child::run;

/// A full backup is taken when the last one is so old; in between, what has changed since the one before.
const FULL_EVERY: Duration = Duration::from_secs(7 * 24 * 3600 - 3 * 3600);

/// Since when PostgreSQL's archiver got rid of nothing, and what it could not get rid of last.
const HELD_BACK: &str = "SELECT format('%s (last tried at %s, %s tries failed): %s', \
                         coalesce(last_archived_time, stats_reset), last_failed_time, failed_count, last_failed_wal) \
                         FROM pg_stat_archiver WHERE last_failed_time > coalesce(last_archived_time, '-infinity')";
/// How long the cluster may take to say so.
const ASK_PATIENCE: Duration = Duration::from_secs(30);

/// A cluster, and where its backups go.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its data folder.
    pub data: PathBuf,
    /// The folder of its Unix socket.
    pub socket: PathBuf,
    /// Its port, which names the socket.
    pub port: u16,
    /// What pgBackRest calls it.
    pub stanza: Name,
    /// Where backups go; the second may be left out.
    pub repositories: Vec<PathBuf>,
    /// pgBackRest's configuration and whatever else it needs for itself.
    pub folder: PathBuf,
    /// Days that backups are kept.
    pub keep_days: u32,
    /// How long one call of pgBackRest may take.
    pub patience: Duration,
}

/// Why pgBackRest did not do it.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// A file or folder failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// It could not be called.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// It ended badly, and said this.
    #[error("pgBackRest {what} failed: {said}")]
    Failed {
        /// Its command.
        what: &'static str,
        /// Its own words.
        said: String,
    },
    /// The cluster does not say how it is.
    #[error("PostgreSQL does not say whether its log is archived: {0}")]
    Silent(String),
    /// Its answer is none.
    #[error("pgBackRest's list of backups does not read: {0}")]
    Answer(String),
    /// Nothing to restore from.
    #[error("no backup was complete by {0}")]
    TooEarly(String),
    /// Nothing to restore from.
    #[error("there is no backup of this cluster")]
    Empty,
    /// There is something already.
    #[error("{} is there already; a restore makes a new folder only", .0.display())]
    Exists(PathBuf),
}

/// What verifying a repository found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// All is as it was written.
    Sound,
    /// It is not: pgBackRest's words.
    Damaged(String),
}

/// What became of each repository.
pub type Outcomes<T> = Vec<(PathBuf, Result<T, PgError>)>;

impl Cluster {
    /// What PostgreSQL has to be told, as lines of its configuration.
    #[must_use]
    pub fn settings(&self) -> String {
        let (config, stanza) = (self.config_path(), &self.stanza);
        format!(
            "archive_mode = on\narchive_command = 'pgbackrest --config={} --stanza={stanza} archive-push %p'\n\
             archive_timeout = 60\n",
            config.display()
        )
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("pgbackrest.conf")
    }

    /// Makes the folders, and writes pgBackRest's configuration where it is not as it should be.
    ///
    /// # Errors
    /// [`PgError::Io`].
    pub fn prepare(&self, key: &BackupKey) -> Result<(), PgError> {
        let owner = self.owner();
        for folder in self.repositories.iter().chain([&self.folder]) {
            let io = |source| PgError::Io { path: folder.clone(), source };
            if !folder.exists() {
                make_folder(folder, owner).map_err(io)?;
            }
        }
        config::write(self, &self.config_path(), key, owner)
    }

    /// Takes a backup into each repository. The stanza is made where it is missing.
    ///
    /// # Errors
    /// [`PgError`] where no repository could be tried; else each has its own.
    pub fn take(&self, now: Millis) -> Result<Outcomes<()>, PgError> {
        // It may fail for one repository only; the backups below tell for which.
        let created = self.call("stanza-create", &[]);
        let known = self.list().unwrap_or_default();
        let mut outcomes = Vec::new();
        for (number, path) in (1_u32..).zip(&self.repositories) {
            let is_full = |b: &&Backup| b.repository == number && b.label.ends_with('F') && b.error.is_none();
            let last_full = known.iter().filter(is_full).map(|b| b.ended).max();
            let kind = if last_full.is_some_and(|at| at > now.before(FULL_EVERY)) { "incr" } else { "full" };
            let taken = self.call("backup", &[format!("--repo={number}"), format!("--type={kind}")]);
            outcomes.push((path.clone(), taken.map(drop)));
        }
        match created {
            Err(error) if outcomes.iter().all(|(_, taken)| taken.is_err()) => Err(error),
            _ => Ok(outcomes),
        }
    }

    /// All backups, the oldest first.
    ///
    /// # Errors
    /// [`PgError`].
    pub fn list(&self) -> Result<Vec<Backup>, PgError> {
        let said = self.call("info", &["--output=json".to_owned()])?;
        info::parse(&said.out, &self.stanza).map_err(PgError::Answer)
    }

    /// Reads all files of all backups and logs again, repository by repository.
    pub fn verify(&self) -> Outcomes<Verified> {
        let one = |number: usize| {
            let arguments = [format!("--repo={number}"), "--output=text".to_owned(), "--verbose".to_owned()];
            let said = self.call("verify", &arguments)?;
            // Its exit code is 0 whatever it finds.
            let is_sound = said.out.lines().any(|line| line.trim() == "status: ok");
            let trouble = said.out.lines().filter(|line| line.contains("invalid, ") || line.contains("error"));
            let trouble = trouble.map(str::trim).collect::<Vec<_>>().join("; ");
            Ok(if is_sound { Verified::Sound } else { Verified::Damaged(trouble) })
        };
        (1..).zip(&self.repositories).map(|(number, path)| (path.clone(), one(number))).collect()
    }

    /// Since when PostgreSQL cannot give its log away, and which part of it, if that is so: it asks the cluster. One that has
    /// no socket does not run, such as one that is to be restored, and keeps nothing.
    ///
    /// # Errors
    /// [`PgError`] where the cluster gives no answer.
    pub fn held_back(&self) -> Result<Option<String>, PgError> {
        let (socket, port) = (self.socket.display().to_string(), self.port.to_string());
        let place = fs::symlink_metadata(self.socket.join(format!(".s.PGSQL.{port}")));
        if place.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let arguments = ["-X", "-qAt", "-w", "-h", &socket, "-p", &port, "-d", "postgres", "-c", HELD_BACK];
        let arguments = arguments.map(str::to_owned);
        let finished = run("psql", &arguments, self.owner(), self.patience.min(ASK_PATIENCE))?;
        if !finished.is_well {
            return Err(PgError::Silent(finished.error.trim().to_owned()));
        }
        Ok(Some(finished.out.trim().to_owned()).filter(|said| !said.is_empty()))
    }

    /// Brings the cluster back into a new folder, as it was at a moment or as far as its log goes. What is in no
    /// repository that works is taken from the next. It does not archive until its `archive_mode` is set again.
    ///
    /// # Errors
    /// [`PgError`]; then there is no new folder.
    pub fn restore(&self, to: &Path, at: Option<Millis>) -> Result<Backup, PgError> {
        if fs::symlink_metadata(to).is_ok() {
            return Err(PgError::Exists(to.to_owned()));
        }
        let mut fitting = self.list()?;
        fitting.retain(|backup| backup.error.is_none() && at.is_none_or(|at| backup.ended <= at));
        let none = || at.map_or(PgError::Empty, |at| PgError::TooEarly(moment::rfc3339(at)));
        let mut failed = None;
        for number in (1_u32..).take(self.repositories.len()) {
            let Some(backup) = fitting.iter().rfind(|backup| backup.repository == number) else { continue };
            match self.restore_from(backup, to, at) {
                Ok(()) => return Ok(backup.clone()),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(none))
    }

    fn restore_from(&self, backup: &Backup, to: &Path, at: Option<Millis>) -> Result<(), PgError> {
        let io = |source| PgError::Io { path: to.to_owned(), source };
        fs::DirBuilder::new().mode(0o700).create(to).map_err(io)?;
        if let Some((user, group)) = self.owner() {
            chown(to, Some(user), Some(group)).map_err(io)?;
        }
        let mut arguments = vec![
            format!("--pg1-path={}", to.display()),
            format!("--repo={}", backup.repository),
            format!("--set={}", backup.label),
            "--archive-mode=off".to_owned(),
        ];
        if let Some(at) = at {
            arguments.push("--type=time".to_owned());
            arguments.push(format!("--target={}", moment::for_postgres(at)));
            arguments.push("--target-action=promote".to_owned());
        }
        let restored = self.call("restore", &arguments);
        if restored.is_err() {
            // Made above, by nobody else.
            fs::remove_dir_all(to).map_err(io)?;
        }
        restored.map(drop)
    }

    /// Removes what is older than it is to be kept, as pgBackRest does after each backup, too.
    pub fn prune(&self) -> Outcomes<()> {
        let one = |number: usize| self.call("expire", &[format!("--repo={number}")]).map(drop);
        (1..).zip(&self.repositories).map(|(number, path)| (path.clone(), one(number))).collect()
    }

    fn call(&self, what: &'static str, arguments: &[String]) -> Result<Finished, PgError> {
        let mut all = vec![format!("--config={}", self.config_path().display()), format!("--stanza={}", self.stanza)];
        all.extend_from_slice(arguments);
        all.push(what.to_owned());
        let finished = run("pgbackrest", &all, self.owner(), self.patience)?;
        if finished.is_well {
            return Ok(finished);
        }
        let said = [finished.error.trim(), finished.out.trim()].join("\n").trim().to_owned();
        Err(PgError::Failed { what, said })
    }

    /// User and group that pgBackRest has to run as, where that is not who runs this.
    fn owner(&self) -> Option<(u32, u32)> {
        let we_are_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        let config = self.config_path();
        let places = [&self.data, &config].into_iter().chain(&self.repositories);
        let owners = places.filter_map(|place| fs::metadata(place).ok()).map(|about| (about.uid(), about.gid()));
        owners.into_iter().find(|(user, _)| *user != 0).filter(|_| we_are_root)
    }
}

/// Makes a folder for the cluster's user alone. Where that is another one, folders on the way to it let them through.
fn make_folder(folder: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    if let (Some(parent), Some(_)) = (folder.parent(), owner) {
        let missing: Vec<&Path> = parent.ancestors().take_while(|above| !above.exists()).collect();
        for above in missing.into_iter().rev() {
            fs::create_dir(above)?;
            // Whatever the mask of this process is.
            fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
        }
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    owner.map_or(Ok(()), |(user, group)| chown(folder, Some(user), Some(group)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use persistence_testkit::cluster;

    fn cluster(folder: &Path, port: u16) -> Cluster {
        Cluster {
            data: folder.join("data"),
            socket: folder.to_owned(),
            port,
            stanza: Name::new("main").unwrap(),
            repositories: vec![folder.join("r1")],
            folder: folder.join("pgbackrest"),
            keep_days: 30,
            patience: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_cluster_that_is_not_there_is_not_complained_of() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(cluster(folder.path(), 5432).held_back(), Ok(None)));
    }

    #[test]
    fn since_when_is_the_last_success_and_not_the_last_failure() {
        let server = cluster::Cluster::start(&[("archive_mode", "on"), ("archive_command", "false")]);
        server.sql("SELECT FROM pg_logical_emit_message(false, '', ''); SELECT pg_switch_wal();");
        server.await_that("SELECT failed_count > 0 FROM pg_stat_archiver");
        // Asked as the testkit does, which has the password.
        let (said, reset) = (server.sql(HELD_BACK), server.sql("SELECT stats_reset FROM pg_stat_archiver"));
        assert!(said.starts_with(&format!("{reset} (last tried at 2")), "{said}, since {reset}");
    }
}
