//! What is kept of people, for themselves: read, handed out, erased, consented to. Must never give anything about anybody
//! but the person that was asked for.

use async_trait::async_trait;

use crate::clock::Moment;
use crate::identity::Person;

/// What is kept of a person, without particulars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What they are called, where they said it.
    pub name: Option<String>,
    /// How they are reached; empty where they did not say.
    pub contact: String,
    /// When they came; nothing of who has no profile.
    pub created: Option<Moment>,
    /// How many records there are, by what they are.
    pub records: Vec<(&'static str, u64)>,
}

/// What an erasure removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Records that were removed.
    pub records: u64,
    /// Seats in worlds that lost what says whose they were.
    pub seats: u64,
}

/// Something that is done with what belongs to people only while they consent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// Names it.
    pub name: &'static str,
    /// Version of the wording.
    pub version: u32,
    /// What somebody is shown who is asked.
    pub wording: &'static str,
}

/// What somebody said about a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Moment,
    /// Whether they consented; false for a refusal and for a consent that was taken back.
    pub given: bool,
    /// Version of the wording.
    pub version: u32,
    /// What they were shown.
    pub wording: String,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// There is no such person, or they were erased.
    #[error("there is no such person")]
    NotFound,
    /// They do not consent to it.
    #[error("without consent it is not kept")]
    NoConsent,
    /// What was given cannot be kept; a sentence for the caller.
    #[error("{0}")]
    Invalid(String),
    /// It is not to be had in one piece; a sentence for the log.
    #[error("the export is too large: {0}")]
    TooLarge(String),
    /// The stores do not answer; a sentence for the log.
    #[error("what is kept of people: {0}")]
    Unavailable(String),
}

/// What is kept of people.
#[async_trait]
pub trait People: Send + Sync + 'static {
    /// What is kept of a person.
    ///
    /// # Errors
    /// [`PeopleError`].
    async fn read(&self, person: Person) -> Result<Kept, PeopleError>;

    /// Everything about a person, as JSON of the published form.
    ///
    /// # Errors
    /// [`PeopleError`].
    async fn export(&self, person: Person) -> Result<String, PeopleError>;

    /// Erases a person, wherever they are kept. May be asked for again.
    ///
    /// # Errors
    /// [`PeopleError`].
    async fn erase(&self, person: Person) -> Result<Erased, PeopleError>;

    /// All that waits for consent.
    fn purposes(&self) -> &'static [Purpose];

    /// What a person said about a purpose, the oldest first.
    ///
    /// # Errors
    /// [`PeopleError`].
    async fn said(&self, person: Person, purpose: &Purpose) -> Result<Vec<Said>, PeopleError>;

    /// Writes down that a person consents, or that they do not; then what was kept under the consent is gone before this
    /// is written.
    ///
    /// # Errors
    /// [`PeopleError`].
    async fn say(&self, person: Person, purpose: &Purpose, given: bool) -> Result<(), PeopleError>;

    /// Keeps how a person is reached; with an empty text, forgets it.
    ///
    /// # Errors
    /// [`PeopleError::NoConsent`] where they do not consent to that.
    async fn keep_contact(&self, person: Person, contact: &str) -> Result<(), PeopleError>;
}
