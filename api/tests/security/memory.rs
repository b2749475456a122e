//! Ports in memory, and a world around a gate. Must never be kinder than a real store: revisions and the last
//! administrator are kept.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::clock::{Clock as _, Moment, TurnedClock};
use api::gate::Gatekeeper as _;
use api::identity::{Caller, Correlation, Person, Role, SignInId, Visit};
use api::ports::{
    Account, AccountError, Accounts, Act, AuditError, AuditLog, Entry, NewAccount, Outcome, Reading, StoredSignIn,
};
use api::security::keys::Keys;
use api::security::policy::Policy;
use api::security::{Outside, Security, Tokens};
use async_trait::async_trait;

pub const BEGIN: Moment = Moment(1_800_000_000_000);
pub const PASSWORD: &str = "seven green bottles";

#[derive(Default)]
pub struct State {
    pub accounts: BTreeMap<Person, Account>,
    pub sign_ins: BTreeMap<SignInId, StoredSignIn>,
    pub licence: u32,
}

type Hook = Box<dyn FnOnce(&mut State) + Send>;

/// Accounts in memory.
#[derive(Default)]
pub struct MemoryAccounts {
    pub state: Mutex<State>,
    pub is_down: AtomicBool,
    /// Done behind the next sign-in that is written.
    pub behind_put: Mutex<Option<Hook>>,
}

impl MemoryAccounts {
    fn up(&self) -> Result<(), AccountError> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(AccountError::Unavailable("down for the test".into())) } else { Ok(()) }
    }

    pub fn account(&self, person: Person) -> Account {
        self.state.lock().expect("no panic").accounts[&person].clone()
    }
}

#[async_trait]
impl Accounts for MemoryAccounts {
    async fn by_name(&self, name: &str) -> Result<Option<Account>, AccountError> {
        self.up()?;
        let name = name.trim().to_lowercase();
        let state = self.state.lock().expect("no panic");
        Ok(state.accounts.values().find(|account| account.name.to_lowercase() == name).cloned())
    }

    async fn by_person(&self, person: Person) -> Result<Option<Account>, AccountError> {
        self.up()?;
        Ok(self.state.lock().expect("no panic").accounts.get(&person).cloned())
    }

    async fn list(&self, behind: Option<Person>, limit: usize) -> Result<(Vec<Account>, bool), AccountError> {
        self.up()?;
        let state = self.state.lock().expect("no panic");
        let mut all = state.accounts.values().filter(|account| Some(account.person) > behind).cloned();
        Ok((all.by_ref().take(limit).collect(), all.next().is_some()))
    }

    async fn create(&self, new: &NewAccount) -> Result<Account, AccountError> {
        self.up()?;
        let mut state = self.state.lock().expect("no panic");
        if state.accounts.values().any(|account| account.name.eq_ignore_ascii_case(&new.name)) {
            return Err(AccountError::Taken);
        }
        let person = Person(state.accounts.len() as u64 + 1);
        let account = Account {
            person,
            name: new.name.clone(),
            role: new.role,
            password: new.password.clone(),
            banned_until: None,
            licence: new.licence,
            revision: 1,
        };
        state.accounts.insert(person, account.clone());
        Ok(account)
    }

    async fn update(&self, account: &Account) -> Result<Account, AccountError> {
        self.up()?;
        let mut state = self.state.lock().expect("no panic");
        let is_admin = |account: &&Account| account.role == Role::Admin && account.banned_until.is_none();
        let others = state.accounts.values().filter(is_admin).filter(|other| other.person != account.person).count();
        let before = state.accounts.get_mut(&account.person).ok_or(AccountError::NotFound)?;
        if before.revision != account.revision {
            return Err(AccountError::Conflict);
        }
        if is_admin(&&*before) && !is_admin(&account) && others == 0 {
            return Err(AccountError::LastAdmin);
        }
        *before = Account { revision: account.revision + 1, ..account.clone() };
        Ok(before.clone())
    }

    async fn sign_ins(&self, now: Moment) -> Result<Vec<StoredSignIn>, AccountError> {
        self.up()?;
        let state = self.state.lock().expect("no panic");
        Ok(state.sign_ins.values().filter(|one| !one.revoked && now < one.expires).cloned().collect())
    }

    async fn put_sign_in(&self, sign_in: &StoredSignIn) -> Result<u64, AccountError> {
        self.up()?;
        let mut state = self.state.lock().expect("no panic");
        if state.sign_ins.get(&sign_in.id).map_or(0, |one| one.revision) != sign_in.revision {
            return Err(AccountError::Conflict);
        }
        let revision = sign_in.revision + 1;
        state.sign_ins.insert(sign_in.id, StoredSignIn { revision, ..sign_in.clone() });
        if let Some(hook) = self.behind_put.lock().expect("no panic").take() {
            hook(&mut state);
        }
        Ok(revision)
    }

    async fn licence(&self) -> Result<u32, AccountError> {
        self.up()?;
        Ok(self.state.lock().expect("no panic").licence)
    }

    async fn publish_licence(&self, version: u32) -> Result<(), AccountError> {
        self.up()?;
        let mut state = self.state.lock().expect("no panic");
        state.licence = state.licence.max(version);
        Ok(())
    }
}

/// An audit log in memory.
#[derive(Default)]
pub struct MemoryAudit {
    pub acts: Mutex<Vec<Act>>,
    pub is_down: AtomicBool,
}

impl MemoryAudit {
    /// What and how of all acts from the one with this place on.
    pub fn behind(&self, place: usize) -> Vec<(&'static str, Outcome)> {
        let acts = self.acts.lock().expect("no panic");
        acts.iter().skip(place).map(|act| (act.action, act.outcome)).collect()
    }

    pub fn len(&self) -> usize {
        self.acts.lock().expect("no panic").len()
    }
}

#[async_trait]
impl AuditLog for MemoryAudit {
    async fn record(&self, act: Act) -> Result<u64, AuditError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(AuditError::Unavailable("down for the test".into()));
        }
        let mut acts = self.acts.lock().expect("no panic");
        acts.push(act);
        Ok(acts.len() as u64)
    }

    async fn page(&self, _: Reading, _: usize) -> Result<(Vec<Entry>, bool), AuditError> {
        Ok((Vec::new(), false))
    }

    async fn verify(&self) -> Result<u64, AuditError> {
        Ok(self.len() as u64)
    }
}

/// A policy whose passwords cost next to nothing.
pub fn policy() -> Policy {
    let mut policy = Policy { is_registration_open: true, ..Policy::default() };
    (policy.passwords.memory_kib, policy.passwords.passes) = (64, 1);
    policy
}

/// A gate with what is around it.
pub struct World {
    pub clock: TurnedClock,
    pub accounts: Arc<MemoryAccounts>,
    pub audit: Arc<MemoryAudit>,
    pub security: Arc<Security>,
}

impl World {
    pub async fn new(policy: Policy) -> Self {
        let (clock, accounts, audit) = (TurnedClock::at(BEGIN), Arc::default(), Arc::default());
        Self::around(policy, clock, accounts, audit).await
    }

    pub async fn around(
        policy: Policy,
        clock: TurnedClock,
        accounts: Arc<MemoryAccounts>,
        audit: Arc<MemoryAudit>,
    ) -> Self {
        let outside = Outside { clock: Arc::new(clock.clone()), accounts: accounts.clone(), audit: audit.clone() };
        let keys = Keys::in_memory().expect("random numbers");
        let security = Security::start(policy, outside, keys).await.expect("it starts");
        Self { clock, accounts, audit, security }
    }

    /// The same store behind a new process.
    pub async fn restarted(&self, policy: Policy) -> Self {
        Self::around(policy, self.clock.clone(), self.accounts.clone(), self.audit.clone()).await
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    pub fn turn(&self, seconds: u64) {
        self.clock.turn(Duration::from_secs(seconds));
    }

    pub async fn account(&self, name: &str, role: Role) -> Person {
        let made = self.security.make_account(&visit(250), None, name, PASSWORD, role, 0).await;
        made.expect("an account")
    }

    pub async fn tokens(&self, name: &str, from: u8) -> Tokens {
        self.security.sign_in(&visit(from), name, PASSWORD).await.expect("signed in")
    }

    /// Somebody who has an account and has signed in.
    pub async fn caller(&self, name: &str, role: Role, from: u8) -> Caller {
        self.account(name, role).await;
        self.verified(&self.tokens(name, from).await, from)
    }

    pub fn verified(&self, tokens: &Tokens, from: u8) -> Caller {
        self.security.verify(&visit(from), &tokens.access).expect("a good token")
    }

    pub fn is_good(&self, tokens: &Tokens, from: u8) -> bool {
        self.security.verify(&visit(from), &tokens.access).is_ok()
    }
}

/// A request from a loopback address.
pub fn visit(last: u8) -> Visit {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut correlation = [0; 12];
    correlation[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    Visit { address: IpAddr::V4(Ipv4Addr::new(127, 0, 1, last)), correlation: Correlation(correlation) }
}

/// Runs a test on threads.
pub fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4).enable_time().build().expect("a runtime").block_on(test);
}
