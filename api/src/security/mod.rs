//! Who somebody is, and whether they may: passwords, tokens, sign-in sessions, allowances, intrusion. Must never tell an
//! outsider which part of a secret was wrong.
//!
//! [`Security`] is the gate that every request passes, and has what is done with accounts. For each request it looks
//! into memory only; a store is asked where somebody signs in, renews, or an account changes.

pub mod accounts;
mod admin;
mod alerts;
pub mod allowance;
pub(crate) mod hostile;
pub mod intrusion;
pub mod keys;
pub mod kinds;
pub mod lockout;
mod notes;
mod own;
pub mod password;
pub mod policy;
pub mod random;
mod refresh;
mod sign_ins;
mod table;
pub mod token;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock, Moment};
use crate::gate::{Count, Denied, Gatekeeper, Sign};
use crate::identity::{Caller, Person, Role, Visit};
use crate::ports::{AccountError, Accounts, Act, AuditLog, Outcome};
use allowance::{Allowance, household};
use intrusion::{Alert, Intrusion};
use keys::Keys;
use kinds::Kind;
use lockout::{Lockout, NameHash};
use notes::Notes;
use password::Passwords;
use policy::{Policy, Replay};
use sign_ins::{Live, SignIns};
use token::Verified;

pub use accounts::{Refusal, SignInView, Tokens};
pub use admin::AccountView;
pub use alerts::{Alerts, Told};
pub use own::OwnAccount;
pub use sign_ins::SignInPolicy;

/// Tables are searched for what is over so often.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// What waits is written so often.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// What the security needs from outside.
#[derive(Clone)]
pub struct Outside {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The store of accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
}

/// Why the security cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A limit is none.
    #[error(transparent)]
    Policy(#[from] policy::UnsafePolicy),
    /// The costs of passwords are impossible.
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] random::NoRandomness),
    /// The sign-ins that stand cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountError),
}

/// How much is remembered, for those who look after the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Sign-ins that stand.
    pub sign_ins: usize,
    /// Sign-ins that the store does not know as they are.
    pub unwritten: usize,
    /// Verified tokens.
    pub tokens: usize,
    /// Keys of allowances.
    pub allowances: usize,
    /// Counts of failed sign-ins.
    pub failures: usize,
    /// Addresses that are watched.
    pub watched: usize,
    /// Addresses that are banned.
    pub banned: usize,
    /// Alerts since the start.
    pub alerts: u64,
}

/// Allowances of addresses and of persons.
struct Allowances {
    address_requests: Allowance<IpAddr>,
    address_messages: Allowance<IpAddr>,
    person_requests: Allowance<Person>,
    person_messages: Allowance<Person>,
    registrations: Allowance<IpAddr>,
}

/// The gate, and what is done with accounts.
pub struct Security {
    policy: Policy,
    outside: Outside,
    keys: Arc<Keys>,
    verified: Verified,
    passwords: Passwords,
    sign_ins: SignIns,
    lockout: Lockout,
    allowances: Allowances,
    intrusion: Intrusion,
    notes: Notes,
    /// Key of the hashes of names; new in each process.
    name_key: [u8; 32],
    /// Version of the licence that has to be accepted.
    licence: AtomicU32,
    /// When tables were last searched, ms.
    swept: AtomicU64,
}

impl Security {
    /// Begins with the sign-ins that the store has.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(policy: Policy, outside: Outside, keys: Keys) -> Result<Arc<Self>, StartError> {
        policy.check()?;
        let counts = &policy.allowances;
        let most = counts.counted_max;
        let security = Self {
            keys: Arc::new(keys),
            verified: Verified::new(policy.tokens_max),
            passwords: Passwords::new(policy.passwords)?,
            sign_ins: SignIns::new(policy.sign_ins),
            lockout: Lockout::new(policy.lockout),
            allowances: Allowances {
                address_requests: Allowance::new(counts.address_requests, most),
                address_messages: Allowance::new(counts.address_messages, most),
                person_requests: Allowance::new(counts.person_requests, most),
                person_messages: Allowance::new(counts.person_messages, most),
                registrations: Allowance::new(counts.address_registrations, most),
            },
            intrusion: Intrusion::new(policy.intrusion.clone()),
            notes: Notes::new(policy.notes_max),
            name_key: random::bytes()?,
            licence: AtomicU32::new(policy.licence),
            swept: AtomicU64::new(0),
            policy,
            outside,
        };
        security.restore().await?;
        Ok(Arc::new(security))
    }

    /// Writes down what waits and forgets what is over, for as long as it is polled.
    pub async fn background(self: Arc<Self>) {
        let mut turns = tokio::time::interval(TEND_EVERY);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = self.notes.come() => {}
            }
            self.tend().await;
        }
    }

    /// One turn of [`Security::background`]; also what a service does last, before its store closes.
    pub async fn tend(&self) {
        let (now, passed) = self.time();
        if let Err(error) = self.notes.drain(&*self.outside.audit, now).await {
            tracing::warn!(target: "security", %error, "what was refused is not written down yet");
        }
        if let Err(error) = self.sign_ins.write_back(&*self.outside.accounts, now).await {
            tracing::warn!(target: "security", %error, "uses of sign-ins are not written yet");
        }
        let (last, ms) = (self.swept.load(Ordering::Relaxed), u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        if Duration::from_millis(ms.saturating_sub(last)) < SWEEP_EVERY {
            return;
        }
        self.swept.store(ms, Ordering::Relaxed);
        self.sign_ins.sweep(now);
        self.verified.sweep(now);
        self.lockout.sweep(passed);
        self.intrusion.sweep(now, passed);
        let all = &self.allowances;
        [&all.address_requests, &all.address_messages, &all.registrations].iter().for_each(|one| one.sweep(passed));
        [&all.person_requests, &all.person_messages].iter().for_each(|one| one.sweep(passed));
    }

    /// Writes an act down. When it returns well, that is durable, and what is written may be done.
    ///
    /// # Errors
    /// [`Denied::Unavailable`]: it must not be done.
    pub async fn record(
        &self,
        visit: &Visit,
        actor: Option<Person>,
        kind: Kind,
        subject: String,
        outcome: Outcome,
        more: Value,
    ) -> Result<u64, Denied> {
        let act = self.act(visit, actor, kind, subject, outcome, more);
        self.outside.audit.record(act).await.map_err(|error| {
            tracing::error!(target: "security", correlation = %visit.correlation, %error, "nothing is done unlogged");
            Denied::Unavailable("audit")
        })
    }

    /// Writes an act down behind the back of who caused it: one that changes nothing.
    pub fn note(
        &self,
        visit: &Visit,
        actor: Option<Person>,
        kind: Kind,
        subject: String,
        outcome: Outcome,
        more: Value,
    ) {
        self.notes.add(self.act(visit, actor, kind, subject, outcome, more));
    }

    fn act(
        &self,
        visit: &Visit,
        actor: Option<Person>,
        kind: Kind,
        subject: String,
        outcome: Outcome,
        mut more: Value,
    ) -> Act {
        if !more.is_object() {
            more = json!({});
        }
        more["address"] = json!(visit.address.to_string());
        more["correlation"] = json!(visit.correlation.to_string());
        let at = self.outside.clock.now();
        Act { at, actor, action: kind.name(), subject, outcome, details: more.to_string() }
    }

    /// Version of the licence that has to be accepted; 0 where there is none.
    #[must_use]
    pub fn licence_in_force(&self) -> u32 {
        self.licence.load(Ordering::SeqCst)
    }

    /// The store of accounts.
    #[must_use]
    pub fn accounts(&self) -> &dyn Accounts {
        &*self.outside.accounts
    }

    /// Alerts behind this one, those that are kept and then new ones as they are raised.
    #[must_use]
    pub fn alerts(self: &Arc<Self>, behind: u64) -> Alerts {
        Alerts::new(Arc::clone(self), self.intrusion.newest(), behind)
    }

    /// The newest alerts behind this one, oldest first.
    #[must_use]
    pub fn recent_alerts(&self, behind: u64, limit: usize) -> Vec<Alert> {
        self.intrusion.recent(behind, limit)
    }

    /// How many alerts each rule has raised since the start.
    pub fn alert_counts(&self) -> impl Iterator<Item = (intrusion::Rule, u64)> {
        self.intrusion.counts()
    }

    /// Addresses that are banned now, and until when.
    #[must_use]
    pub fn banned_addresses(&self) -> Vec<(IpAddr, Moment)> {
        self.intrusion.banned(self.outside.clock.now())
    }

    /// How much is remembered.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (sign_ins, unwritten) = self.sign_ins.remembered();
        let all = &self.allowances;
        let addresses = [&all.address_requests, &all.address_messages, &all.registrations];
        let persons = [&all.person_requests, &all.person_messages];
        Figures {
            sign_ins,
            unwritten,
            tokens: self.verified.remembered(),
            allowances: addresses.map(Allowance::remembered).iter().sum::<usize>()
                + persons.map(Allowance::remembered).iter().sum::<usize>(),
            failures: self.lockout.remembered(),
            watched: self.intrusion.remembered(),
            banned: self.banned_addresses().len(),
            alerts: self.intrusion.raised(),
        }
    }

    fn time(&self) -> (Moment, Duration) {
        (self.outside.clock.now(), self.outside.clock.passed())
    }

    /// A name as it is counted and noted: names that the store takes for one are one.
    fn name_hash(&self, name: &str) -> NameHash {
        let folded = name.trim().to_lowercase();
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::keyed_hash(&self.name_key, folded.as_bytes()).as_bytes()[..16]);
        hash
    }

    /// What becomes of what was seen: alerts, and notes of them.
    fn watch(&self, visit: &Visit, sign: &Sign) {
        let (now, passed) = self.time();
        for alert in self.intrusion.observe(visit, sign, now, passed) {
            self.note_alert(visit, &alert);
        }
    }

    fn note_alert(&self, visit: &Visit, alert: &Alert) {
        let more = json!({ "rule": alert.rule.name(), "count": alert.count, "since": alert.since.to_string() });
        self.note(visit, alert.person, Kind::Alert, format!("alert:{}", alert.seq), Outcome::Done, more);
        if let Some(until) = alert.banned_until {
            let more = json!({ "rule": alert.rule.name(), "until": until.to_string() });
            self.note(visit, None, Kind::AddressBan, format!("alert:{}", alert.seq), Outcome::Done, more);
        }
    }

    /// A sign-in is used: from where?
    fn watch_place(&self, visit: &Visit, live: &Arc<Live>, now: Moment) -> Result<(), Denied> {
        let passed = self.outside.clock.passed();
        let Some(is_news) = live.moves_to(household(visit.address), passed) else { return Ok(()) };
        if is_news {
            let alert = self.intrusion.moved(visit, live.person, now, passed);
            self.note_alert(visit, &alert);
        }
        match self.policy.replay {
            Replay::Flag => Ok(()),
            Replay::Refuse => {
                self.sign_ins.end(live);
                let (subject, why) = (format!("sign_in:{}", live.id), json!({ "why": "used from another place" }));
                self.note(visit, Some(live.person), Kind::SignInRevoke, subject, Outcome::Done, why);
                Err(Denied::Unauthenticated(token::ENDED))
            }
        }
    }

    fn standing(&self, caller: &Caller, now: Moment) -> Result<Arc<Live>, Denied> {
        if now >= caller.expires {
            return Err(Denied::Unauthenticated(token::EXPIRED));
        }
        let live = self.sign_ins.find(caller.sign_in, now);
        live.filter(|live| live.person == caller.person && live.role == caller.role)
            .ok_or(Denied::Unauthenticated(token::ENDED))
    }
}

impl Gatekeeper for Security {
    fn admit(&self, visit: &Visit, count: Count) -> Result<(), Denied> {
        self.may_stay(visit)?;
        let passed = self.outside.clock.passed();
        let allowance = match count {
            Count::Request => &self.allowances.address_requests,
            Count::Message => &self.allowances.address_messages,
        };
        allowance.take(&household(visit.address), passed).map_err(|spent| {
            if spent.is_news {
                self.note(visit, None, Kind::RateLimit, "address".into(), Outcome::Denied, json!({}));
            }
            Denied::TooMany(spent.again_in)
        })
    }

    fn verify(&self, visit: &Visit, bearer: &str) -> Result<Caller, Denied> {
        let now = self.outside.clock.now();
        let found = self.verified.verify(&self.keys, &self.policy.parties, bearer.as_bytes(), now).and_then(|claims| {
            let live = self.sign_ins.find(claims.sign_in, now).filter(|live| live.person == claims.person);
            live.map(|live| (claims, live)).ok_or(token::ENDED)
        });
        let (claims, live) = found.map_err(|why| {
            self.saw(visit, Sign::BadToken(why));
            Denied::Unauthenticated(why)
        })?;
        self.watch_place(visit, &live, now)?;
        self.sign_ins.used(&live, now);
        Ok(Caller { person: live.person, role: live.role, sign_in: live.id, expires: claims.expires() })
    }

    fn permits(&self, caller: &Caller, needed: Role) -> Result<(), Denied> {
        if caller.role < needed {
            return Err(Denied::Forbidden);
        }
        let current = self.licence.load(Ordering::SeqCst);
        if needed >= Role::Player && current > 0 {
            let live = self.standing(caller, self.outside.clock.now())?;
            if live.licence() < current {
                return Err(Denied::Licence);
            }
        }
        Ok(())
    }

    fn still_stands(&self, caller: &Caller) -> Result<(), Denied> {
        self.standing(caller, self.outside.clock.now()).map(|_| ())
    }

    fn may_stay(&self, visit: &Visit) -> Result<(), Denied> {
        match self.intrusion.banned_until(visit.address, self.outside.clock.now()) {
            Some(_) => Err(Denied::Banned),
            None => Ok(()),
        }
    }

    fn admit_caller(&self, caller: &Caller, count: Count) -> Result<(), Denied> {
        let (now, passed) = self.time();
        let allowance = match count {
            Count::Request => &self.allowances.person_requests,
            Count::Message => &self.allowances.person_messages,
        };
        if let Err(spent) = allowance.take(&caller.person, passed) {
            if spent.is_news {
                let subject = format!("person:{}", caller.person.0);
                let (actor, action) = (Some(caller.person), Kind::RateLimit.name());
                let details = "{}".into();
                self.notes.add(Act { at: now, actor, action, subject, outcome: Outcome::Denied, details });
            }
            return Err(Denied::TooMany(spent.again_in));
        }
        if count == Count::Message {
            self.sign_ins.used(&self.standing(caller, now)?, now);
        }
        Ok(())
    }

    fn saw(&self, visit: &Visit, sign: Sign) {
        let noted = match &sign {
            Sign::NoSuchRoute => Some((Kind::UnknownRoute, "route", None)),
            Sign::BadInput => Some((Kind::BadInput, "contract", None)),
            Sign::Injection(what) => Some((Kind::BadInput, *what, None)),
            Sign::Traversal => Some((Kind::BadInput, "traversal", None)),
            Sign::BadToken(why) => Some((Kind::BadToken, *why, None)),
            Sign::Forbidden(person) => Some((Kind::Denied, "role", Some(*person))),
            // Both are written down where they happen.
            Sign::FailedSignIn { .. } | Sign::ReusedRefresh(_) | Sign::Served { .. } => None,
        };
        if let Some((kind, why, actor)) = noted {
            self.note(visit, actor, kind, "request".into(), Outcome::Denied, json!({ "why": why }));
        }
        self.watch(visit, &sign);
    }
}
