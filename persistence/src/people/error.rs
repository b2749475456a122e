//! Why something that belongs to people could not be done. Must never hold what says who somebody is: errors are logged.

use super::profile::ProfileError;
use crate::error::StoreError;
use crate::record::Token;

/// Why something could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The store of keys failed.
    #[error("the store of keys: {0}")]
    Keys(#[from] StoreError),
    /// A key is wrapped with a master key that is not at hand.
    #[error("a key is wrapped with the master key {0}, which was not given")]
    OtherMaster(Token),
    /// The person was erased; nothing can be sealed for them any more.
    #[error("the person was erased")]
    Erased,
    /// There is no such key, and it was not destroyed either.
    #[error("the key is not in the store of keys: it belongs to another deployment, or is an older one")]
    KeyMissing,
    /// It is not what was sealed, or not for that.
    #[error("a sealed field of a {0} does not open: it was changed, or belongs elsewhere")]
    Damaged(&'static str),
    /// There is no random number.
    #[error("nothing can be sealed: the operating system gives no random numbers")]
    Random,
    /// The number is kept for something else.
    #[error("no person has this number")]
    NoPerson,
}

/// Why something that belongs to people could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The profile is not valid.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// There is no such person, or they were erased.
    #[error("there is no such person")]
    NoPerson,
    /// Somebody else was quicker, again and again.
    #[error("others write the same all the time; try again later")]
    Busy,
    /// Something is longer than it may be.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// A sealed field opens, but does not read.
    #[error("the private fields of a {0} do not read")]
    Unreadable(&'static str),
    /// The note about where the audit chain ends or begins is not ours.
    #[error("the note {0} about the audit chain was changed by somebody else")]
    Note(&'static str),
}

/// Why a trade was not done. Nothing was written, unless the store says that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TradeError {
    /// The store failed. After [`StoreError::Unknown`] the same trade is asked for again, by its number.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody does not have what they are to give.
    #[error("one of the two does not have what they are to give")]
    Insufficient,
    /// Somebody has things of that kind with other particulars, or more kinds or things than can be kept.
    #[error("one of the two cannot take what they are to get")]
    NoRoom,
    /// It cannot be a trade.
    #[error("the trade is not valid: {0}")]
    Invalid(&'static str),
    /// There is a trade with that number, and it is another one.
    #[error("there is another trade with this number")]
    OtherTrade,
    /// There is no such player.
    #[error("one of the two is no player here")]
    NoPlayer,
    /// Somebody else was quicker, again and again.
    #[error("others trade with the same two all the time; try again later")]
    Busy,
}

/// What is wrong with the audit chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It could not be read. A damaged entry is found by the store itself.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// An entry is not what was written.
    #[error("the audit entry {0} was changed")]
    Edited(u64),
    /// An entry does not follow the one before it.
    #[error("the audit entry {0} does not follow the one before it")]
    Broken(u64),
    /// An entry is gone.
    #[error("the audit entry {0} is missing")]
    Missing(u64),
    /// The chain ends too early.
    #[error("the audit chain ends at {found}, and once went on to {known}")]
    Truncated {
        /// The last entry that is there.
        found: u64,
        /// The last one that is known to have been there.
        known: u64,
    },
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        Self::People(error.into())
    }
}

/// Why somebody could not be taken in from an export. Nothing of them is visible then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is not such a file.
    #[error("this is no export of a person: {0}")]
    Form(String),
    /// It is of a later version.
    #[error("this export has the format {0:?}, and this program reads {expected:?}", expected = super::FORMAT)]
    Version(String),
    /// It says something that cannot be.
    #[error("the export is not valid: {0}")]
    Invalid(&'static str),
    /// Somebody here signs in with the same name.
    #[error("somebody here signs in with the same name")]
    LoginTaken,
    /// It could not be written.
    #[error(transparent)]
    People(#[from] PeopleError),
}

impl PeopleError {
    /// Whether something may have been written nevertheless.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unknown(_)))
    }
}

impl ImportError {
    /// Whether somebody may be here nevertheless.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::People(error) if error.is_unknown())
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::People(error.into())
    }
}

impl From<VaultError> for ImportError {
    fn from(error: VaultError) -> Self {
        Self::People(error.into())
    }
}
