//! The command line: what can be asked for, with help for a newcomer, and the exit code. Must never do any of it, nor show
//! a key.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use persistence::{Millis, Name};

use crate::commands;

/// Exit code when all is well.
const FINE: u8 = 0;
/// Exit code when something that was verified is damaged.
const DAMAGED: u8 = 1;
/// Exit code when something could not be done, or not all of it.
const UNUSABLE: u8 = 2;

/// How a command that did its work ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Well.
    Fine,
    /// Something is damaged; the sentence says what.
    Damaged(String),
}

/// Backups of what `spacetime serve` keeps: take them, list them, verify them, restore them, remove old ones.
///
/// A backup holds worlds, their logs, and what belongs to players, sealed with the backup key. It never holds the keys of
/// people: keep the store of keys and its master key elsewhere, as without them nobody's private fields can be read.
///
/// Every option can also be set by the environment, as its help says, or in the section [backup] of the service's
/// configuration file, with underscores for dashes.
///
/// Exit codes: 0 fine, 1 verified and damaged, 2 not done or not everywhere.
#[derive(Debug, Parser)]
#[command(
    name = "spacetime-backup",
    version,
    max_term_width = 100,
    after_help = "\
A first backup, and a rehearsal of a restore:
  (umask 077; head -c 32 /dev/urandom | base64 > backup.key)
  spacetime-backup now --store spacetime.redb --repo backups --key-file backup.key
  spacetime-backup verify --deep --repo backups --key-file backup.key
  spacetime-backup restore latest --to restored.redb --erasures-later --repo backups --key-file backup.key"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of all commands.
#[derive(Debug, Default, Args)]
pub(crate) struct Common {
    /// The service's configuration file, for whatever is not given here.
    #[arg(long, global = true, value_name = "FILE", env = "SPACETIME_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The folder that backups go to; made if it does not exist.
    #[arg(long, global = true, value_name = "DIR", env = "SPACETIME_BACKUP_REPO")]
    pub(crate) repo: Option<PathBuf>,
    /// A second folder, best on another machine's disk.
    #[arg(long, global = true, value_name = "DIR", env = "SPACETIME_BACKUP_REPO2")]
    pub(crate) repo2: Option<PathBuf>,
    /// The file with the backup key: 32 bytes in base64 or hexadecimal, readable by its owner only. SPACETIME_BACKUP_KEY
    /// may hold the key itself instead.
    #[arg(long, global = true, value_name = "FILE", env = "SPACETIME_BACKUP_KEY_FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// What backups call the store, where one folder has backups of several; "main" unless given.
    #[arg(long, global = true, value_name = "NAME", env = "SPACETIME_BACKUP_NAME")]
    pub(crate) name: Option<Name>,
    /// Days that backups are kept; 30 unless given.
    #[arg(long, global = true, value_name = "N", env = "SPACETIME_BACKUP_KEEP_DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) keep_days: Option<u32>,
    /// Work on a PostgreSQL cluster with this data folder, by pgBackRest.
    #[arg(long, global = true, value_name = "DIR", env = "SPACETIME_BACKUP_POSTGRES")]
    pub(crate) postgres: Option<PathBuf>,
    /// The folder of the cluster's Unix socket; /var/run/postgresql unless given.
    #[arg(long, global = true, value_name = "DIR", env = "SPACETIME_BACKUP_POSTGRES_SOCKET")]
    pub(crate) postgres_socket: Option<PathBuf>,
    /// The cluster's port; 5432 unless given.
    #[arg(long, global = true, value_name = "PORT", env = "SPACETIME_BACKUP_POSTGRES_PORT")]
    pub(crate) postgres_port: Option<u16>,
    /// Where pgBackRest's configuration is kept, which has a passphrase in it; /etc/spacetime-pgbackrest unless given.
    #[arg(long, global = true, value_name = "DIR", env = "SPACETIME_BACKUP_PGBACKREST")]
    pub(crate) pgbackrest: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take a backup, and read it again. Meant to be started by a timer, every 6 hours.
    Now(NowArgs),
    /// List backups, the oldest first. For those of the embedded store no key is needed.
    List(ListArgs),
    /// Read backups again, and say which are damaged.
    Verify(VerifyArgs),
    /// Bring a backup back, into a new file or folder.
    Restore(RestoreArgs),
    /// Remove backups that are older than they are to be kept; never the last good one.
    Prune,
}

/// `spacetime-backup now`.
#[derive(Debug, Args)]
pub(crate) struct NowArgs {
    /// The embedded store's file. A service that runs has it open: name its socket, too.
    #[arg(long, value_name = "FILE", env = "SPACETIME_BACKUP_STORE")]
    pub(crate) store: Option<PathBuf>,
    /// The control socket of the service, by which the store is copied while the service runs.
    #[arg(long, value_name = "FILE", env = "SPACETIME_BACKUP_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
}

/// `spacetime-backup list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `spacetime-backup verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The backup's name, or how it begins; the latest unless given.
    #[arg(value_name = "BACKUP", conflicts_with = "all")]
    pub(crate) backup: Option<String>,
    /// All backups.
    #[arg(long)]
    pub(crate) all: bool,
    /// Also simulate every world again along its log, and compare every digest. Takes as long as that does.
    #[arg(long)]
    pub(crate) deep: bool,
}

/// `spacetime-backup restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup's name, or how it begins, or "latest".
    #[arg(value_name = "BACKUP", required_unless_present = "at", conflicts_with = "at")]
    pub(crate) backup: Option<String>,
    /// As of this moment, such as 2026-11-23T12:00:00Z: the latest backup before it; with --postgres, exactly then.
    #[arg(long, value_name = "TIME", value_parser = crate::moment::parse)]
    pub(crate) at: Option<Millis>,
    /// The new file; with --postgres, the new data folder. Nothing may be there.
    #[arg(long, value_name = "PATH")]
    pub(crate) to: PathBuf,
    /// Bring this world back as it was at --tick. Everything else is as in the backup.
    #[arg(long, value_name = "NAME", requires = "tick")]
    pub(crate) world: Option<Name>,
    /// Steps that the world had taken.
    #[arg(long, value_name = "N", requires = "world", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) tick: Option<u64>,
    /// The service's store of keys, by which who was erased since the backup was taken is erased again. The service must
    /// not run: it has that file open.
    #[arg(long, value_name = "FILE", requires = "master_key_file")]
    pub(crate) keys: Option<PathBuf>,
    /// The file with the master key of the store of keys.
    #[arg(long, value_name = "FILE", requires = "keys")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// Leave that to the service, which does it whenever it opens a store, before it serves.
    #[arg(long, conflicts_with = "keys")]
    pub(crate) erasures_later: bool,
}

/// Reads the command line, does what it says, and gives the exit code: 0 fine, 1 verified and damaged, 2 not done or not
/// everywhere.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// The same with this command line, whose first word is the program's name.
#[must_use]
pub fn run(line: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(usage) => {
            // Help for a closed pipe is nobody's loss.
            let _ = usage.print();
            return if usage.use_stderr() { UNUSABLE } else { FINE };
        }
    };
    let (sentence, code) = match commands::dispatch(cli) {
        Ok(Outcome::Fine) => return FINE,
        Ok(Outcome::Damaged(sentence)) => (sentence, DAMAGED),
        Err(sentence) => (sentence, UNUSABLE),
    };
    complain(&sentence);
    code
}

/// Writes one sentence to standard error.
pub(crate) fn complain(sentence: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "spacetime-backup: {sentence}");
}

/// Writes a line to standard output. A reader that has gone away is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_world_needs_its_tick() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("x restore latest --to f --world w --tick 3").is_ok());
        assert!(parse("x restore latest --to f --world w").is_err());
        assert!(parse("x restore --to f").is_err());
        assert!(parse("x restore --to f --at 2026-11-23T12:00:00Z").is_ok());
        assert!(parse("x restore --to f --at noon").is_err());
        assert!(parse("x verify abc --all").is_err());
    }
}
