//! Seals and opens what says who somebody is, each person's with a key of their own. Must never write a key that is not
//! wrapped, nor seal anything for a person that was erased.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::RwLock;
use zeroize::Zeroizing;

use super::cache::{Cache, Secret};
use super::commit::{ROUNDS_MAX, commit, pause};
use super::error::VaultError;
use super::master::{KEY_BYTES, MasterKey};
use super::{SOMEBODY_ELSE, cipher};
use crate::batch::{Batch, Change};
use crate::error::StoreError;
use crate::record::{Erasure, Hash, Key, Kind, Millis, PersonId, PersonKey, Record, Rev, Seal};
use crate::store::{Query, Store};

/// Whose key is that of lookups and of what belongs to no person: the largest number, which no person has.
pub(super) const DEPLOYMENT: PersonId = PersonId(i64::MAX as u64);

const WRAPPED: &str = "spacetime 2026 key of a person";
const SEALED: &str = "spacetime 2026 private fields";

/// The master keys that are at hand.
#[derive(Clone, Debug)]
pub struct Masters {
    /// Wraps new keys.
    pub current: MasterKey,
    /// May have wrapped older ones: what a rotation has still to do needs them.
    pub former: Vec<MasterKey>,
}

impl From<MasterKey> for Masters {
    fn from(current: MasterKey) -> Self {
        Self { current, former: Vec::new() }
    }
}

impl Masters {
    pub(super) fn unwrap(&self, key: &PersonKey) -> Result<Secret, VaultError> {
        let master = std::iter::once(&self.current).chain(&self.former).find(|master| master.id() == key.master);
        let master = master.ok_or(VaultError::OtherMaster(key.master))?;
        let plain = cipher::open(master.bytes(), &cipher::bound(WRAPPED, key.person, &key.master.0), &key.wrapped);
        let plain = plain.filter(|plain| plain.len() == KEY_BYTES).ok_or(VaultError::Damaged("person_key"))?;
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        secret.copy_from_slice(&plain);
        Ok(Arc::new(secret))
    }

    pub(super) fn wrap(&self, person: PersonId, rev: Rev, secret: &Secret) -> Result<PersonKey, VaultError> {
        let master = self.current.id();
        let bound = cipher::bound(WRAPPED, person, &master.0);
        let wrapped = cipher::seal(self.current.bytes(), &bound, secret.as_slice()).ok_or(VaultError::Random)?;
        Ok(PersonKey { person, rev, master, wrapped })
    }
}

/// What was sealed; overwritten when it is dropped.
pub struct Plain(Zeroizing<Vec<u8>>);

impl Plain {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Deref for Plain {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({} bytes)", self.0.len())
    }
}

/// Seals and opens. Other processes may have the same store of keys; one that erases somebody is followed by the others
/// within a minute.
pub struct Vault {
    keys: Arc<dyn Store>,
    /// Held for reading while a new key is written, so that a rotation knows all that its predecessor wrapped.
    pub(super) masters: RwLock<Masters>,
    cache: Cache,
    lookup: Secret,
}

impl Vault {
    /// With the keys in this store, wrapped by this master key, or by one of these. The first time the store is empty.
    ///
    /// # Errors
    /// [`VaultError::OtherMaster`] where another master key is needed too, [`VaultError::Keys`].
    pub async fn open(keys: Arc<dyn Store>, masters: impl Into<Masters> + Send) -> Result<Self, VaultError> {
        let masters = masters.into();
        let lookup = own_key(&*keys, &masters, DEPLOYMENT).await?;
        Self::with(keys, masters, lookup).await
    }

    /// The same, and never makes the deployment's key: with another one nothing would be found again.
    ///
    /// # Errors
    /// As [`Self::open`], and [`VaultError::KeyMissing`] where the deployment's key is not there.
    pub async fn open_existing(keys: Arc<dyn Store>, masters: impl Into<Masters> + Send) -> Result<Self, VaultError> {
        let masters = masters.into();
        let Some(Record::PersonKey(key)) = keys.get(&Key::PersonKey(DEPLOYMENT)).await? else {
            return Err(VaultError::KeyMissing);
        };
        let lookup = masters.unwrap(&key)?;
        Self::with(keys, masters, lookup).await
    }

    /// A rotation goes up and takes the deployment's key last: where it was broken off, the two ends show it.
    async fn with(keys: Arc<dyn Store>, masters: Masters, lookup: Secret) -> Result<Self, VaultError> {
        let first = keys.list(&Query::of(Kind::PersonKey).first(1)).await?;
        if let Some(Record::PersonKey(first)) = first.records.first() {
            masters.unwrap(first)?;
        }
        Ok(Self { keys, masters: RwLock::new(masters), cache: Cache::default(), lookup })
    }

    /// Seals for a person, who gets a key with their first seal. `of` is the record that the seal is part of: in another
    /// one it does not open.
    ///
    /// # Errors
    /// [`VaultError::Erased`], and whatever the store of keys says.
    pub async fn seal(&self, person: PersonId, of: &Key, plain: &[u8]) -> Result<Seal, VaultError> {
        if person == SOMEBODY_ELSE {
            return Err(VaultError::NoPerson);
        }
        let key = self.ensure_key(person).await?;
        cipher::seal(&key, &bound(person, of), plain).ok_or(VaultError::Random)
    }

    /// Opens what was sealed for a person as part of this record. Nothing where nothing was sealed, or the person was
    /// erased.
    ///
    /// # Errors
    /// [`VaultError::Damaged`], [`VaultError::KeyMissing`], and whatever the store of keys says.
    pub async fn unseal(&self, person: PersonId, of: &Key, seal: &Seal) -> Result<Option<Plain>, VaultError> {
        if seal.0.is_empty() {
            return Ok(None);
        }
        let Some(key) = self.key(person).await? else {
            return if self.erasure(person).await?.is_some() { Ok(None) } else { Err(VaultError::KeyMissing) };
        };
        let plain = cipher::open(&key, &bound(person, of), seal).ok_or(VaultError::Damaged(of.kind().name()))?;
        Ok(Some(Plain(plain)))
    }

    /// A hash by which something is found again, and that says nothing to who lacks the key: BLAKE3, keyed. The same
    /// bytes have another hash for each `context`.
    #[must_use]
    pub fn tag(&self, context: &str, bytes: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.lookup);
        hasher.update(&(context.len() as u64).to_le_bytes()).update(context.as_bytes()).update(bytes);
        Hash(hasher.finalize().into())
    }

    /// When the person was erased, if they were.
    ///
    /// # Errors
    /// [`VaultError::Keys`].
    pub async fn erasure(&self, person: PersonId) -> Result<Option<Millis>, VaultError> {
        let found = self.keys.get(&Key::Erasure(person)).await?;
        Ok(found.and_then(|record| if let Record::Erasure(erasure) = record { Some(erasure.at) } else { None }))
    }

    /// Whether a person has a key: something was sealed for them, and they were not erased.
    pub(super) async fn has_key(&self, person: PersonId) -> Result<bool, VaultError> {
        let is_person = person != DEPLOYMENT && person != SOMEBODY_ELSE;
        Ok(is_person && self.keys.get(&Key::PersonKey(person)).await?.is_some())
    }

    /// Takes the key of somebody away of whom nothing was written, and whose number nobody has heard of.
    pub(super) async fn discard(&self, person: PersonId) -> Result<(), VaultError> {
        self.cache.forget(person);
        Ok(commit(&*self.keys, &Batch::new(vec![Change::Remove(Key::PersonKey(person), None)])?).await?)
    }

    /// Destroys a person's key and writes down that it was, both at once. Gives when that was: now, or before.
    pub(super) async fn destroy(&self, person: PersonId, now: Millis) -> Result<Millis, VaultError> {
        if person == DEPLOYMENT || person == SOMEBODY_ELSE {
            return Err(VaultError::NoPerson);
        }
        for round in 0..ROUNDS_MAX {
            let erased = self.erasure(person).await?;
            let erasure = Record::Erasure(Erasure { person, at: erased.unwrap_or(now) });
            let changes = vec![Change::Remove(Key::PersonKey(person), None), Change::Put(erasure)];
            // Before, should the answer get lost; and behind, for who read the key in between.
            self.cache.forget(person);
            let done = commit(&*self.keys, &Batch::new(changes)?).await;
            self.cache.forget(person);
            match done {
                Ok(()) => return Ok(erased.unwrap_or(now)),
                Err(StoreError::Conflict(_)) => pause(round).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Other("others erase the same person all the time".to_owned()).into())
    }

    pub(super) fn keys(&self) -> &dyn Store {
        &*self.keys
    }

    async fn key(&self, person: PersonId) -> Result<Option<Secret>, VaultError> {
        if person == DEPLOYMENT {
            return Ok(Some(Arc::clone(&self.lookup)));
        }
        if let Some(secret) = self.cache.get(person) {
            return Ok(Some(secret));
        }
        let generation = self.cache.generation();
        let Some(Record::PersonKey(key)) = self.keys.get(&Key::PersonKey(person)).await? else { return Ok(None) };
        let secret = self.masters.read().await.unwrap(&key)?;
        self.cache.put(person, &secret, generation);
        Ok(Some(secret))
    }

    /// A person's key, which is made where they have none.
    pub(super) async fn ensure_key(&self, person: PersonId) -> Result<Secret, VaultError> {
        match self.key(person).await? {
            Some(key) => Ok(key),
            None => self.new_key(person).await,
        }
    }

    async fn new_key(&self, person: PersonId) -> Result<Secret, VaultError> {
        if self.erasure(person).await?.is_some() {
            return Err(VaultError::Erased);
        }
        let generation = self.cache.generation();
        let secret = own_key(&*self.keys, &*self.masters.read().await, person).await?;
        // Erased in between: then the key came too late, and nothing was sealed with it yet.
        if self.erasure(person).await?.is_some() {
            let remove = Batch::new(vec![Change::Remove(Key::PersonKey(person), None)])?;
            commit(&*self.keys, &remove).await?;
            return Err(VaultError::Erased);
        }
        self.cache.put(person, &secret, generation);
        Ok(secret)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

fn bound(person: PersonId, of: &Key) -> Vec<u8> {
    let mut context = of.kind().name().as_bytes().to_vec();
    context.push(0);
    context.extend(of.bytes());
    cipher::bound(SEALED, person, &context)
}

/// The key that is there, or a new one.
async fn own_key(keys: &dyn Store, masters: &Masters, person: PersonId) -> Result<Secret, VaultError> {
    for round in 0..ROUNDS_MAX {
        if let Some(Record::PersonKey(key)) = keys.get(&Key::PersonKey(person)).await? {
            return masters.unwrap(&key);
        }
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(|_| VaultError::Random)?;
        let secret = Arc::new(secret);
        let key = masters.wrap(person, Rev::FIRST, &secret)?;
        match commit(keys, &Batch::put([Record::PersonKey(key)])?).await {
            Ok(()) => return Ok(secret),
            // Somebody else made one meanwhile, or this one was written at the second sending.
            Err(StoreError::Conflict(_)) => pause(round).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Other("others write the same key all the time".to_owned()).into())
}
