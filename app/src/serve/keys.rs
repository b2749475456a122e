//! The store of people's keys and the master key around it. Must never show the master key, nor make keys where there
//! should be some: keys that are lost are told of before anything is made.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use persistence::Millis;
use persistence::people::{MasterKey, Masters, OpenError, People, PeopleError, Rotated, VaultError};

use super::config::{Config, Store as Place};
use super::startup::Hindrance;
use super::stores::{self, Opened, Which};
use crate::exit::Failure;

/// The master key, as far as it is known before any store is open.
pub enum Master {
    /// It is there.
    Given(MasterKey),
    /// Nobody named one, and there are no keys yet: a first start makes it there.
    New(PathBuf),
}

impl Master {
    /// Finds it.
    ///
    /// # Errors
    /// [`Failure`] where it cannot be read, or there are keys already that it has to open.
    pub fn find(config: &Config) -> Result<Self, Failure> {
        let fail = |e: &dyn ToString| Failure::Machine(e.to_string());
        let given = |key: Result<MasterKey, _>| key.map(Self::Given);
        let text = config.values.text("keys.master_key");
        if !text.is_empty() {
            return given(MasterKey::from_text(&text)).map_err(|e| fail(&format!("keys.master_key: {e}")));
        }
        if let Some(path) = config.values.path("keys.master_key_file") {
            return given(MasterKey::from_file(&path)).map_err(|e| fail(&e));
        }
        let Place::Embedded(keys) = &config.keys else {
            let how = "name its file with keys.master_key_file, or set SPACETIME_SERVE__KEYS__MASTER_KEY";
            return Err(Failure::Misused(format!("keys.kind is postgres, and there is no master key: {how}")));
        };
        let path = config.folder.join("master.key");
        if path.exists() {
            return given(MasterKey::from_file(&path)).map_err(|e| fail(&e));
        }
        if keys.exists() {
            return Err(fail(&format!(
                "people's keys are in {}, and the master key around them is not at {}: bring that file, or name it with \
                 keys.master_key_file",
                keys.display(),
                path.display()
            )));
        }
        Ok(Self::New(path))
    }

    /// Makes it where it is new. A start that was broken off may have made it already.
    fn take(&self) -> Result<MasterKey, Failure> {
        let key = match self {
            Self::Given(key) => Ok(key.clone()),
            Self::New(path) if path.exists() => MasterKey::from_file(path),
            Self::New(path) => MasterKey::create(path),
        };
        key.map_err(|e| Failure::Machine(e.to_string()))
    }
}

/// What belongs to people, and the store of keys.
pub struct Keys {
    /// Seals and opens.
    pub people: People,
    /// The store, to be closed.
    pub opened: Opened,
    /// What became of the keys where a former master key was named.
    pub rotated: Option<Rotated>,
}

impl Keys {
    /// Opens the store of keys, or makes it where the main store has nothing of people yet, and applies all erasures again.
    ///
    /// # Errors
    /// [`Hindrance`]. Nothing was made then, unless it is one that may pass.
    pub async fn open(config: &Config, main: &Opened, master: &Master) -> Result<Self, Hindrance> {
        if let Place::Embedded(path) = &config.keys {
            if !path.exists()
                && People::are_in(&*main.store).await.map_err(|e| stores::hindrance(config, Which::Main, &e))?
            {
                let missing = format!("there is no store of their keys at {}", path.display());
                return Err(lost(config, &missing).into());
            }
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                stores::make_folder(folder)?;
            }
        }
        let masters = Masters { current: master.take()?, former: former(config)? };
        let opened =
            stores::open_one(config, Which::Keys).await.map_err(|e| stores::hindrance(config, Which::Keys, &e))?;
        let people = Self::people(config, main, &opened, masters).await;
        if people.is_err() {
            opened.close();
        }
        let (people, rotated) = people?;
        Ok(Self { people, opened, rotated })
    }

    async fn people(
        config: &Config,
        main: &Opened,
        keys: &Opened,
        masters: Masters,
    ) -> Result<(People, Option<Rotated>), Hindrance> {
        if keys.server.is_some() && keys.server == main.server {
            return Err(Failure::Misused(
                "keys.postgres.url and store.postgres.url lead to one PostgreSQL server: give the keys one of their own, \
                 as a backup of worlds copies all of it"
                    .to_owned(),
            )
            .into());
        }
        let opening = People::open(Arc::clone(&main.store), Arc::clone(&keys.store), masters.clone()).await;
        let people = opening.map_err(|e| of_people(config, e))?;
        let mut rotated = None;
        if !masters.former.is_empty() {
            let rotation = people.vault().rotate(masters.current).await;
            rotated = Some(rotation.map_err(|e| of_people(config, e.into()))?);
        }
        let without = people.without_key(&config.world).await.map_err(|e| of_people(config, e.into()))?;
        if config.values.text("keys.lost") == "erase" {
            for person in &without {
                let now = Millis::of(SystemTime::now());
                super::people::erase(&people, &person.0.to_string(), now).await.map_err(Failure::Machine)?;
                tracing::warn!("person {} has no key and is erased, as keys.lost says", person.0);
            }
        } else if let Some(first) = without.first() {
            let (count, world, shown) = (without.len(), &config.world, Which::Keys.shown(config));
            return Err(Failure::Machine(format!(
                "{shown} lacks the keys of {count} of the people of the world {world}, such as person {}: bring its newest \
                 copy; if there is none, keys.lost = \"erase\" erases those people at the start",
                first.0
            ))
            .into());
        }
        Ok((people, rotated))
    }
}

/// The master key of before, which the new one is to replace.
fn former(config: &Config) -> Result<Vec<MasterKey>, Failure> {
    let path = config.values.path("keys.former_master_key_file");
    let key = path.map(|path| MasterKey::from_file(&path)).transpose();
    key.map(|key| key.into_iter().collect()).map_err(|e| Failure::Machine(format!("keys.former_master_key_file: {e}")))
}

fn of_people(config: &Config, error: OpenError) -> Hindrance {
    if error.is_transient() {
        return Hindrance::Later(error.to_string());
    }
    let (main, keys) = (Which::Main.shown(config), Which::Keys.shown(config));
    match error {
        OpenError::NoKeys => lost(config, &format!("{keys} has none of their keys")).into(),
        OpenError::Swapped => Failure::Misused(format!("{keys} holds worlds: it is no store of keys")).into(),
        OpenError::KeysAmongWorlds => {
            Failure::Misused(format!("{main} holds keys of people: it is no store of worlds")).into()
        }
        OpenError::People(PeopleError::Vault(error @ VaultError::OtherMaster(_))) => {
            let how = "give the service that one with keys.master_key_file";
            Failure::Machine(format!("{keys}: {error}: {how}")).into()
        }
        other => stores::failure_of(config, Which::Keys, &other).into(),
    }
}

/// The sentence for a main store whose keys are missing.
fn lost(config: &Config, missing: &str) -> Failure {
    Failure::Machine(format!(
        "{} holds people, and {missing}: bring the store of keys and its master key from where they were last, or name \
         them in the section [keys]; where they are lost, only the worlds can be saved, by `spacetime db export`",
        Which::Main.shown(config)
    ))
}
