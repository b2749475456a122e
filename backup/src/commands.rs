//! The commands on backups of the embedded store. Must never say that something was done that was not, or not everywhere.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use persistence::people::{MasterKey, People, Vault, VaultError};
use persistence::remote::Remote;
use persistence::{Embedded, Millis, Store, Tick};
use serde::Serialize;

use crate::archive::Footer;
use crate::cli::{Cli, Command, ListArgs, NowArgs, Outcome, RestoreArgs, VerifyArgs, complain, say};
use crate::key::BackupKey;
use crate::repository::{Entry, Repository, RepositoryError};
use crate::restore::{What, restore};
use crate::settings::Settings;
use crate::{deep, moment, postgres_cmd, take};

/// Does what the command line says.
///
/// # Errors
/// A sentence.
pub(crate) fn dispatch(cli: Cli) -> Result<Outcome, String> {
    let settings = Settings::new(cli.common)?;
    let now = Millis::of(SystemTime::now());
    if let Some(cluster) = &settings.postgres {
        return postgres_cmd::dispatch(cluster, &settings, cli.command, now);
    }
    // One thread: the work waits for one disk.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        match cli.command {
            Command::Now(args) => now_command(&settings, &args, now).await,
            Command::List(args) => list(&settings, &args),
            Command::Verify(args) => verify(&settings, &args),
            Command::Restore(args) => restore_command(&settings, args).await,
            Command::Prune => prune(&settings, now),
        }
    })
}

async fn now_command(settings: &Settings, args: &NowArgs, now: Millis) -> Result<Outcome, String> {
    let key = settings.key()?;
    let store = source(settings, args).await?;
    let taken = take::take(&*store, &settings.name, &key, now, &settings.repositories).await;
    let taken = taken.map_err(|e| e.to_string())?;
    let mut failures = Vec::new();
    for place in &taken.places {
        match &place.outcome {
            Ok(path) => say(&format!("{} is in {}", taken.header.name(), path.display())),
            Err(error) => failures.push(format!("{}: {error}", place.repository.display())),
        }
    }
    if let Some(footer) = &taken.footer {
        tell(footer);
    }
    match failures.len() {
        0 => Ok(Outcome::Fine),
        failed if failed == taken.places.len() => Err(format!("there is no backup: {}", failures.join("; "))),
        _ => Err(format!("the backup is not everywhere where it is to be: {}", failures.join("; "))),
    }
}

/// The store of a running service, or else the file.
async fn source(settings: &Settings, args: &NowArgs) -> Result<Box<dyn Store>, String> {
    let file = args.store.as_ref().or(settings.section.store.as_ref());
    let socket = args.socket.as_ref().or(settings.section.socket.as_ref());
    if let Some(socket) = socket {
        let remote = Remote::at(socket);
        if remote.is_there().await {
            if let Some(file) = file {
                has(&remote, socket, file).await?;
            }
            return Ok(Box::new(remote));
        }
        if file.is_none() {
            return Err(format!("no service listens at {}; name its file with --store", socket.display()));
        }
    }
    let file = file.ok_or("say with --store which file to back up, or with --socket which service")?;
    if !file.is_file() {
        return Err(format!("{} is no store: there is no such file", file.display()));
    }
    let store = Embedded::open(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(Box::new(store))
}

/// Refuses a service that has another store than the file that is to be backed up.
async fn has(remote: &Remote, socket: &Path, file: &Path) -> Result<(), String> {
    let socket = socket.display();
    let status = remote.ask("status").await.map_err(|e| format!("the service at {socket} does not answer: {e}"))?;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
    match status["store"].as_str() {
        Some(store) if store == Embedded::place(file) => Ok(()),
        Some(store) => Err(format!(
            "the service at {socket} has another store ({store}) than {}: name only one of the two",
            file.display()
        )),
        None => {
            Err(format!("the service at {socket} does not say which store it has; name only that, without --store"))
        }
    }
}

/// What a backup holds, in lines.
fn tell(footer: &Footer) {
    say(&format!("{} records, {} bytes before compression", footer.records(), footer.bytes));
    for end in &footer.worlds {
        let last = end.last.map(|(tick, digest)| format!("up to tick {}, digest {:016x}", tick.0, digest.0));
        say(&format!("world {}: {}", end.world, last.unwrap_or_else(|| "no log and no save".to_owned())));
    }
}

/// A backup in JSON.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    repository: &'a Path,
    taken: Option<String>,
    store: Option<&'a str>,
    bytes: u64,
    damage: Option<String>,
}

fn list(settings: &Settings, args: &ListArgs) -> Result<Outcome, String> {
    let mut entries = Vec::new();
    for repository in &settings.repositories {
        let listed = repository.list().map_err(|e| e.to_string())?;
        entries.extend(listed.into_iter().map(|entry| (repository, entry)));
    }
    let listed: Vec<Listed<'_>> = entries.iter().map(|(repository, entry)| row(repository, entry)).collect();
    if args.json {
        say(&serde_json::to_string_pretty(&listed).map_err(|e| e.to_string())?);
        return Ok(Outcome::Fine);
    }
    for Listed { name, repository, taken, store, bytes, damage } in &listed {
        let about = match (taken, store, damage) {
            (Some(taken), Some(store), None) => format!("{taken}  {store}"),
            (.., damage) => format!("unreadable: {}", damage.as_deref().unwrap_or_default()),
        };
        say(&format!("{name}  {about}  {bytes} bytes  {}", repository.display()));
    }
    if listed.is_empty() {
        say("there are no backups");
    }
    Ok(Outcome::Fine)
}

fn row<'a>(repository: &'a Repository, entry: &'a Entry) -> Listed<'a> {
    let header = entry.header.as_ref();
    Listed {
        name: &entry.name,
        repository: repository.path(),
        taken: header.ok().map(|header| moment::rfc3339(header.taken)),
        store: header.ok().map(|header| header.store.as_str()),
        bytes: entry.bytes,
        damage: header.err().map(ToString::to_string),
    }
}

fn verify(settings: &Settings, args: &VerifyArgs) -> Result<Outcome, String> {
    let key = settings.key()?;
    let (mut damaged, mut trouble) = (Vec::new(), Vec::new());
    for repository in &settings.repositories {
        let entries = chosen(settings, repository, args).unwrap_or_else(|why| {
            trouble.push(why);
            Vec::new()
        });
        for entry in entries {
            let checked = match entry.verify(&key) {
                Ok(footer) if args.deep => {
                    tell(&footer);
                    simulate(&entry, &key, &mut trouble)
                }
                Ok(_) => Ok(()),
                Err(RepositoryError::Archive { path, source }) => match source {
                    crate::archive::ArchiveError::Damaged(_) | crate::archive::ArchiveError::Foreign => {
                        Err(format!("{}: {source}", path.display()))
                    }
                    other => {
                        trouble.push(format!("{}: {other}", path.display()));
                        continue;
                    }
                },
                Err(other) => {
                    trouble.push(other.to_string());
                    continue;
                }
            };
            match checked {
                Ok(()) => say(&format!("{} is sound in {}", entry.name, repository.path().display())),
                Err(why) => damaged.push(why),
            }
        }
    }
    if !damaged.is_empty() {
        damaged.append(&mut trouble);
        return Ok(Outcome::Damaged(damaged.join("; ")));
    }
    if trouble.is_empty() { Ok(Outcome::Fine) } else { Err(trouble.join("; ")) }
}

/// Which backups of a folder are to be verified.
fn chosen(settings: &Settings, repository: &Repository, args: &VerifyArgs) -> Result<Vec<Entry>, String> {
    let mut all = repository.list().map_err(|e| e.to_string())?;
    if let Some(name) = &args.backup {
        return Ok(vec![repository.find(name).map_err(|e| e.to_string())?]);
    }
    if !args.all {
        let is_ours = |entry: &Entry| entry.header.as_ref().is_ok_and(|header| header.store == settings.name);
        let latest = all.iter().rposition(is_ours).map(|at| all.swap_remove(at));
        all = latest.into_iter().collect();
    }
    if all.is_empty() {
        return Err(format!("{} has no backup of the store {}", repository.path().display(), settings.name));
    }
    Ok(all)
}

/// Simulates the worlds of a backup again. What could not be simulated is no damage, but not nothing.
fn simulate(entry: &Entry, key: &BackupKey, trouble: &mut Vec<String>) -> Result<(), String> {
    let worlds = deep::check(entry, key).map_err(|e| e.to_string())?;
    let mut faults = Vec::new();
    for (world, checked) in worlds {
        let deep::Checked { ticks, saves, unreachable, skipped, fault } = checked;
        say(&format!("world {world}: {ticks} ticks and {saves} saves are as they were recorded"));
        if unreachable > 0 {
            trouble.push(format!("{}: world {world}: nothing leads to {unreachable} ticks of its log", entry.name));
        }
        trouble.extend(skipped.map(|why| format!("{}: world {world}: {why}", entry.name)));
        faults.extend(fault.map(|why| format!("{}: world {world}: {why}", entry.path.display())));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

async fn restore_command(settings: &Settings, args: RestoreArgs) -> Result<Outcome, String> {
    let key = settings.key()?;
    let vault = match (&args.keys, &args.master_key_file) {
        (Some(keys), Some(master)) => Some(vault(keys, master).await?),
        _ if args.erasures_later => None,
        _ => return Err("say with --keys where it stands who was erased since, or --erasures-later".to_owned()),
    };
    let what = match (args.world, args.tick) {
        (Some(world), Some(tick)) => What::World(world, Tick(tick)),
        _ => What::Whole,
    };
    let mut failed = Vec::new();
    for repository in &settings.repositories {
        let entry = match (args.backup.as_deref(), args.at) {
            (Some("latest") | None, at) => repository.find_at(&settings.name, at.unwrap_or(Millis::MAX)),
            (Some(name), _) => repository.find(name),
        };
        let restored = match entry {
            Ok(entry) => {
                let erasures = async |store| erase_again(store, vault.clone()).await;
                restore(&entry, &key, &args.to, &what, erasures).await.map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match restored {
            Ok(restored) => {
                failed.iter().for_each(|why: &String| complain(why));
                say(&format!("{} is restored to {}", restored.header.name(), args.to.display()));
                tell(&restored.footer);
                if vault.is_some() {
                    say(&format!("{} people were erased again", restored.erased));
                }
                if restored.orphans > 0 {
                    say(&format!("{} records of worlds that are not there were left out", restored.orphans));
                }
                return Ok(Outcome::Fine);
            }
            Err(why) => failed.push(why),
        }
    }
    Err(failed.join("; "))
}

/// The store of keys.
async fn vault(keys: &Path, master: &Path) -> Result<Arc<Vault>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", keys.display());
    if !keys.is_file() {
        return Err(named(&"there is no such file"));
    }
    let master = MasterKey::from_file(master).map_err(|e| e.to_string())?;
    let store = Arc::new(Embedded::open(keys).map_err(|e| named(&e))?);
    // One without keys, or without that of the deployment, would get new ones.
    let vault = Vault::open_existing(store, master).await.map_err(|e| match e {
        VaultError::KeyMissing => named(&"it holds no keys of people, or not that of the deployment"),
        other => other.to_string(),
    })?;
    Ok(Arc::new(vault))
}

async fn erase_again(store: Arc<dyn Store>, vault: Option<Arc<Vault>>) -> Result<u64, String> {
    let Some(vault) = vault else { return Ok(0) };
    let erased = People::new(store, vault).reapply().await.map_err(|e| e.to_string())?;
    Ok(erased.people)
}

fn prune(settings: &Settings, now: Millis) -> Result<Outcome, String> {
    let key = settings.key()?;
    let mut failures = Vec::new();
    for repository in &settings.repositories {
        let pruned = repository.lock().and_then(|locked| locked.prune(&key, now, settings.keep));
        match pruned {
            Ok(pruned) => {
                let folder = repository.path().display();
                pruned.removed.iter().for_each(|name| say(&format!("{name} is removed from {folder}")));
                pruned.spared.iter().for_each(|(name, why)| say(&format!("{name} stays in {folder}: {why}")));
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    if failures.is_empty() { Ok(Outcome::Fine) } else { Err(failures.join("; ")) }
}
