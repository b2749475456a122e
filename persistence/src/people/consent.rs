//! Consents: given, withdrawn, and what was said when. Must never change what was said before.

use super::People;
use super::commit::{ROUNDS_MAX, commit, pause};
use super::error::PeopleError;
use super::page::Pages;
use crate::batch::{Batch, Change};
use crate::error::StoreError;
use crate::record::{Consent, Key, Kind, Millis, Name, PersonId, Record, Scope, Text};
use crate::store::Query;

/// Most bytes of what a person is shown.
const WORDING_BYTES_MAX: usize = 16 << 10;

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// To what.
    pub purpose: Name,
    /// Version of the wording.
    pub version: u32,
    /// What they are shown: at most 16 KiB, the same for everybody.
    pub wording: Text,
}

impl People {
    /// Writes down that a person gave their consent.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn give(&self, person: PersonId, asked: &Question, now: Millis) -> Result<(), PeopleError> {
        self.say(person, asked, true, now).await
    }

    /// Writes down that a person refused, or took their consent back.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn withdraw(&self, person: PersonId, asked: &Question, now: Millis) -> Result<(), PeopleError> {
        self.say(person, asked, false, now).await
    }

    /// What a person said about a purpose, the oldest first.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn history(&self, person: PersonId, purpose: &Name) -> Result<Vec<Consent>, PeopleError> {
        let query = Query::of(Kind::Consent).within(Scope::Person(person));
        let all = Pages::new(&*self.store, query).all().await?;
        let consents = all.into_iter().filter_map(|r| if let Record::Consent(c) = r { Some(c) } else { None });
        Ok(consents.filter(|consent| consent.purpose == *purpose).collect())
    }

    /// Whether a person's consent stands: they gave it and did not take it back since.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn stands(&self, person: PersonId, purpose: &Name) -> Result<bool, PeopleError> {
        Ok(self.history(person, purpose).await?.last().is_some_and(|consent| consent.given))
    }

    /// Takes a consent away again where the person was erased in between: the erasure may have looked for consents before
    /// this one was there.
    async fn unless_erased(&self, person: PersonId, consent: Key) -> Result<(), PeopleError> {
        if self.vault.erasure(person).await?.is_none() {
            return Ok(());
        }
        commit(&*self.store, &Batch::new(vec![Change::Remove(consent, None)])?).await?;
        Err(PeopleError::NoPerson)
    }

    async fn say(&self, person: PersonId, asked: &Question, given: bool, now: Millis) -> Result<(), PeopleError> {
        if asked.wording.0.len() > WORDING_BYTES_MAX {
            return Err(PeopleError::TooLong("what a person is shown"));
        }
        // Not only players: who joined a session has a seat and no profile.
        if !self.vault.has_key(person).await? {
            return Err(PeopleError::NoPerson);
        }
        let mut at = now;
        for round in 0..ROUNDS_MAX {
            // What is said later counts, also where the clock did not move or was put back.
            let last = self.history(person, &asked.purpose).await?.last().map(|consent| consent.at);
            at = last.map_or(at, |last| at.max(Millis(last.0.saturating_add(1))));
            let Question { purpose, version, wording } = asked.clone();
            let consent = Record::Consent(Consent { person, purpose, at, given, version, wording });
            let key = consent.key();
            match commit(&*self.store, &Batch::put([consent])?).await {
                Err(StoreError::Conflict(_)) => pause(round).await,
                Err(error) => return Err(error.into()),
                Ok(()) => return self.unless_erased(person, key).await,
            }
        }
        Err(PeopleError::Busy)
    }
}
