//! Who a person is, as far as they said: kept as one sealed field of their player. Must never be printed by Debug, nor
//! hold text that breaks out of where it is shown.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::People;
use super::commit::{ROUNDS_MAX, commit, pause};
use super::error::PeopleError;
use super::vault::Plain;
use crate::batch::Batch;
use crate::error::StoreError;
use crate::record::{Key, Millis, PersonId, Player, Record, Rev};

/// Most bytes of a profile, all texts together.
pub const PROFILE_BYTES_MAX: usize = 60 << 10;

const NAME_BYTES_MAX: usize = 256;
const CONTACT_BYTES_MAX: usize = 320;
const LOCALE_BYTES_MAX: usize = 35;
const KEY_BYTES_MAX: usize = 64;
const EXTRA_MAX: usize = 64;
const EXTRA_NAME_BYTES_MAX: usize = 64;
const EXTRA_VALUE_BYTES_MAX: usize = 4096;

/// Version of how it is written inside the seal.
const VERSION: u8 = 1;

/// Who a person is, in any script.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// What they are called: 1 to 256 bytes.
    pub name: String,
    /// How they are reached, such as an address of e-mail: at most 320 bytes, may be empty.
    pub contact: String,
    /// Language and region, such as `de-CH`: at most 35 ASCII letters, digits and `-`; may be empty.
    pub locale: String,
    /// The public key that they join sessions with: at most 64 bytes, may be empty.
    pub public_key: Vec<u8>,
    /// Whatever else: at most 64 texts of at most 4096 bytes, by names of 1 to 64 bytes.
    pub extra: BTreeMap<String, String>,
}

/// What is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profile is not valid: {0}")]
pub struct ProfileError(&'static str);

impl Profile {
    /// Whether it may be kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), ProfileError> {
        let ensure = |holds: bool, why| if holds { Ok(()) } else { Err(ProfileError(why)) };
        ensure((1..=NAME_BYTES_MAX).contains(&self.name.len()), "a name has 1 to 256 bytes")?;
        ensure(self.name.trim() == self.name, "a name neither begins nor ends with white space")?;
        ensure(is_one_line(&self.name), "a name is one line, without control characters")?;
        ensure(self.contact.len() <= CONTACT_BYTES_MAX, "a contact has at most 320 bytes")?;
        ensure(is_one_line(&self.contact), "a contact is one line, without control characters")?;
        let is_tag = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        ensure(self.locale.len() <= LOCALE_BYTES_MAX && is_tag(&self.locale), "a locale is such as de-CH")?;
        ensure(self.public_key.len() <= KEY_BYTES_MAX, "a public key has at most 64 bytes")?;
        ensure(self.extra.len() <= EXTRA_MAX, "there are at most 64 further fields")?;
        for (name, value) in &self.extra {
            let fits = (1..=EXTRA_NAME_BYTES_MAX).contains(&name.len()) && value.len() <= EXTRA_VALUE_BYTES_MAX;
            ensure(fits && is_one_line(name), "a further field has a name of 1 to 64 bytes and at most 4096 bytes")?;
            let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
            ensure(value.chars().all(is_plain), "a further field has no control characters but line breaks and tabs")?;
        }
        let extra: usize = self.extra.iter().map(|(name, value)| name.len() + value.len()).sum();
        ensure(self.name.len() + self.contact.len() + extra <= PROFILE_BYTES_MAX, "a profile has at most 60 KiB")
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, PeopleError> {
        self.check()?;
        postcard::to_extend(self, vec![VERSION]).map_err(|_| PeopleError::Unreadable("player"))
    }

    pub(super) fn decode(plain: &Plain) -> Result<Self, PeopleError> {
        let Some((&VERSION, rest)) = plain.split_first() else { return Err(PeopleError::Unreadable("player")) };
        let profile: Self = postcard::from_bytes(rest).map_err(|_| PeopleError::Unreadable("player"))?;
        profile.check()?;
        Ok(profile)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile")
    }
}

/// No control characters, no breaks of lines, and nothing that turns the direction of what is shown after it.
fn is_one_line(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| c.is_control() || turns(c))
}

impl People {
    /// Takes somebody in, under a random number.
    ///
    /// # Errors
    /// [`PeopleError`]; nobody was taken in then, as after [`People::import`].
    pub async fn create(&self, profile: &Profile, now: Millis) -> Result<PersonId, PeopleError> {
        let plain = zeroize::Zeroizing::new(profile.encode()?);
        let person = self.new_number().await?;
        let private = self.vault.seal(person, &Key::Player(person), &plain).await?;
        let player = Player { person, rev: Rev::FIRST, created: now, seen: now, place: None, private };
        match commit(&*self.store, &Batch::put([Record::Player(player)])?).await {
            // With 2^63 numbers nobody else drew this one: it was changed since it was written.
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(person),
            Err(error) => {
                self.undo(person, matches!(error, StoreError::Unknown(_)), now).await;
                Err(error.into())
            }
        }
    }

    /// Nobody is to be left behind of whom whoever tried to take them in heard no number. As far as the stores answer.
    pub(super) async fn undo(&self, person: PersonId, may_be_here: bool, now: Millis) {
        let done = if may_be_here {
            // What is left of them in a store that does not answer, is removed when the stores are opened next.
            self.erase(person, now).await.map(|_| ())
        } else {
            self.vault.discard(person).await.map_err(PeopleError::from)
        };
        if let Err(error) = done {
            tracing::warn!("what is left of somebody who could not be taken in stays for now: {error}");
        }
    }

    /// A player with their profile; none of either where the person is not here.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn read(&self, person: PersonId) -> Result<Option<(Player, Profile)>, PeopleError> {
        let Some(player) = self.player(person).await? else { return Ok(None) };
        let Some(plain) = self.vault.unseal(person, &Key::Player(person), &player.private).await? else {
            return Ok(None);
        };
        let profile = Profile::decode(&plain)?;
        Ok(Some((player, profile)))
    }

    /// Changes a player and their profile. `change` is called again with what is there then, where somebody else was
    /// quicker; it must not mind being called more than once.
    ///
    /// # Errors
    /// [`PeopleError::NoPerson`], [`PeopleError::Profile`], [`PeopleError::Busy`], and what the stores say.
    pub async fn save(
        &self,
        person: PersonId,
        mut change: impl FnMut(&mut Player, &mut Profile) + Send,
    ) -> Result<Player, PeopleError> {
        for round in 0..ROUNDS_MAX {
            let (mut player, mut profile) = self.read(person).await?.ok_or(PeopleError::NoPerson)?;
            let (rev, created) = (player.rev.next(), player.created);
            change(&mut player, &mut profile);
            let plain = zeroize::Zeroizing::new(profile.encode()?);
            (player.person, player.rev, player.created) = (person, rev, created);
            player.private = self.vault.seal(person, &Key::Player(person), &plain).await?;
            match commit(&*self.store, &Batch::put([Record::Player(player.clone())])?).await {
                Ok(()) => return Ok(player),
                Err(StoreError::Conflict(_)) => pause(round).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(PeopleError::Busy)
    }

    pub(super) async fn player(&self, person: PersonId) -> Result<Option<Player>, PeopleError> {
        let record = self.store.get(&Key::Player(person)).await?;
        Ok(record.and_then(|record| if let Record::Player(player) = record { Some(player) } else { None }))
    }

    /// A number that nobody has.
    pub(super) async fn new_number(&self) -> Result<PersonId, PeopleError> {
        for _ in 0..ROUNDS_MAX {
            let number = getrandom::u64().map_err(|_| super::VaultError::Random)? >> 1;
            let person = PersonId(number);
            let is_kept = number == 0 || person >= super::SOMEBODY_ELSE;
            if !is_kept && self.player(person).await?.is_none() && self.vault.erasure(person).await?.is_none() {
                return Ok(person);
            }
        }
        Err(PeopleError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Profile {
        Profile { name: name.to_owned(), ..Profile::default() }
    }

    #[test]
    fn names_of_any_script_are_kept() {
        for name in ["Ada", "Jürgen Groß", "Ольга", "山田 太郎", "مريم", "नेहा", "🚀", &"x".repeat(256)]
        {
            assert_eq!(named(name).check(), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_breaks_out_of_its_place_is_refused() {
        for name in ["", " ", " Ada", "a\nb", "a\0b", "\u{1b}[31m", "a\u{202e}b", "a\u{2028}b", &"x".repeat(257)] {
            assert!(named(name).check().is_err(), "{name:?}");
        }
        let wrong = [
            Profile { contact: "x".repeat(321), ..named("a") },
            Profile { locale: "de_CH".to_owned(), ..named("a") },
            Profile { public_key: vec![0; 65], ..named("a") },
            Profile { extra: [(String::new(), String::new())].into(), ..named("a") },
            Profile { extra: [("a".to_owned(), "x".repeat(4097))].into(), ..named("a") },
            Profile { extra: [("a".to_owned(), "\u{1b}".to_owned())].into(), ..named("a") },
            Profile { extra: (0..65).map(|n| (n.to_string(), String::new())).collect(), ..named("a") },
            Profile { extra: (0..16).map(|n| (n.to_string(), "x".repeat(4096))).collect(), ..named("a") },
        ];
        for (n, profile) in wrong.iter().enumerate() {
            assert!(profile.check().is_err(), "case {n}");
        }
    }

    #[test]
    fn a_profile_is_not_printed() {
        assert_eq!(format!("{:?}", named("Ada")), "Profile");
    }
}
