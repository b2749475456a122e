//! Accounts: players who can sign in, found by name or by person, and their sign-ins. Must never let two people have one
//! name, nor write over what somebody else has written meanwhile.

use super::People;
use super::commit::{commit, look};
use super::error::{PeopleError, VaultError};
use super::page::Pages;
use super::private::Opened;
use super::profile::Profile;
use crate::batch::Batch;
use crate::error::StoreError;
use crate::record::{Credential, Key, Kind, Millis, Name, PersonId, Player, Record, Rev, Scope, SignIn};
use crate::store::Query;

/// Players that are looked at for a page of accounts.
const PLAYERS: usize = 256;

/// An account: the credential and what it keeps sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The credential, whose revision the next one follows.
    pub credential: Credential,
    /// The name and the secret.
    pub opened: Opened,
}

/// Why an account was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Somebody has that name.
    #[error("the name is taken")]
    Taken,
    /// It was written by somebody else meanwhile.
    #[error("it was changed meanwhile")]
    Changed,
    /// What the store or the keys say.
    #[error(transparent)]
    People(#[from] PeopleError),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::People(error.into())
    }
}

impl From<VaultError> for LoginError {
    fn from(error: VaultError) -> Self {
        Self::People(error.into())
    }
}

impl People {
    /// Takes somebody in who signs in by this name: the player and the credential are written together. `beside` is written
    /// with them.
    ///
    /// # Errors
    /// [`LoginError`]; nobody was taken in then. [`LoginError::Changed`] where `beside` was written by somebody else.
    pub async fn enrol(
        &self,
        name: &str,
        method: Name,
        secret: &[u8],
        beside: Option<Record>,
        now: Millis,
    ) -> Result<Login, LoginError> {
        let profile = Profile { name: name.trim().to_owned(), ..Profile::default() };
        let plain = zeroize::Zeroizing::new(profile.encode()?);
        if self.by_login(name).await?.is_some() {
            return Err(LoginError::Taken);
        }
        let person = self.new_number().await?;
        let private = self.vault.seal(person, &Key::Player(person), &plain).await?;
        let player = Player { person, rev: Rev::FIRST, created: now, seen: now, place: None, private };
        let credential = self.credential(person, profile.name.as_str(), method, secret).await?;
        let mut records = vec![Record::Player(player), Record::Credential(credential.clone())];
        records.extend(beside);
        let login = Login { opened: Opened { login: profile.name, secret: secret.to_vec() }, credential };
        match self.write(&Record::Credential(login.credential.clone()), records).await {
            Ok(()) => Ok(login),
            Err(error) => {
                let unknown = matches!(error, LoginError::People(PeopleError::Store(StoreError::Unknown(_))));
                self.undo(person, unknown, now).await;
                let is_taken = error == LoginError::Changed && self.by_login(name).await?.is_some();
                Err(if is_taken { LoginError::Taken } else { error })
            }
        }
    }

    /// The account with this name; none of somebody who was erased. Names that differ in case or in white space around them
    /// are one.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn login(&self, name: &str) -> Result<Option<Login>, PeopleError> {
        match self.by_login(name).await? {
            Some(credential) => self.opened(credential).await,
            None => Ok(None),
        }
    }

    /// The account of a person, by this method.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn login_of(&self, person: PersonId, method: &Name) -> Result<Option<Login>, PeopleError> {
        let query = Query::of(Kind::Credential).within(Scope::Person(person));
        for record in Pages::new(&*self.store, query).all().await? {
            if let Record::Credential(credential) = record
                && credential.method == *method
            {
                return self.opened(credential).await;
            }
        }
        Ok(None)
    }

    /// Accounts behind a person in the order of their numbers, at most so many, and whether there may be more.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn logins(
        &self,
        method: &Name,
        behind: Option<PersonId>,
        limit: usize,
    ) -> Result<(Vec<Login>, bool), PeopleError> {
        let mut query = Query::of(Kind::Player).first(PLAYERS);
        if let Some(person) = behind {
            query = query.beyond(Key::Player(person));
        }
        let mut pages = Pages::new(&*self.store, query);
        let mut logins = Vec::new();
        while let Some(page) = pages.next().await? {
            for record in page {
                let Record::Player(player) = record else { continue };
                if logins.len() == limit {
                    return Ok((logins, true));
                }
                logins.extend(self.login_of(player.person, method).await?);
            }
        }
        Ok((logins, false))
    }

    /// Writes another secret into an account, and `beside` with it.
    ///
    /// # Errors
    /// [`LoginError::Changed`] where either was written by somebody else meanwhile.
    pub async fn change_secret(
        &self,
        login: &Login,
        secret: &[u8],
        beside: Option<Record>,
    ) -> Result<Login, LoginError> {
        let before = &login.credential;
        let mut credential = self.credential(before.person, &login.opened.login, before.method.clone(), secret).await?;
        credential.rev = before.rev.next();
        let witness = Record::Credential(credential.clone());
        self.write(&witness, std::iter::once(witness.clone()).chain(beside).collect()).await?;
        Ok(Login { opened: Opened { login: login.opened.login.clone(), secret: secret.to_vec() }, credential })
    }

    /// All sign-ins that are neither over at this moment nor ended, each with from where it came.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn living_sign_ins(&self, now: Millis) -> Result<Vec<(SignIn, String)>, PeopleError> {
        let mut living = Vec::new();
        let mut pages = Pages::new(&*self.store, Query::of(Kind::SignIn));
        while let Some(page) = pages.next().await? {
            for record in page {
                let Record::SignIn(sign_in) = record else { continue };
                if sign_in.revoked || sign_in.expires <= now {
                    continue;
                }
                // Whoever was erased is signed in no more.
                if self.vault.erasure(sign_in.person).await?.is_none() {
                    let from = self.open_sign_in(&sign_in).await?.unwrap_or_default();
                    living.push((sign_in, from));
                }
            }
        }
        Ok(living)
    }

    /// Writes a sign-in with its address sealed, if the store still has the revision before it.
    ///
    /// # Errors
    /// [`LoginError::Changed`] where it was written by somebody else meanwhile.
    pub async fn put_sign_in(&self, mut sign_in: SignIn, from: &str) -> Result<(), LoginError> {
        sign_in.private = self.seal_text(sign_in.person, &Key::SignIn(sign_in.id), from).await?;
        let witness = Record::SignIn(sign_in);
        self.write(&witness, vec![witness.clone()]).await
    }

    async fn opened(&self, credential: Credential) -> Result<Option<Login>, PeopleError> {
        Ok(self.open_credential(&credential).await?.map(|opened| Login { credential, opened }))
    }

    /// Writes records together. A conflict is one only if the witness is not there: an answer may have been lost.
    async fn write(&self, witness: &Record, records: Vec<Record>) -> Result<(), LoginError> {
        match commit(&*self.store, &Batch::put(records)?).await {
            Err(StoreError::Conflict(_)) => {
                let is_there = look(&*self.store, &witness.key()).await?.as_ref() == Some(witness);
                if is_there { Ok(()) } else { Err(LoginError::Changed) }
            }
            outcome => Ok(outcome?),
        }
    }
}
