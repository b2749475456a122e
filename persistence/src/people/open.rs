//! Opens what belongs to people where both stores are looked at together: only that tells a first start from keys that
//! are lost. Must never make a key where there should be one.

use std::sync::Arc;

use super::People;
use super::audit::{END, START};
use super::error::{PeopleError, VaultError};
use super::page::Pages;
use super::vault::{DEPLOYMENT, Masters, Vault};
use crate::error::StoreError;
use crate::record::{Key, Kind, Name, PersonId, Record, Scope};
use crate::store::{Query, Store};

/// Why the two stores are not opened together. Nothing was written then, but where it is [`Self::People`]: the first keys
/// may have been made by then, and some of the erasures applied, which opening them again goes on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// One of them fails, or the master key is another one.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// There are people, and no keys.
    #[error("the store holds people, and the store of keys does not hold their keys")]
    NoKeys,
    /// The store of keys is the other one.
    #[error("the store that was given for keys holds worlds")]
    Swapped,
    /// The store is one of keys.
    #[error("the store that was given for worlds holds keys of people")]
    KeysAmongWorlds,
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::People(error.into())
    }
}

impl From<VaultError> for OpenError {
    fn from(error: VaultError) -> Self {
        Self::People(error.into())
    }
}

impl OpenError {
    /// Whether the same may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::People(PeopleError::Store(error) | PeopleError::Vault(VaultError::Keys(error))) => {
                error.is_transient()
            }
            _ => false,
        }
    }
}

impl People {
    /// Of a store and its store of keys, wrapped by these masters. The first keys are made where neither store has
    /// anything of people yet. Then all erasures are applied again: the store may have been restored from before one.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        store: Arc<dyn Store>,
        keys: Arc<dyn Store>,
        masters: impl Into<Masters> + Send,
    ) -> Result<Self, OpenError> {
        if has_any(&*keys, &[Kind::World]).await? {
            return Err(OpenError::Swapped);
        }
        if has_any(&*store, &Kind::OF_KEYS).await? {
            return Err(OpenError::KeysAmongWorlds);
        }
        // In this order: another process may make the first keys, and then somebody, in between.
        let has_people = Self::are_in(&*store).await?;
        let is_new = keys.get(&Key::PersonKey(DEPLOYMENT)).await?.is_none();
        if is_new && (has_people || has_any(&*keys, &Kind::OF_KEYS).await?) {
            return Err(OpenError::NoKeys);
        }
        // Where the key was there it is not made, even if it should be gone a moment later.
        let vault =
            if is_new { Vault::open(keys, masters).await? } else { Vault::open_existing(keys, masters).await? };
        let people = Self::new(store, Arc::new(vault));
        people.reapply().await?;
        Ok(people)
    }

    /// Whether a store has anything of people, so that there have to be keys. The notes about the audit chain count: they
    /// were made with the key of lookups, and stay where all entries went by age.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn are_in(store: &dyn Store) -> Result<bool, StoreError> {
        for note in [END, START] {
            let Ok(note) = Name::new(note) else { continue };
            if store.get(&Key::Setting(note)).await?.is_some() {
                return Ok(true);
            }
        }
        has_any(store, &Kind::OF_PEOPLE).await
    }

    /// Whose seats in a world do not open although they were not erased: their keys are lost, or are in a newer copy of
    /// the store of keys.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn without_key(&self, world: &Name) -> Result<Vec<PersonId>, PeopleError> {
        let mut without = Vec::new();
        let mut pages = Pages::new(&*self.store, Query::of(Kind::Seat).within(Scope::World(world.clone())));
        while let Some(page) = pages.next().await? {
            for record in page {
                let Record::Seat(seat) = record else { continue };
                let key = Key::Seat(seat.world, seat.number);
                match self.vault.unseal(seat.person, &key, &seat.private).await {
                    Err(VaultError::KeyMissing) => without.push(seat.person),
                    other => drop(other?),
                }
            }
        }
        Ok(without)
    }
}

async fn has_any(store: &dyn Store, kinds: &[Kind]) -> Result<bool, StoreError> {
    for kind in kinds {
        if !store.keys(&Query::of(*kind).first(1)).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
