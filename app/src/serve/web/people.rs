//! What is kept of people, for the API: in the service's stores, by the same library that the commands go by. Must never
//! keep anything that waits for consent without one.

use api::clock::{Clock, Moment};
use api::identity::Person;
use api::ports::{self, Erased, Kept, PeopleError, Purpose, Said};
use async_trait::async_trait;
use persistence::people::{self, People, Question};
use persistence::{Millis, Name, PersonId, Text};
use std::sync::Arc;

/// Larger exports are had by the command.
const EXPORT_BYTES_MAX: usize = 64 << 20;

/// How somebody is reached.
const CONTACT: Purpose = Purpose {
    name: "contact",
    version: 1,
    wording: "May this service keep how you are reached, such as your address of e-mail? It is used to tell you of breaches and \
              of what concerns your account, and for nothing else. It is kept sealed until you take this back or are erased.",
};

/// Everything that is done only while somebody consents to it. A wording that changes has a new version.
pub const PURPOSES: &[Purpose] = &[CONTACT];

/// What is kept of people, in the service's stores.
pub struct StoredPeople {
    people: People,
    clock: Arc<dyn Clock>,
}

impl StoredPeople {
    /// In these.
    #[must_use]
    pub fn new(people: People, clock: Arc<dyn Clock>) -> Self {
        Self { people, clock }
    }

    fn now(&self) -> Millis {
        Millis(self.clock.now().0)
    }

    async fn consents(&self, person: PersonId, purpose: &Purpose) -> Result<bool, PeopleError> {
        self.people.stands(person, &name(purpose)?).await.map_err(failed)
    }

    /// Forgets how somebody is reached. Who has no profile has nothing of it.
    async fn forget_contact(&self, person: PersonId) -> Result<(), PeopleError> {
        match self.people.save(person, |_, profile| profile.contact.clear()).await {
            Ok(_) | Err(people::PeopleError::NoPerson) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn known(&self, person: PersonId) -> Result<(), PeopleError> {
        let is_erased = self.people.vault().erasure(person).await.map_err(|e| failed(e.into()))?.is_some();
        let is_known = !is_erased && self.people.is_known(person).await.map_err(failed)?;
        is_known.then_some(()).ok_or(PeopleError::NotFound)
    }
}

fn name(purpose: &Purpose) -> Result<Name, PeopleError> {
    Name::new(purpose.name).map_err(|e| PeopleError::Unavailable(e.to_string()))
}

fn failed(error: people::PeopleError) -> PeopleError {
    match error {
        people::PeopleError::NoPerson | people::PeopleError::Vault(people::VaultError::Erased) => PeopleError::NotFound,
        people::PeopleError::Profile(error) => PeopleError::Invalid(error.to_string()),
        other => PeopleError::Unavailable(other.to_string()),
    }
}

#[async_trait]
impl ports::People for StoredPeople {
    async fn read(&self, person: Person) -> Result<Kept, PeopleError> {
        let person = PersonId(person.0);
        self.known(person).await?;
        let profile = self.people.read(person).await.map_err(failed)?;
        let records = self.people.kept(person).await.map_err(failed)?;
        let records = records.into_iter().map(|(kind, count)| (kind.name(), count)).collect();
        let none = Kept { records, ..Kept::default() };
        Ok(profile.map_or(none.clone(), |(player, profile)| Kept {
            name: Some(profile.name),
            contact: profile.contact,
            created: Some(Moment(player.created.0)),
            ..none
        }))
    }

    async fn export(&self, person: Person) -> Result<String, PeopleError> {
        let export = self.people.export(PersonId(person.0), self.now()).await.map_err(failed)?;
        let text = export.to_json().map_err(|e| PeopleError::Unavailable(e.to_string()))?;
        if text.len() > EXPORT_BYTES_MAX {
            return Err(PeopleError::TooLarge(format!("{} bytes", text.len())));
        }
        Ok(text)
    }

    async fn erase(&self, person: Person) -> Result<Erased, PeopleError> {
        let person = PersonId(person.0);
        if !self.people.is_known(person).await.map_err(failed)? {
            return Err(PeopleError::NotFound);
        }
        let erased = self.people.erase(person, self.now()).await.map_err(failed)?;
        Ok(Erased { records: erased.removed, seats: erased.seats })
    }

    fn purposes(&self) -> &'static [Purpose] {
        PURPOSES
    }

    async fn said(&self, person: Person, purpose: &Purpose) -> Result<Vec<Said>, PeopleError> {
        let person = PersonId(person.0);
        self.known(person).await?;
        let history = self.people.history(person, &name(purpose)?).await.map_err(failed)?;
        let said = history.into_iter().map(|consent| Said {
            at: Moment(consent.at.0),
            given: consent.given,
            version: consent.version,
            wording: consent.wording.0,
        });
        Ok(said.collect())
    }

    async fn say(&self, person: Person, purpose: &Purpose, given: bool) -> Result<(), PeopleError> {
        let person = PersonId(person.0);
        self.known(person).await?;
        let wording = Text(purpose.wording.to_owned());
        let question = Question { purpose: name(purpose)?, version: purpose.version, wording };
        if given {
            return self.people.give(person, &question, self.now()).await.map_err(failed);
        }
        // First what was kept goes, and again behind the word: it may have come meanwhile.
        self.forget_contact(person).await?;
        self.people.withdraw(person, &question, self.now()).await.map_err(failed)?;
        self.forget_contact(person).await
    }

    async fn keep_contact(&self, person: Person, contact: &str) -> Result<(), PeopleError> {
        let person = PersonId(person.0);
        if contact.is_empty() {
            return self.forget_contact(person).await;
        }
        if !self.consents(person, &CONTACT).await? {
            return Err(PeopleError::NoConsent);
        }
        let keep = |_: &mut _, profile: &mut people::Profile| contact.clone_into(&mut profile.contact);
        self.people.save(person, keep).await.map_err(failed)?;
        // Taken back meanwhile.
        if !self.consents(person, &CONTACT).await? {
            self.forget_contact(person).await?;
            return Err(PeopleError::NoConsent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_is_on_the_page_about_privacy() {
        let page = include_str!("../../../../docs/PRIVACY.md");
        for purpose in PURPOSES {
            let row = format!("| `{}` | {} |", purpose.name, purpose.version);
            assert!(page.contains(&row), "{row}");
        }
        let (_, table) = page.split_once("| purpose | version |").expect("the table");
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|')).count();
        assert_eq!(rows, PURPOSES.len(), "the page has no other");
    }
}
