//! Accounts and sign-ins in a store. Must never be asked for each request: the sign-ins that are alive are in memory.

use async_trait::async_trait;

use crate::clock::Moment;
use crate::identity::{Person, Role, SignInId};

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub person: Person,
    /// The name that they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The password's hash in PHC form.
    pub password: String,
    /// Banned until then.
    pub banned_until: Option<Moment>,
    /// Version of the licence that they accepted; 0 for none.
    pub licence: u32,
    /// How often it was written: an update names the one that it has read.
    pub revision: u64,
}

/// An account that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The password's hash in PHC form.
    pub password: String,
    /// Version of the licence that they accepted; 0 for none.
    pub licence: u32,
}

/// A sign-in as it is kept. It holds no token, only the hash of the one that renews it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSignIn {
    /// Names it.
    pub id: SignInId,
    /// Who.
    pub person: Person,
    /// When it began.
    pub created: Moment,
    /// When it was used last, to within a minute.
    pub seen: Moment,
    /// When it ends at the latest.
    pub expires: Moment,
    /// It was ended before.
    pub revoked: bool,
    /// Hash of the refresh token that is good now.
    pub refresh: [u8; 32],
    /// From which address; sealed by the store.
    pub address: String,
    /// How often it was written; 0 for one that is not there yet.
    pub revision: u64,
}

/// Why the store of accounts could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Somebody has that name.
    #[error("the name is taken")]
    Taken,
    /// There is no such account or sign-in.
    #[error("not found")]
    NotFound,
    /// It was written by somebody else meanwhile.
    #[error("it was changed meanwhile")]
    Conflict,
    /// It would leave nobody who looks after the users.
    #[error("the last administrator stays")]
    LastAdmin,
    /// What was given cannot be kept; a sentence for the caller.
    #[error("{0}")]
    Invalid(String),
    /// The store does not answer; a sentence for the log.
    #[error("the store of accounts: {0}")]
    Unavailable(String),
}

/// The store of accounts.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// The account with this name; names that differ in case or in white space around them are one.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    async fn by_name(&self, name: &str) -> Result<Option<Account>, AccountError>;

    /// The account of a person.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    async fn by_person(&self, person: Person) -> Result<Option<Account>, AccountError>;

    /// A page of all accounts in the order of their persons, behind this one, and whether there are more.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    async fn list(&self, behind: Option<Person>, limit: usize) -> Result<(Vec<Account>, bool), AccountError>;

    /// Makes an account.
    ///
    /// # Errors
    /// [`AccountError::Taken`], [`AccountError::Invalid`], [`AccountError::Unavailable`].
    async fn create(&self, account: &NewAccount) -> Result<Account, AccountError>;

    /// Writes role, password, ban and licence of an account, if it still has the revision that was read. The last
    /// administrator keeps the role, and is not banned.
    ///
    /// # Errors
    /// [`AccountError`].
    async fn update(&self, account: &Account) -> Result<Account, AccountError>;

    /// All sign-ins that are not over at this moment.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    async fn sign_ins(&self, now: Moment) -> Result<Vec<StoredSignIn>, AccountError>;

    /// Writes a sign-in, if the store still has the revision that it names. Gives the new revision.
    ///
    /// # Errors
    /// [`AccountError::Conflict`], [`AccountError::Unavailable`].
    async fn put_sign_in(&self, sign_in: &StoredSignIn) -> Result<u64, AccountError>;

    /// Version of the licence that was published last; 0 before any was.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    async fn licence(&self) -> Result<u32, AccountError>;

    /// Keeps the version of the licence that is published. Of two the higher one stays.
    ///
    /// # Errors
    /// [`AccountError`].
    async fn publish_licence(&self, version: u32) -> Result<(), AccountError>;
}
