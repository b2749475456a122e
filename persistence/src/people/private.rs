//! The other private fields: what a seat, a credential and a sign-in keep sealed, and the keyed hashes by which the first
//! two are found. Must never leave a login or a public key in the open.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::People;
use super::error::PeopleError;
use super::page::Pages;
use super::vault::Plain;
use crate::record::{
    Credential, Hash, Key, Kind, Millis, Name, PersonId, Record, Rev, Scope, Seal, Seat, SignIn, Token,
};
use crate::store::Query;

/// Most bytes of a login, a secret, or a note from where somebody signed in.
const BYTES_MAX: usize = 4096;
/// Version of what is in the seal of a credential.
const VERSION: u8 = 1;

/// What a credential keeps sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What the person signs in as, as they wrote it.
    pub login: String,
    /// The hash of the password, or the public key.
    pub secret: Vec<u8>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

impl People {
    /// A new seat in a world, for who joins with this public key. To be written with the fence of the world.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn seat(
        &self,
        world: &Name,
        number: u32,
        person: PersonId,
        public_key: &[u8],
    ) -> Result<Seat, PeopleError> {
        if public_key.len() > BYTES_MAX {
            return Err(PeopleError::TooLong("a public key"));
        }
        let private = self.vault.seal(person, &Key::Seat(world.clone(), number), public_key).await?;
        let tag = self.seat_tag(world, public_key);
        Ok(Seat { world: world.clone(), number, rev: Rev::FIRST, person, tag, banned: false, private })
    }

    /// Who has a seat in a world for this public key.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn by_public_key(&self, world: &Name, public_key: &[u8]) -> Result<Option<Seat>, PeopleError> {
        let tag = self.seat_tag(world, public_key);
        let mut pages = Pages::new(&*self.store, Query::of(Kind::Seat).within(Scope::World(world.clone())));
        while let Some(page) = pages.next().await? {
            let mut seats = page.into_iter().filter_map(|r| if let Record::Seat(seat) = r { Some(seat) } else { None });
            if let Some(seat) = seats.find(|seat| seat.tag == tag) {
                return Ok(Some(seat));
            }
        }
        Ok(None)
    }

    /// A credential by which a person signs in. Logins that differ in case or in white space around them are one.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn credential(
        &self,
        person: PersonId,
        login: &str,
        method: Name,
        secret: &[u8],
    ) -> Result<Credential, PeopleError> {
        if login.len() > BYTES_MAX || secret.len() > BYTES_MAX {
            return Err(PeopleError::TooLong("a login or its secret"));
        }
        let tag = self.login_tag(login);
        let opened = Opened { login: login.to_owned(), secret: secret.to_vec() };
        let plain = postcard::to_extend(&opened, vec![VERSION]).map_err(|_| PeopleError::Unreadable("credential"))?;
        let private = self.vault.seal(person, &Key::Credential(tag), &Zeroizing::new(plain)).await?;
        Ok(Credential { login: tag, rev: Rev::FIRST, person, method, private })
    }

    /// The credential of a login.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn by_login(&self, login: &str) -> Result<Option<Credential>, PeopleError> {
        let found = self.store.get(&Key::Credential(self.login_tag(login))).await?;
        Ok(found.and_then(|r| if let Record::Credential(credential) = r { Some(credential) } else { None }))
    }

    /// What a credential keeps sealed; nothing of a person that was erased.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn open_credential(&self, credential: &Credential) -> Result<Option<Opened>, PeopleError> {
        let key = Key::Credential(credential.login);
        let Some(plain) = self.vault.unseal(credential.person, &key, &credential.private).await? else {
            return Ok(None);
        };
        decode(&plain).map(Some).ok_or(PeopleError::Unreadable("credential"))
    }

    /// A new sign-in, under a random number. `refresh` is the hash of what renews it, `from` says from where it came.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn sign_in(
        &self,
        person: PersonId,
        now: Millis,
        expires: Millis,
        refresh: Hash,
        from: &str,
    ) -> Result<SignIn, PeopleError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| super::VaultError::Random)?;
        let id = Token(id);
        let private = self.seal_text(person, &Key::SignIn(id), from).await?;
        Ok(SignIn { id, rev: Rev::FIRST, person, created: now, seen: now, expires, revoked: false, refresh, private })
    }

    /// From where somebody signed in; nothing of a person that was erased.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn open_sign_in(&self, sign_in: &SignIn) -> Result<Option<String>, PeopleError> {
        self.open_text(sign_in.person, &Key::SignIn(sign_in.id), &sign_in.private).await
    }

    pub(super) async fn seal_text(&self, person: PersonId, of: &Key, text: &str) -> Result<Seal, PeopleError> {
        if text.is_empty() {
            return Ok(Seal::default());
        }
        if text.len() > BYTES_MAX {
            return Err(PeopleError::TooLong("a private text"));
        }
        Ok(self.vault.seal(person, of, text.as_bytes()).await?)
    }

    pub(super) async fn open_text(
        &self,
        person: PersonId,
        of: &Key,
        seal: &Seal,
    ) -> Result<Option<String>, PeopleError> {
        let plain = self.vault.unseal(person, of, seal).await?;
        let read = |plain: super::Plain| String::from_utf8(plain.to_vec());
        plain.map(read).transpose().map_err(|_| PeopleError::Unreadable(of.kind().name()))
    }

    fn seat_tag(&self, world: &Name, public_key: &[u8]) -> Hash {
        self.vault.tag(&format!("seat {world}"), public_key)
    }

    fn login_tag(&self, login: &str) -> Hash {
        self.vault.tag("login", login.trim().to_lowercase().as_bytes())
    }
}

/// What is in the seal of a credential.
pub(super) fn decode(plain: &Plain) -> Option<Opened> {
    let (&VERSION, rest) = plain.split_first()? else { return None };
    postcard::from_bytes(rest).ok()
}
