//! What people do about what is kept of them, and administrators on their behalf: read, hand out, erase, consent. Must never
//! tell whether somebody else exists, nor do anything that was not written down first.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Security;
use super::accounts::{Refusal, subject};
use super::kinds::Kind;
use crate::clock::Moment;
use crate::gate::{Denied, Gatekeeper as _, Sign};
use crate::identity::{Caller, Person, Role, Visit};
use crate::ports::{Account, Erased, Kept, Outcome, People, PeopleError, Purpose, Said};

/// Persons that one entry of the audit log names: it has room for 8 KiB of details.
const NAMED_MAX: usize = 300;

/// Who somebody is to the API, as they see it themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAccount {
    /// Their number.
    pub person: Person,
    /// The name that they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Version of the licence that they accepted; 0 for none.
    pub licence: u32,
    /// Version that has to be accepted; 0 where there is none.
    pub licence_needed: u32,
    /// When this sign-in began.
    pub signed_in: Moment,
    /// Sign-ins of theirs that stand.
    pub sign_ins: usize,
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::NotFound => Self::NotFound,
            PeopleError::NoConsent => Self::NoConsent,
            PeopleError::Invalid(why) => Self::Invalid(why),
            PeopleError::TooLarge(why) => {
                tracing::warn!(target: "security", why, "an export is not handed out");
                Self::Invalid("it is too large for one answer; whoever runs the service can export it".to_owned())
            }
            PeopleError::Unavailable(why) => {
                tracing::error!(target: "security", why, "what is kept of people does not answer");
                Denied::Unavailable("people").into()
            }
        }
    }
}

impl Security {
    /// The caller's account.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn own_account(&self, caller: &Caller) -> Result<OwnAccount, Refusal> {
        let now = self.outside.clock.now();
        let live = self.standing(caller, now)?;
        let account = self.outside.accounts.by_person(caller.person).await?.ok_or(Refusal::NotFound)?;
        Ok(OwnAccount {
            person: account.person,
            name: account.name,
            role: account.role,
            licence: account.licence,
            licence_needed: self.licence_in_force(),
            signed_in: live.created,
            sign_ins: self.sign_ins.of(caller.person, now).len(),
        })
    }

    /// Whether this caller may do something about that person: they are it, or they look after the users. To anybody else
    /// nobody exists.
    fn concerns(&self, visit: &Visit, caller: &Caller, person: Person) -> Result<(), Refusal> {
        self.standing(caller, self.outside.clock.now())?;
        if caller.person == person {
            return Ok(());
        }
        self.permits(caller, Role::Admin).map_err(|denied| match denied {
            Denied::Forbidden => {
                self.saw(visit, Sign::Forbidden(caller.person));
                Refusal::NotFound
            }
            other => other.into(),
        })
    }

    /// Whether it is the caller who asks, and not only somebody with their token: they know the password.
    async fn confirm(&self, visit: &Visit, caller: &Caller, password: &str) -> Result<(), Refusal> {
        let account = self.outside.accounts.by_person(caller.person).await?.ok_or(Refusal::NotFound)?;
        let confirmed = self.authenticate(visit, &account.name, password).await?;
        if confirmed.person == caller.person { Ok(()) } else { Err(Refusal::Conflict) }
    }

    /// What is kept of a person. That somebody else looked is written down.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn read_of(
        &self,
        visit: &Visit,
        caller: &Caller,
        people: &dyn People,
        person: Person,
    ) -> Result<Kept, Refusal> {
        self.concerns(visit, caller, person)?;
        if caller.person != person {
            self.written(visit, caller, Kind::PersonRead, person, json!({})).await?;
        }
        Ok(people.read(person).await?)
    }

    /// Everything about a person, as JSON; the caller gives their password once more.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn export_of(
        &self,
        visit: &Visit,
        caller: &Caller,
        people: &dyn People,
        person: Person,
        password: &str,
    ) -> Result<String, Refusal> {
        self.concerns(visit, caller, person)?;
        self.confirm(visit, caller, password).await?;
        let entry = self.written(visit, caller, Kind::PersonExport, person, json!({})).await?;
        let export = people.export(person).await;
        self.or_undone(visit, caller, Kind::PersonExport, person, Some(entry), export).await
    }

    /// Erases a person; the caller gives their password once more. An administrator stops being one first, and the last
    /// one stays. Every sign-in of theirs is over when this returns.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn erase(
        &self,
        visit: &Visit,
        caller: &Caller,
        people: &dyn People,
        person: Person,
        password: &str,
    ) -> Result<Erased, Refusal> {
        self.concerns(visit, caller, person)?;
        self.confirm(visit, caller, password).await?;
        let entry = if self.outside.accounts.by_person(person).await?.is_some() {
            let change = |account: &mut Account| {
                account.role = Role::Guest;
                Ok(())
            };
            let changed = self.change(visit, Some(caller.person), Kind::PersonErase, person, json!({}), change).await;
            self.ending(person, changed).await?;
            None
        } else {
            // Who only joined sessions has no account.
            Some(self.written(visit, caller, Kind::PersonErase, person, json!({})).await?)
        };
        let erased = people.erase(person).await;
        // Whoever signed in meanwhile; in the store they went with the person.
        if let Err(error) = self.end_all(person).await {
            tracing::debug!(target: "security", %error, "the sign-ins of an erased person were not written down as ended");
        }
        self.or_undone(visit, caller, Kind::PersonErase, person, entry, erased).await
    }

    /// What a person said about a purpose, the oldest first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn consents_of(
        &self,
        visit: &Visit,
        caller: &Caller,
        people: &dyn People,
        person: Person,
        purpose: &Purpose,
    ) -> Result<Vec<Said>, Refusal> {
        self.concerns(visit, caller, person)?;
        if caller.person != person {
            self.written(visit, caller, Kind::PersonRead, person, json!({ "what": "consents" })).await?;
        }
        Ok(people.said(person, purpose).await?)
    }

    /// A person consents, or does not any more. Nobody consents for somebody else.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn consent(
        &self,
        visit: &Visit,
        caller: &Caller,
        people: &dyn People,
        person: Person,
        purpose: &Purpose,
        given: bool,
    ) -> Result<(), Refusal> {
        self.concerns(visit, caller, person)?;
        let more = json!({ "purpose": purpose.name, "version": purpose.version, "given": given });
        if given && caller.person != person {
            let who = Some(caller.person);
            self.record(visit, who, Kind::Consent, subject(person), Outcome::Denied, more).await?;
            return Err(Denied::Forbidden.into());
        }
        let entry = self.written(visit, caller, Kind::Consent, person, more).await?;
        let said = people.say(person, purpose, given).await;
        self.or_undone(visit, caller, Kind::Consent, person, Some(entry), said).await
    }

    /// Keeps how a person is reached, who consents to that; forgets it where the text is empty.
    ///
    /// # Errors
    /// [`Refusal::NoConsent`].
    pub async fn keep_contact(
        &self,
        visit: &Visit,
        caller: &Caller,
        people: &dyn People,
        person: Person,
        contact: &str,
    ) -> Result<(), Refusal> {
        self.concerns(visit, caller, person)?;
        let entry = self.written(visit, caller, Kind::PersonChange, person, json!({ "what": "contact" })).await?;
        let kept = people.keep_contact(person, contact).await;
        self.or_undone(visit, caller, Kind::PersonChange, person, Some(entry), kept).await
    }

    /// Writes down that somebody looks at what is kept of these people; when this returns well, they may.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub async fn looked_at(
        &self,
        visit: &Visit,
        caller: &Caller,
        what: &str,
        persons: BTreeSet<Person>,
    ) -> Result<(), Refusal> {
        let numbers: Vec<String> = persons.into_iter().map(|person| person.0.to_string()).collect();
        for some in numbers.chunks(NAMED_MAX) {
            let (who, more) = (Some(caller.person), json!({ "persons": some }));
            self.record(visit, who, Kind::PersonRead, what.to_owned(), Outcome::Done, more).await?;
        }
        Ok(())
    }

    async fn written(
        &self,
        visit: &Visit,
        caller: &Caller,
        kind: Kind,
        person: Person,
        more: Value,
    ) -> Result<u64, Refusal> {
        Ok(self.record(visit, Some(caller.person), kind, subject(person), Outcome::Done, more).await?)
    }

    /// What came of something that was written down as done; where nothing did, that is written down too.
    async fn or_undone<T>(
        &self,
        visit: &Visit,
        caller: &Caller,
        kind: Kind,
        person: Person,
        entry: Option<u64>,
        outcome: Result<T, PeopleError>,
    ) -> Result<T, Refusal> {
        if outcome.is_err() {
            let more = entry.map_or_else(|| json!({}), |entry| json!({ "instead_of": entry }));
            self.record(visit, Some(caller.person), kind, subject(person), Outcome::Failed, more).await?;
        }
        Ok(outcome?)
    }
}
