//! Another master key: every key of a person is unwrapped and wrapped anew. Must never leave a key that neither master
//! opens; may be broken off and begun again at any point, as each key names its master.

use super::commit::{ROUNDS_MAX, commit, pause};
use super::error::VaultError;
use super::master::MasterKey;
use super::page::Pages;
use super::vault::{Masters, Vault};
use crate::batch::Batch;
use crate::error::StoreError;
use crate::record::{Key, Kind, PersonId, PersonKey, Record};
use crate::store::Query;

/// How many keys are wrapped anew in one batch.
const BATCH: usize = 500;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that were wrapped anew.
    pub rewrapped: u64,
    /// Keys that the new master had wrapped before.
    pub already: u64,
}

impl Vault {
    /// Makes `new` the master key and wraps all keys with it. When it returns well, the former master key opens nothing
    /// in the store any more, and this vault forgets it. After an error or a crash the vault is opened with both and the
    /// rotation asked for again. Other processes that make keys have to know both before it begins.
    ///
    /// # Errors
    /// [`VaultError::OtherMaster`] for a key that neither opens, [`VaultError::Keys`].
    pub async fn rotate(&self, new: MasterKey) -> Result<Rotated, VaultError> {
        let masters = {
            let mut masters = self.masters.write().await;
            if masters.current.id() != new.id() {
                let former = std::mem::replace(&mut masters.current, new);
                masters.former.push(former);
            }
            masters.clone()
        };
        let mut done = Rotated::default();
        let mut pages = Pages::new(self.keys(), Query::of(Kind::PersonKey).first(BATCH));
        while let Some(page) = pages.next().await? {
            let keys = page.into_iter().filter_map(|r| if let Record::PersonKey(key) = r { Some(key) } else { None });
            let (due, already): (Vec<_>, Vec<_>) = keys.partition(|key| key.master != masters.current.id());
            done.already += already.len() as u64;
            done.rewrapped += due.len() as u64;
            self.rewrap(&masters, &due).await?;
        }
        self.masters.write().await.former.retain(|former| former.id() == masters.current.id());
        Ok(done)
    }

    async fn rewrap(&self, masters: &Masters, due: &[PersonKey]) -> Result<(), VaultError> {
        let batch = due.iter().map(|key| anew(masters, key)).collect::<Result<Vec<_>, _>>()?;
        match commit(self.keys(), &Batch::put(batch)?).await {
            // Somebody was erased meanwhile, or another process does the same.
            Err(StoreError::Conflict(_)) => {}
            other => return Ok(other?),
        }
        for key in due {
            self.rewrap_one(masters, key.person).await?;
        }
        Ok(())
    }

    async fn rewrap_one(&self, masters: &Masters, person: PersonId) -> Result<(), VaultError> {
        for round in 0..ROUNDS_MAX {
            let Some(Record::PersonKey(key)) = self.keys().get(&Key::PersonKey(person)).await? else { return Ok(()) };
            if key.master == masters.current.id() {
                return Ok(());
            }
            match commit(self.keys(), &Batch::put([anew(masters, &key)?])?).await {
                Err(StoreError::Conflict(_)) => pause(round).await,
                other => return Ok(other?),
            }
        }
        Err(StoreError::Other("others write the same key all the time".to_owned()).into())
    }
}

fn anew(masters: &Masters, key: &PersonKey) -> Result<Record, VaultError> {
    let secret = masters.unwrap(key)?;
    Ok(Record::PersonKey(masters.wrap(key.person, key.rev.next(), &secret)?))
}
