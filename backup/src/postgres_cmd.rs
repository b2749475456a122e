//! The commands on backups of PostgreSQL. Must never say that something was done that was not, or not everywhere.

use std::path::PathBuf;

use persistence::Millis;
use serde::Serialize;

use crate::cli::{Command, Outcome, RestoreArgs, complain, say};
use crate::moment;
use crate::pgbackrest::{Backup, Cluster, Outcomes, PgError, Verified};
use crate::settings::Settings;

/// Does what the command line says.
pub(crate) fn dispatch(
    cluster: &Cluster,
    settings: &Settings,
    command: Command,
    now: Millis,
) -> Result<Outcome, String> {
    cluster.prepare(&settings.key()?).map_err(|e| e.to_string())?;
    match command {
        Command::Now(_) => take(cluster, now),
        Command::List(args) => list(cluster, args.json),
        Command::Verify(_) => verify(cluster),
        Command::Restore(args) => restore(cluster, &args),
        Command::Prune => everywhere(cluster.prune(), "prune"),
    }
}

fn take(cluster: &Cluster, now: Millis) -> Result<Outcome, String> {
    let advice = |error: String| {
        let lines = cluster.settings();
        format!("{error}\nPostgreSQL's configuration needs these lines, and a restart after the first:\n{lines}")
    };
    warn(cluster);
    let outcomes = cluster.take(now).map_err(|e| advice(e.to_string()))?;
    let is_anywhere = outcomes.iter().any(|(_, outcome)| outcome.is_ok());
    for (path, _) in outcomes.iter().filter(|(_, outcome)| outcome.is_ok()) {
        say(&format!("a backup of {} is in {}", cluster.data.display(), path.display()));
    }
    everywhere(outcomes, "backup").map_err(|error| if is_anywhere { error } else { advice(error) })
}

fn everywhere(outcomes: Outcomes<()>, what: &str) -> Result<Outcome, String> {
    let failed = |(path, outcome): (PathBuf, Result<(), PgError>)| {
        outcome.err().map(|error| format!("{what} in {}: {error}", path.display()))
    };
    let failed: Vec<String> = outcomes.into_iter().filter_map(failed).collect();
    if failed.is_empty() { Ok(Outcome::Fine) } else { Err(failed.join("; ")) }
}

/// Complains where the log piles up at the cluster. A cluster that is not there, such as one that is to be restored, has
/// none.
fn warn(cluster: &Cluster) {
    match cluster.held_back() {
        Ok(None) => {}
        Ok(Some(since)) => complain(&format!(
            "PostgreSQL keeps its log, as it is not archived since {since}; mend the repository, or its disk will be full"
        )),
        Err(error) => complain(&error.to_string()),
    }
}

/// A backup in JSON.
#[derive(Serialize)]
struct Listed {
    name: String,
    repository: PathBuf,
    taken: String,
    bytes: u64,
    damage: Option<String>,
}

fn list(cluster: &Cluster, json: bool) -> Result<Outcome, String> {
    let row = |backup: Backup| Listed {
        repository: (backup.repository as usize)
            .checked_sub(1)
            .and_then(|at| cluster.repositories.get(at).cloned())
            .unwrap_or_default(),
        name: backup.label,
        taken: moment::rfc3339(backup.ended),
        bytes: backup.bytes,
        damage: backup.error,
    };
    warn(cluster);
    let listed: Vec<Listed> = cluster.list().map_err(|e| e.to_string())?.into_iter().map(row).collect();
    if json {
        say(&serde_json::to_string_pretty(&listed).map_err(|e| e.to_string())?);
        return Ok(Outcome::Fine);
    }
    for Listed { name, repository, taken, bytes, damage } in &listed {
        let damage = damage.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
        say(&format!("{name}  {taken}  {bytes} bytes  {}{damage}", repository.display()));
    }
    if listed.is_empty() {
        say("there are no backups");
    }
    Ok(Outcome::Fine)
}

fn verify(cluster: &Cluster) -> Result<Outcome, String> {
    let (mut damaged, mut failed) = (Vec::new(), Vec::new());
    for (path, verified) in cluster.verify() {
        let path = path.display();
        match verified {
            Ok(Verified::Sound) => say(&format!("all backups in {path} are sound")),
            Ok(Verified::Damaged(what)) => damaged.push(format!("{path} is damaged: {what}")),
            Err(error) => failed.push(format!("{path}: {error}")),
        }
    }
    failed.iter().for_each(|why| complain(why));
    match (damaged.is_empty(), failed.is_empty()) {
        (false, _) => Ok(Outcome::Damaged(damaged.join("; "))),
        (true, false) => Err("not everything could be verified".to_owned()),
        (true, true) => Ok(Outcome::Fine),
    }
}

fn restore(cluster: &Cluster, args: &RestoreArgs) -> Result<Outcome, String> {
    if args.world.is_some() {
        return Err("a tick can be chosen for a backup of the embedded store only; use --at".to_owned());
    }
    if args.backup.as_deref().is_some_and(|name| name != "latest") {
        return Err("for PostgreSQL say `latest`, or with --at which moment".to_owned());
    }
    let to = std::path::absolute(&args.to).map_err(|e| e.to_string())?;
    let backup = cluster.restore(&to, args.at).map_err(|e| e.to_string())?;
    let moment = args.at.map_or_else(|| "the end of its log".to_owned(), moment::rfc3339);
    say(&format!("{} and the log up to {moment} are restored to {}", backup.label, to.display()));
    say(
        "it is replayed when PostgreSQL starts there; archive_mode is off in its postgresql.auto.conf until you take that out",
    );
    say("start `spacetime serve` on it to erase again who was erased since, before anybody else may read it");
    Ok(Outcome::Fine)
}
