//! `spacetime db`: looks into stores, and moves worlds in and out of them: through the socket of a running service, else in
//! the store itself. Must never open a file that a service has open.

mod export;
mod import;
mod migrate;
mod status;
mod verify;

use std::path::Path;
use std::sync::Arc;

use persistence::remote::Remote;
use persistence::{Key, Kind, Name, Query, Record, Scope, Store, StoreError};
use tokio::runtime::Runtime;

use crate::cli::{DbArgs, DbCommand};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::serve::config::values::Values;
use crate::serve::config::{self, Config, Store as Place};
use crate::serve::resume::ResumeError;
use crate::serve::{ask, stores};

/// Runs `spacetime db`.
///
/// # Errors
/// [`Failure`].
pub fn command(args: &DbArgs) -> Result<Outcome, Failure> {
    let runtime = ask::runtime()?;
    if let DbCommand::Migrate { from, to } = &args.command {
        return migrate::command(&runtime, from, to, args.json);
    }
    if let DbCommand::Prepare { roles: true, .. } = args.command {
        output::print(persistence::ROLES_SQL)?;
        return Ok(Outcome::Fine);
    }
    let config = Config::load(args.config.as_deref())?;
    if let DbCommand::Prepare { keys, .. } = args.command {
        let which = if keys { stores::Which::Keys } else { stores::Which::Main };
        return prepare(&runtime, &config, which, args.json);
    }
    let named = |world: &Option<String>| match world {
        Some(name) => Name::new(name.as_str()).map_err(|e| Failure::Misused(e.to_string())),
        None => Ok(config.world.clone()),
    };
    let makes = matches!(args.command, DbCommand::Import { .. });
    let open = open(&runtime, &config, Given::Configuration, makes)?;
    let result = match &args.command {
        DbCommand::Status => status::command(&open, args.json),
        DbCommand::Export { file, world, from_tick } => {
            export::command(&open, &named(world)?, file, *from_tick, args.json)
        }
        DbCommand::Import { file, world } => import::command(&open, &named(world)?, file, args.json),
        DbCommand::Verify => verify::command(&open, args.json),
        DbCommand::Migrate { .. } | DbCommand::Prepare { .. } => Ok(Outcome::Fine),
    };
    open.close();
    result
}

/// Brings the tables of a PostgreSQL store to the version of this program.
fn prepare(runtime: &Runtime, config: &Config, which: stores::Which, json: bool) -> Result<Outcome, Failure> {
    let applied = runtime.block_on(stores::prepare(config, which));
    let applied = applied.map_err(|e| stores::failure_of(config, which, &e))?;
    if json {
        output::print_json(&serde_json::json!({ "applied": applied }))?;
    } else if applied.is_empty() {
        output::print("the tables are those of this program already\n")?;
    } else {
        output::print(&applied.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    }
    Ok(Outcome::Fine)
}

/// A store that a command works on.
struct Open<'a> {
    runtime: &'a Runtime,
    config: Config,
    store: Arc<dyn Store>,
    opened: Option<stores::Opened>,
    /// Through which way, for people.
    way: String,
}

impl Open<'_> {
    fn close(&self) {
        if let Some(opened) = &self.opened {
            opened.close();
        }
    }

    fn failure(&self, error: impl Into<ResumeError>) -> Failure {
        match error.into() {
            ResumeError::Store(error) => stores::failure(&self.config, &error),
            ResumeError::World(sentence) => Failure::Machine(sentence),
        }
    }
}

/// By what a store is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// A configuration, whose socket is meant, too.
    Configuration,
    /// Its own file: which store a service has is another matter.
    File,
}

impl Given {
    fn of(path: &Path) -> Self {
        if path.extension().is_some_and(|ending| ending == "toml") { Self::Configuration } else { Self::File }
    }
}

/// Who is at the socket of a configuration.
enum Service {
    /// Nobody.
    Nobody,
    /// A service that has the store that is configured.
    Ours(Remote),
    /// A service that has this other one.
    Other(String),
}

/// Asks who is there.
fn service(runtime: &Runtime, config: &Config) -> Result<Service, Failure> {
    let remote = Remote::at(&config.socket);
    if !runtime.block_on(remote.is_there()) {
        return Ok(Service::Nobody);
    }
    let status = ask::json(&config.socket, "status")?;
    let place = stores::place(config).map_err(|e| stores::failure(config, &e))?;
    match status["store"].as_str() {
        Some(found) if found == place => Ok(Service::Ours(remote)),
        Some(found) => Ok(Service::Other(found.to_owned())),
        None => Err(Failure::Machine(format!(
            "the service at {} does not say which store it has: is it of another version?",
            config.socket.display()
        ))),
    }
}

/// Says that the service at the socket is not asked, as it has another store; refuses to make one beside it.
fn tell_other(config: &Config, found: &str, makes: bool) -> Result<(), Failure> {
    let (socket, meant) = (config.socket.display(), stores::Which::Main.shown(config));
    let other = format!("the service at {socket} has another store ({found}) than {meant}");
    if makes && matches!(&config.store, Place::Embedded(path) if !path.exists()) {
        return Err(Failure::Misused(format!(
            "{other}, which is not there yet: is this the configuration of that service?"
        )));
    }
    output::complain(&format!("{other}: it is not asked"));
    Ok(())
}

/// Opens the store of a configuration: through the socket of the service that has it, else itself.
fn open<'a>(runtime: &'a Runtime, config: &Config, given: Given, makes: bool) -> Result<Open<'a>, Failure> {
    match service(runtime, config)? {
        Service::Ours(remote) => {
            let way = format!("the service at {}", config.socket.display());
            return Ok(Open { runtime, config: config.clone(), store: Arc::new(remote), opened: None, way });
        }
        Service::Other(found) if given == Given::Configuration => tell_other(config, &found, makes)?,
        Service::Other(_) | Service::Nobody => {}
    }
    let way = match &config.store {
        Place::Embedded(path) if !path.exists() && !makes => {
            return Err(Failure::unreadable(path, "there is no store yet: `spacetime serve` makes it"));
        }
        Place::Embedded(path) => {
            if let Some(folder) = path.parent().filter(|folder| makes && !folder.as_os_str().is_empty()) {
                stores::make_folder(folder)?;
            }
            path.display().to_string()
        }
        Place::Postgres => "PostgreSQL".to_owned(),
    };
    let opened = runtime.block_on(stores::open(config)).map_err(|e| stores::failure(config, &e))?;
    Ok(Open { runtime, config: config.clone(), store: Arc::clone(&opened.store), opened: Some(opened), way })
}

/// The configuration that a path stands for: itself, where it is one (`.toml`), else that of an embedded store there.
fn config_of(path: &Path) -> Result<Config, Failure> {
    if Given::of(path) == Given::Configuration {
        return Config::load(Some(path));
    }
    let (values, _) = Values::of(None, "", []);
    let mut config = Config::of(values, config::folder()?)?;
    config.store = Place::Embedded(path.to_owned());
    Ok(config)
}

/// All keys of a kind within a scope.
async fn all_keys(store: &dyn Store, kind: Kind, scope: Scope) -> Result<Vec<Key>, StoreError> {
    let mut keys = Vec::new();
    let mut query = Query::of(kind).within(scope).first(10_000);
    loop {
        let page = store.keys(&query).await?;
        let is_last = page.len() < query.limit;
        query.beyond = page.last().cloned();
        keys.extend(page);
        if is_last {
            return Ok(keys);
        }
    }
}

/// All worlds.
async fn worlds(store: &dyn Store) -> Result<Vec<persistence::World>, StoreError> {
    let mut worlds = Vec::new();
    for key in all_keys(store, Kind::World, Scope::All).await? {
        if let Some(Record::World(world)) = store.get(&key).await? {
            worlds.push(world);
        }
    }
    Ok(worlds)
}
