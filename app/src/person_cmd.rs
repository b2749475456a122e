//! `spacetime person`: lists people by number, and has the running service hand out or erase what belongs to one. Must never
//! write over a file, nor leave one that others can read.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use persistence::people::{EXPORT_BYTES_MAX, PersonExport};
use persistence::remote::Remote;
use persistence::{Key, Kind, Name, PersonId, Query, Record, Store, StoreError};
use serde_json::{Value, json};

use crate::cli::{PersonArgs, PersonCommand, Who};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::play::folders::stamp;
use crate::serve::ask;
use crate::serve::config::Config;
use crate::touched_cmd;

/// Stay behind whoever was erased, and do not say that somebody is here.
const LEFT_BEHIND: [Kind; 2] = [Kind::Trade, Kind::Audit];

/// Runs `spacetime person`.
///
/// # Errors
/// [`Failure`].
pub fn command(args: &PersonArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.config.as_deref())?;
    let service = Service { runtime: ask::runtime()?, remote: Remote::at(&config.socket), config };
    match &args.command {
        PersonCommand::List => list(&service, args.json)?,
        PersonCommand::Export { who, csv, json_file } => {
            let person = service.person(who)?;
            match (csv, json_file) {
                (Some(folder), _) => export_tables(&service, person, folder, args.json)?,
                (None, Some(file)) => export_file(&service, person, file, args.json)?,
                (None, None) => output::print(&(service.ask(&format!("person export {}", person.0))? + "\n"))?,
            }
        }
        PersonCommand::Import { file } => import(&service, file, args.json)?,
        PersonCommand::Touched(touched) => touched_cmd::touched(&service.config, touched, args.json)?,
        PersonCommand::Erase { who, .. } => erase(&service, service.person(who)?, args.json)?,
    }
    Ok(Outcome::Fine)
}

/// The running service: it has the keys of people.
struct Service {
    runtime: tokio::runtime::Runtime,
    config: Config,
    remote: Remote,
}

impl Service {
    fn ask(&self, question: &str) -> Result<String, Failure> {
        self.runtime.block_on(self.remote.ask(question)).map_err(|e| self.failure(&e))
    }

    /// Whom somebody means.
    fn person(&self, who: &Who) -> Result<PersonId, Failure> {
        let Some(number) = who.player else { return Ok(PersonId(who.id.unwrap_or_default())) };
        let world = match &who.world {
            Some(name) => Name::new(name.as_str()).map_err(|e| Failure::Misused(e.to_string()))?,
            None => self.config.world.clone(),
        };
        match self.runtime.block_on(self.remote.get(&Key::Seat(world.clone(), number))).map_err(|e| self.failure(&e))? {
            Some(Record::Seat(seat)) => Ok(seat.person),
            _ => Err(Failure::Misused(format!("nobody has the number {number} in the world {world}"))),
        }
    }

    fn failure(&self, error: &StoreError) -> Failure {
        // A service that runs may say itself that its store cannot be reached.
        let is_unavailable = matches!(error, StoreError::Unavailable(_));
        failure(error, is_unavailable && self.runtime.block_on(self.remote.is_there()))
    }
}

fn failure(error: &StoreError, is_there: bool) -> Failure {
    Failure::Machine(match error {
        StoreError::Other(sentence) => sentence.clone(),
        StoreError::Unavailable(why) if !is_there => {
            format!("{why}: it has people's keys, so it must run for that; `spacetime serve` starts it")
        }
        other => other.to_string(),
    })
}

/// What is known of somebody in the open.
#[derive(Default)]
struct Known {
    /// World, number, and whether they may not come back.
    seats: Vec<(String, u32, bool)>,
    /// Came first and was here last, where there is a profile.
    times: Option<(u64, u64)>,
    /// Numbers are all that is left.
    is_erased: bool,
}

fn list(service: &Service, json: bool) -> Result<(), Failure> {
    let people = service.runtime.block_on(known(&service.remote)).map_err(|e| service.failure(&e))?;
    let status: Value = serde_json::from_str(&service.ask("status")?).unwrap_or_default();
    let here = |world: &str, number: u32| {
        status["world"] == world && status["players"].as_array().is_some_and(|all| all.contains(&json!(number)))
    };
    if json {
        let told = people.iter().map(|(person, known)| {
            let seats = known.seats.iter().map(|(world, number, banned)| {
                json!({ "world": world, "player": number, "banned": banned, "here": here(world, *number) })
            });
            json!({
                "person": person.0.to_string(),
                "seats": seats.collect::<Vec<_>>(),
                "came_ms": known.times.map(|times| times.0),
                "last_here_ms": known.times.map(|times| times.1),
                "erased": known.is_erased,
            })
        });
        return output::print_json(&json!({ "people": told.collect::<Vec<_>>() }));
    }
    let mut text = format!("{:<20} {:<17} {:<17} {}\n", "person", "came", "last here", "numbers in worlds");
    for (person, known) in &people {
        let at = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| stamp(persistence::Millis(ms).time()));
        let seats = known.seats.iter().map(|(world, number, banned)| {
            let state = if here(world, *number) {
                " (here)"
            } else if *banned {
                " (removed)"
            } else {
                ""
            };
            format!("{number} in {world}{state}")
        });
        let mut seats = seats.collect::<Vec<_>>().join(", ");
        if known.is_erased {
            seats.push_str(", erased");
        }
        let (came, last) = (at(known.times.map(|t| t.0)), at(known.times.map(|t| t.1)));
        text.push_str(format!("{:<20} {came:<17} {last:<17} {seats}", person.0).trim_end());
        text.push('\n');
    }
    output::print(&text)
}

/// Everybody, by what is in the open.
async fn known(store: &dyn Store) -> Result<BTreeMap<PersonId, Known>, StoreError> {
    let mut people: BTreeMap<PersonId, Known> = BTreeMap::new();
    for kind in Kind::OF_PEOPLE.into_iter().filter(|kind| !LEFT_BEHIND.contains(kind)) {
        let mut query = Query::of(kind);
        loop {
            let page = store.list(&query).await?;
            query.beyond = page.records.last().map(Record::key);
            for record in page.records {
                let Some(person) = record.people()[0] else { continue };
                let known = people.entry(person).or_default();
                match record {
                    Record::Player(player) => known.times = Some((player.created.0, player.seen.0)),
                    Record::Seat(seat) => {
                        known.is_erased |= seat.private.0.is_empty();
                        known.seats.push((seat.world.to_string(), seat.number, seat.banned));
                    }
                    _ => {}
                }
            }
            if !page.more {
                break;
            }
        }
    }
    Ok(people)
}

fn export_file(service: &Service, person: PersonId, path: &Path, json: bool) -> Result<(), Failure> {
    // First, so that nothing is handed out that has no place.
    let mut file = create(path)?;
    let written = service.ask(&format!("person export {}", person.0)).and_then(|text| {
        let text = text + "\n";
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| Failure::unwritable(path, e))
    });
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written?;
    tell(person, &[path.to_owned()], json)
}

fn export_tables(service: &Service, person: PersonId, folder: &Path, json: bool) -> Result<(), Failure> {
    DirBuilder::new().mode(0o700).create(folder).map_err(|e| taken(folder, &e))?;
    let written = service.ask(&format!("person export {}", person.0)).and_then(|text| {
        let wrong =
            |e: serde_json::Error| Failure::Machine(format!("the service gave an answer that is no export: {e}"));
        let export: PersonExport = serde_json::from_str(&text).map_err(wrong)?;
        let write = |(name, table): (String, String)| {
            let path = folder.join(name);
            let mut file = create(&path)?;
            let done = file.write_all(table.as_bytes()).and_then(|()| file.sync_all());
            done.map_err(|e| Failure::unwritable(&path, e))?;
            Ok(path)
        };
        export.to_tables().map_err(wrong)?.into_iter().map(write).collect::<Result<Vec<PathBuf>, Failure>>()
    });
    if written.is_err() {
        // It was made here, and is of no use by halves.
        let _ = fs::remove_dir_all(folder);
    }
    tell(person, &written?, json)
}

/// A new file for its owner only.
fn create(path: &Path) -> Result<File, Failure> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| taken(path, &e))
}

fn taken(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::AlreadyExists => Failure::unwritable(path, "it is there already, and nothing is written over"),
        _ => Failure::unwritable(path, output::plain(error)),
    }
}

fn tell(person: PersonId, files: &[PathBuf], json: bool) -> Result<(), Failure> {
    if json {
        return output::print_json(&json!({ "person": person.0.to_string(), "files": files }));
    }
    let names: String = files.iter().map(|file| format!("  {}\n", file.display())).collect();
    output::print(&format!("everything about person {}, to be kept as safe as their account:\n{names}", person.0))
}

fn import(service: &Service, path: &Path, json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    // One byte more, so that the service says that it is too long.
    let read = output::open(path)?.take(EXPORT_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|e| Failure::unreadable(path, e))?;
    let imported = answer(&service.ask(&format!("person import {text}"))?)?;
    if json {
        return output::print_json(&imported);
    }
    let person = imported["person"].as_str().unwrap_or_default();
    output::print(&format!("person {person} is taken in, with what the export says of them\n"))
}

/// An answer of the service.
fn answer(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|_| Failure::Machine("the service gave an answer that is none".to_owned()))
}

fn erase(service: &Service, person: PersonId, json: bool) -> Result<(), Failure> {
    let erased = answer(&service.ask(&format!("person erase {}", person.0))?)?;
    if json {
        return output::print_json(&erased);
    }
    let again = if erased["erased_before_ms"].is_null() { "" } else { " again" };
    output::print(&format!(
        "person {} is erased{again}: the key is destroyed; {} records are removed, and {} seats lost their public key\n",
        person.0, erased["removed_records"], erased["blanked_seats"]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_runs_is_not_asked_to_be_started() {
        let error = StoreError::Unavailable("connection refused".to_owned());
        assert!(failure(&error, false).to_string().contains("it must run"));
        assert_eq!(failure(&error, true).to_string(), error.to_string());
    }
}
