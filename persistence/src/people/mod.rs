//! What belongs to people, on top of any store: private fields under keys of their own, profiles, trades, consents, the
//! audit chain; export, erasure and retention of it all. Must never write what says who somebody is in the open.
//!
//! A person's private fields are sealed with a key of their own, which lies wrapped in a store of keys. Destroying that
//! key erases them wherever they were copied to: older saves, logs, backups. [`People`] has both stores and is where to
//! begin.

mod audit;
mod cache;
mod cipher;
mod commit;
mod consent;
mod erase;
mod error;
mod export;
pub mod form;
mod history;
mod import;
mod login;
mod master;
mod open;
mod page;
mod private;
mod profile;
mod retention;
mod rotate;
mod tables;
mod touched;
mod trade;
mod vault;

use std::sync::Arc;

pub use audit::{Act, Head, Verified};
pub use consent::Question;
pub use erase::Erased;
pub use error::{ImportError, PeopleError, TradeError, VaultError, VerifyError};
pub use form::{FORMAT, PersonExport};
pub use history::{History, Thinned};
pub use import::EXPORT_BYTES_MAX;
pub use login::{Login, LoginError};
pub use master::{MasterKey, MasterKeyError};
pub use open::OpenError;
pub use private::Opened;
pub use profile::{PROFILE_BYTES_MAX, Profile, ProfileError};
pub use retention::{Period, Periods, RULES, Removed, Rule};
pub use rotate::Rotated;
pub use touched::{Access, Touched};
pub use trade::{Deal, Outcome};
pub use vault::{Masters, Plain, Vault};

use crate::record::PersonId;
use crate::store::Store;

/// Stands for whoever is not here in what was imported from another deployment. No person has this number.
pub const SOMEBODY_ELSE: PersonId = PersonId(i64::MAX as u64 - 1);

/// What belongs to people, in one store, with the vault that opens it.
#[derive(Clone)]
pub struct People {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    /// Appends of this process to the audit chain come one after the other.
    chain: Arc<tokio::sync::Mutex<()>>,
}

impl People {
    /// Of this store, with this vault.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, vault: Arc<Vault>) -> Self {
        Self { store, vault, chain: Arc::default() }
    }

    /// What seals and opens private fields.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
}

/// Reads bytes as a seal and as what may be inside one: whether any of it takes them. For fuzzing; nothing else would open
/// a seal with a key that everybody knows.
#[must_use]
pub fn decodes(bytes: &[u8]) -> bool {
    let seal = crate::record::Seal(bytes.to_vec());
    let opened = cipher::open(&[0; master::KEY_BYTES], b"", &seal).is_some();
    let plain = Plain::of(bytes);
    opened || Profile::decode(&plain).is_ok() || private::decode(&plain).is_some()
}
