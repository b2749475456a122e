//! The API's accounts in the service's store. Must never leave the deployment without an administrator, nor hold a name or
//! a password's hash in the open: both are sealed with the person's key.

use api::clock::{Clock, Moment};
use api::identity::{Person, Role, SignInId};
use api::ports::{Account, AccountError, Accounts, NewAccount, StoredSignIn};
use async_trait::async_trait;
use persistence::people::{Login, LoginError, People, PeopleError, VaultError};
use persistence::{
    Batch, Hash, Key, Millis, Name, PersonId, Record, Rev, Seal, Setting, SignIn, Store, StoreError, Text, Token,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How somebody signs in.
pub const METHOD: &str = "password";
/// Written with every change of who is an administrator, so that two such changes never go by each other.
const GUARD: &str = "accounts.administrators";
/// Version of the licence that was published last.
const LICENCE: &str = "accounts.licence";
/// Accounts that are looked at together for another administrator.
const PAGE: usize = 100;
/// How often a change is tried again where others change administrators at the same time.
const ROUNDS_MAX: u32 = 16;

/// What an account keeps sealed beside its name.
#[derive(Serialize, Deserialize)]
struct Secret {
    password: String,
    role: Role,
    banned_until: Option<Moment>,
    licence: u32,
}

/// Accounts in a store.
pub struct StoredAccounts {
    people: People,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    method: Name,
    guard: Name,
    licence: Name,
}

impl StoredAccounts {
    /// In this store.
    ///
    /// # Errors
    /// None in practice: the names are valid, as every test here shows.
    pub fn new(people: People, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self, AccountError> {
        let name = |text: &str| Name::new(text).map_err(|e| AccountError::Unavailable(e.to_string()));
        Ok(Self { people, store, clock, method: name(METHOD)?, guard: name(GUARD)?, licence: name(LICENCE)? })
    }

    fn now(&self) -> Millis {
        Millis(self.clock.now().0)
    }

    /// The next revision of the guard.
    async fn guard(&self) -> Result<Record, AccountError> {
        let found = self.store.get(&Key::Setting(self.guard.clone())).await.map_err(unavailable)?;
        let rev = match found {
            Some(Record::Setting(setting)) => setting.rev.next(),
            _ => Rev::FIRST,
        };
        Ok(Record::Setting(Setting { name: self.guard.clone(), rev, value: Text(String::new()) }))
    }

    /// Whether somebody else looks after the users.
    async fn has_other_admin(&self, than: Person) -> Result<bool, AccountError> {
        let (mut behind, now) = (None, self.clock.now());
        loop {
            let (page, more) = self.list(behind, PAGE).await?;
            if page.iter().any(|account| account.person != than && is_admin(account, now)) {
                return Ok(true);
            }
            behind = page.last().map(|account| account.person);
            if !more || behind.is_none() {
                return Ok(false);
            }
        }
    }

    /// The version of the licence that was published, and the revision of that setting.
    async fn published(&self) -> Result<(u32, Rev), AccountError> {
        match self.store.get(&Key::Setting(self.licence.clone())).await.map_err(unavailable)? {
            Some(Record::Setting(Setting { value, rev, .. })) => {
                let version = value.0.parse();
                let unreadable = |_| AccountError::Unavailable("the version of the licence does not read".to_owned());
                Ok((version.map_err(unreadable)?, rev.next()))
            }
            _ => Ok((0, Rev::FIRST)),
        }
    }

    async fn login_of(&self, person: Person) -> Result<Option<Login>, AccountError> {
        self.people.login_of(PersonId(person.0), &self.method).await.map_err(failed)
    }
}

/// Whether somebody can look after the users now.
fn is_admin(account: &Account, now: Moment) -> bool {
    account.role == Role::Admin && account.banned_until.is_none_or(|until| until <= now)
}

fn account(login: &Login) -> Result<Account, AccountError> {
    let secret: Secret = serde_json::from_slice(&login.opened.secret).map_err(unreadable)?;
    Ok(Account {
        person: Person(login.credential.person.0),
        name: login.opened.login.clone(),
        role: secret.role,
        password: secret.password,
        banned_until: secret.banned_until,
        licence: secret.licence,
        revision: login.credential.rev.0,
    })
}

/// The secret of an account of another deployment as one of a player: who may do more is said here.
///
/// # Errors
/// [`AccountError::Unavailable`] where it is no account's secret.
pub fn as_player(secret: &[u8]) -> Result<Vec<u8>, AccountError> {
    let read: Secret = serde_json::from_slice(secret).map_err(unreadable)?;
    encode(&Secret { role: read.role.min(Role::Player), ..read })
}

fn unreadable(_: serde_json::Error) -> AccountError {
    AccountError::Unavailable("the private fields of a credential do not read".to_owned())
}

fn encode(secret: &Secret) -> Result<Vec<u8>, AccountError> {
    serde_json::to_vec(secret).map_err(|e| AccountError::Unavailable(e.to_string()))
}

fn unavailable(error: StoreError) -> AccountError {
    AccountError::Unavailable(error.to_string())
}

fn failed(error: PeopleError) -> AccountError {
    match error {
        PeopleError::Profile(error) => AccountError::Invalid(error.to_string()),
        PeopleError::TooLong(what) => AccountError::Invalid(format!("{what} is too long")),
        // Somebody who was erased meanwhile has no account.
        PeopleError::NoPerson | PeopleError::Vault(VaultError::Erased) => AccountError::NotFound,
        other => AccountError::Unavailable(other.to_string()),
    }
}

fn refused(error: LoginError) -> AccountError {
    match error {
        LoginError::Taken => AccountError::Taken,
        LoginError::Changed => AccountError::Conflict,
        LoginError::People(error) => failed(error),
    }
}

#[async_trait]
impl Accounts for StoredAccounts {
    async fn by_name(&self, name: &str) -> Result<Option<Account>, AccountError> {
        self.people.login(name).await.map_err(failed)?.as_ref().map(account).transpose()
    }

    async fn by_person(&self, person: Person) -> Result<Option<Account>, AccountError> {
        self.login_of(person).await?.as_ref().map(account).transpose()
    }

    async fn list(&self, behind: Option<Person>, limit: usize) -> Result<(Vec<Account>, bool), AccountError> {
        let behind = behind.map(|person| PersonId(person.0));
        let (logins, more) = self.people.logins(&self.method, behind, limit).await.map_err(failed)?;
        Ok((logins.iter().map(account).collect::<Result<_, _>>()?, more))
    }

    async fn create(&self, new: &NewAccount) -> Result<Account, AccountError> {
        let NewAccount { name, role, password, licence } = new.clone();
        let secret = encode(&Secret { password, role, banned_until: None, licence })?;
        let enrolled = self.people.enrol(&name, self.method.clone(), &secret, None, self.now()).await;
        account(&enrolled.map_err(refused)?)
    }

    async fn update(&self, wanted: &Account) -> Result<Account, AccountError> {
        let secret = Secret {
            password: wanted.password.clone(),
            role: wanted.role,
            banned_until: wanted.banned_until,
            licence: wanted.licence,
        };
        let secret = encode(&secret)?;
        for _ in 0..ROUNDS_MAX {
            // Before the administrators are looked at: whoever changes them meanwhile writes another revision.
            let guard = self.guard().await?;
            let login = self.login_of(wanted.person).await?.ok_or(AccountError::NotFound)?;
            if login.credential.rev.0 != wanted.revision {
                return Err(AccountError::Conflict);
            }
            let (before, now) = (account(&login)?, self.clock.now());
            let (was, is) = (is_admin(&before, now), is_admin(wanted, now));
            if was && !is && !self.has_other_admin(wanted.person).await? {
                return Err(AccountError::LastAdmin);
            }
            match self.people.change_secret(&login, &secret, (was != is).then_some(guard)).await {
                Ok(login) => return account(&login),
                // The account itself, or only the guard: the next round tells.
                Err(LoginError::Changed) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Err(AccountError::Conflict)
    }

    async fn sign_ins(&self, now: Moment) -> Result<Vec<StoredSignIn>, AccountError> {
        let living = self.people.living_sign_ins(Millis(now.0)).await.map_err(failed)?;
        let stored = |(sign_in, address): (SignIn, String)| StoredSignIn {
            id: SignInId(sign_in.id.0),
            person: Person(sign_in.person.0),
            created: Moment(sign_in.created.0),
            seen: Moment(sign_in.seen.0),
            expires: Moment(sign_in.expires.0),
            revoked: sign_in.revoked,
            refresh: sign_in.refresh.0,
            address,
            revision: sign_in.rev.0,
        };
        Ok(living.into_iter().map(stored).collect())
    }

    async fn put_sign_in(&self, sign_in: &StoredSignIn) -> Result<u64, AccountError> {
        let rev = Rev(sign_in.revision.saturating_add(1));
        let record = SignIn {
            id: Token(sign_in.id.0),
            rev,
            person: PersonId(sign_in.person.0),
            created: Millis(sign_in.created.0),
            seen: Millis(sign_in.seen.0),
            expires: Millis(sign_in.expires.0),
            revoked: sign_in.revoked,
            refresh: Hash(sign_in.refresh),
            private: Seal::default(),
        };
        self.people.put_sign_in(record, &sign_in.address).await.map_err(refused)?;
        Ok(rev.0)
    }

    async fn licence(&self) -> Result<u32, AccountError> {
        Ok(self.published().await?.0)
    }

    async fn publish_licence(&self, version: u32) -> Result<(), AccountError> {
        for _ in 0..ROUNDS_MAX {
            let (before, rev) = self.published().await?;
            if version <= before {
                return Ok(());
            }
            let setting = Setting { name: self.licence.clone(), rev, value: Text(version.to_string()) };
            let batch = Batch::put([Record::Setting(setting)]).map_err(unavailable)?;
            match self.store.commit(&batch).await {
                // The next round tells, also where it was written and the answer was lost.
                Err(StoreError::Conflict(_) | StoreError::Unknown(_)) => {}
                done => return done.map_err(unavailable),
            }
        }
        Err(AccountError::Conflict)
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
