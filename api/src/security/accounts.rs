//! What people do with their own account: make it, sign in, renew, sign out, change the password, accept the licence.
//! Must never answer a wrong password, an unknown name and a ban differently to somebody who does not know the password,
//! and must never change anything that was not written down first.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::hostile;
use super::kinds::Kind;
use super::password::{PASSWORD_BYTES_MAX, PasswordError, acceptable};
use super::random;
use super::refresh::RefreshToken;
use super::sign_ins::Live;
use super::token::{self, Claims};
use super::{Security, allowance::household};
use crate::clock::Moment;
use crate::gate::{Denied, Gatekeeper as _, Sign};
use crate::identity::{Caller, Person, Role, SignInId, Visit};
use crate::ports::{Account, AccountError, NewAccount, Outcome, StoredSignIn};

/// Most bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;
/// Who finds no room is asked to come again after this.
const BUSY: Duration = Duration::from_secs(1);
/// Why it cannot be said whether an account was changed: the store did not say.
const UNCERTAIN: Denied = Denied::Unavailable("accounts, and it may have been changed");
const WRONG: Denied = Denied::Unauthenticated("wrong name or password");

/// What somebody gets who signs in or renews.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Who they are.
    pub person: Person,
    /// What they may do.
    pub role: Role,
    /// The access token, for the header of requests.
    pub access: String,
    /// When it ends.
    pub access_expires: Moment,
    /// The refresh token, good once.
    pub refresh: String,
    /// When the sign-in ends at the latest; earlier if it is not used.
    pub sign_in_expires: Moment,
    /// Whether the current licence is accepted; without, only what a guest may do is allowed.
    pub is_licence_accepted: bool,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens of person {} until {}", self.person.0, self.access_expires)
    }
}

/// A sign-in, as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInView {
    /// Names it.
    pub id: SignInId,
    /// When it began.
    pub created: Moment,
    /// When it was used last.
    pub seen: Moment,
    /// When it ends at the latest.
    pub expires: Moment,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Turned away.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// What was given is not possible; a sentence for the caller.
    #[error("{0}")]
    Invalid(String),
    /// Nobody may make an account.
    #[error("accounts are made by an administrator")]
    Closed,
    /// Somebody has that name.
    #[error("the name is taken")]
    Taken,
    /// There is no such account or sign-in, or it is not the caller's.
    #[error("not found")]
    NotFound,
    /// It would leave nobody who looks after the users.
    #[error("the last administrator stays")]
    LastAdmin,
    /// It is so already.
    #[error("it is so already")]
    Unchanged,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile")]
    Conflict,
    /// The person does not consent to it.
    #[error("without consent it is not kept")]
    NoConsent,
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Taken => Self::Taken,
            AccountError::NotFound => Self::NotFound,
            AccountError::Conflict => Self::Conflict,
            AccountError::LastAdmin => Self::LastAdmin,
            AccountError::Invalid(why) => Self::Invalid(why),
            AccountError::Unavailable(why) => {
                tracing::error!(target: "security", why, "the store of accounts does not answer");
                Denied::Unavailable("accounts").into()
            }
        }
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Denied::TooMany(BUSY).into(),
            PasswordError::Failed(why) => {
                tracing::error!(target: "security", why, "a password could not be looked at");
                Denied::Unavailable("passwords").into()
            }
        }
    }
}

impl From<random::NoRandomness> for Refusal {
    fn from(_: random::NoRandomness) -> Self {
        Denied::Unavailable("randomness").into()
    }
}

pub(super) fn subject(person: Person) -> String {
    format!("person:{}", person.0)
}

/// Whether somebody can look after the users now.
pub(super) fn is_admin(account: &Account, now: Moment) -> bool {
    account.role == Role::Admin && account.banned_until.is_none_or(|until| until <= now)
}

/// A name that an account may have.
fn checked_name(name: &str) -> Result<&str, Refusal> {
    let name = name.trim();
    let is_good = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    is_good.then_some(name).ok_or_else(|| Refusal::Invalid("a name has 1 to 64 bytes and no control characters".into()))
}

impl Security {
    /// Makes an account for whoever asks, if that is allowed; it is what new accounts are and never more.
    ///
    /// # Errors
    /// [`Refusal`]. That a name is taken is told: names are chosen here.
    pub async fn register(&self, visit: &Visit, name: &str, password: &str, licence: u32) -> Result<Person, Refusal> {
        if !self.policy.is_registration_open {
            self.record(visit, None, Kind::Register, "account".into(), Outcome::Denied, json!({})).await?;
            return Err(Refusal::Closed);
        }
        let passed = self.outside.clock.passed();
        if let Err(spent) = self.allowances.registrations.take(&household(visit.address), passed) {
            self.record(visit, None, Kind::Register, "account".into(), Outcome::Denied, json!({})).await?;
            return Err(Denied::TooMany(spent.again_in).into());
        }
        // Accepted is the current version or none.
        let licence = if licence == self.licence.load(Ordering::SeqCst) { licence } else { 0 };
        self.make_account(visit, None, name, password, self.policy.new_role, licence).await
    }

    /// Makes an account with any role: for an administrator, and for who sets the service up. No route may offer it to
    /// anybody else.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn make_account(
        &self,
        visit: &Visit,
        actor: Option<Person>,
        name: &str,
        password: &str,
        role: Role,
        licence: u32,
    ) -> Result<Person, Refusal> {
        let more = || json!({ "role": role.name(), "licence": licence });
        let account = async {
            let name = checked_name(name)?;
            acceptable(name, password).map_err(|why| Refusal::Invalid(why.into()))?;
            // Before the name is looked for: whether it is taken does not show in the time.
            let password = self.passwords.hash(password).await?;
            match self.outside.accounts.by_name(name).await? {
                Some(_) => Err(Refusal::Taken),
                None => Ok(NewAccount { name: name.into(), role, password, licence }),
            }
        };
        let account = match account.await {
            Ok(account) => account,
            Err(refusal) => {
                self.record(visit, actor, Kind::Register, "account".into(), Outcome::Failed, more()).await?;
                return Err(refusal);
            }
        };
        let entry = self.record(visit, actor, Kind::Register, "account".into(), Outcome::Done, more()).await?;
        match self.outside.accounts.create(&account).await {
            Ok(account) => Ok(account.person),
            Err(error) => {
                let more = json!({ "instead_of": entry });
                self.record(visit, actor, Kind::Register, "account".into(), Outcome::Failed, more).await?;
                Err(error.into())
            }
        }
    }

    /// Signs somebody in: a new sign-in with an id of its own.
    ///
    /// # Errors
    /// [`Refusal::Denied`]: unauthenticated for an unknown name and for a wrong password, banned only with the right
    /// one, too many after failures.
    pub async fn sign_in(&self, visit: &Visit, name: &str, password: &str) -> Result<Tokens, Refusal> {
        let account = self.authenticate(visit, name, password).await?;
        self.begin(visit, &account).await
    }

    /// Whose name and password these are.
    pub(super) async fn authenticate(&self, visit: &Visit, name: &str, password: &str) -> Result<Account, Refusal> {
        let (now, passed) = self.time();
        let hash = self.name_hash(name);
        let failed = |person: Option<Person>, why: &'static str| {
            let subject = person.map_or_else(|| "account".into(), subject);
            self.record(visit, None, Kind::SignInFailed, subject, Outcome::Denied, json!({ "why": why }))
        };
        if let Err(wait) = self.lockout.begin(hash, visit.address, passed) {
            failed(None, "too soon").await?;
            return Err(Denied::TooMany(wait).into());
        }
        let looked_at = async {
            let account = self.outside.accounts.by_name(name).await?;
            let fits = password.len() <= PASSWORD_BYTES_MAX;
            let stored = account.as_ref().map(|account| account.password.as_str());
            let is_right = self.passwords.verify(if fits { password } else { "" }, stored).await? & fits;
            Ok::<_, Refusal>((account, is_right))
        };
        let (account, is_right) =
            looked_at.await.inspect_err(|_| self.lockout.given_up(hash, visit.address, passed))?;
        let person = account.as_ref().map(|account| account.person);
        let Some(account) = account.filter(|_| is_right) else {
            failed(person, "wrong").await?;
            self.saw(visit, Sign::FailedSignIn { name: hash, person });
            // Whether anybody has that name makes no difference.
            if let Some(sign) = hostile::sign_of(name) {
                self.watch(visit, &sign);
            }
            return Err(WRONG.into());
        };
        self.lockout.succeeded(hash, visit.address, passed);
        if account.banned_until.is_some_and(|until| now < until) {
            failed(person, "banned").await?;
            return Err(Denied::Banned.into());
        }
        self.renew_hash(account, password).await
    }

    /// Hashes a good password anew, where the stored hash was made with other costs.
    async fn renew_hash(&self, account: Account, password: &str) -> Result<Account, Refusal> {
        if !self.passwords.is_outdated(&account.password) {
            return Ok(account);
        }
        let password = self.passwords.hash(password).await?;
        let renewed = Account { password, ..account.clone() };
        // If somebody was faster, the next sign-in will do it.
        Ok(self.outside.accounts.update(&renewed).await.unwrap_or(account))
    }

    /// A new sign-in of somebody whose password was right.
    async fn begin(&self, visit: &Visit, account: &Account) -> Result<Tokens, Refusal> {
        let now = self.outside.clock.now();
        let id = SignInId(random::bytes()?);
        let refresh = RefreshToken::drawn(id)?;
        let mut stored = StoredSignIn {
            id,
            person: account.person,
            created: now,
            seen: now,
            expires: now.plus(self.policy.sign_ins.absolute),
            revoked: false,
            refresh: refresh.hash(),
            address: visit.address.to_string(),
            revision: 0,
        };
        let who = Some(account.person);
        self.record(visit, who, Kind::SignIn, format!("sign_in:{id}"), Outcome::Done, json!({})).await?;
        stored.revision = self.outside.accounts.put_sign_in(&stored).await?;
        let live = Arc::new(Live::new(stored, account.role, account.licence));
        let Ok(displaced) = self.sign_ins.enter(live.clone(), now) else {
            self.end(&[live]).await?;
            return Err(Denied::TooMany(BUSY).into());
        };
        for old in displaced {
            let (subject, why) = (format!("sign_in:{}", old.id), json!({ "why": "too many" }));
            self.note(visit, who, Kind::SignInRevoke, subject, Outcome::Done, why);
        }
        // Whoever changed the account meanwhile has ended what stood then; this one may have come behind that.
        let after = self.outside.accounts.by_person(account.person).await;
        let is_same = |after: &Account| {
            (after.role, &after.password, after.banned_until) == (account.role, &account.password, account.banned_until)
        };
        match after {
            Ok(Some(after)) if is_same(&after) => {
                live.set_licence(after.licence);
                self.tokens(&live, &refresh, now)
            }
            after => {
                self.end(&[live]).await?;
                after?;
                Err(WRONG.into())
            }
        }
    }

    fn tokens(&self, live: &Live, refresh: &RefreshToken, now: Moment) -> Result<Tokens, Refusal> {
        let issued_s = now.0 / 1000;
        let expires_s = (issued_s + self.policy.access_life.as_secs()).min(live.expires.0.div_ceil(1000));
        let (person, sign_in) = (live.person, live.id);
        let claims = Claims { person, sign_in, issued_s, expires_s, id: random::bytes()? };
        Ok(Tokens {
            person,
            role: live.role,
            access: token::issue(&self.keys, &self.policy.parties, &claims),
            access_expires: claims.expires(),
            refresh: refresh.to_text(),
            sign_in_expires: live.expires,
            is_licence_accepted: live.licence() >= self.licence.load(Ordering::SeqCst),
        })
    }

    /// Exchanges a refresh token for the next one and an access token. One that was used before ends its sign-in.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub async fn refresh(&self, visit: &Visit, refresh: &str) -> Result<Tokens, Refusal> {
        let now = self.outside.clock.now();
        let bad = |why: &'static str| {
            self.saw(visit, Sign::BadToken(why));
            Refusal::from(Denied::Unauthenticated(why))
        };
        let token = RefreshToken::parse(refresh).ok_or_else(|| bad("no refresh token"))?;
        let live = self.sign_ins.find(token.sign_in(), now).ok_or_else(|| bad(token::ENDED))?;
        // One after the other: of many copies, the first is good and the second is one too many.
        let mut renewal = live.renewal.lock().await;
        if live.has_ended() {
            return Err(bad(token::ENDED));
        }
        let (who, subject) = (Some(live.person), format!("sign_in:{}", live.id));
        if !token.is(&renewal.hash) {
            // It ends even where that cannot be written down: to end something protects.
            self.sign_ins.end(&live);
            drop(renewal);
            self.saw(visit, Sign::ReusedRefresh(live.person));
            let written =
                self.record(visit, who, Kind::RefreshReused, subject.clone(), Outcome::Denied, json!({})).await;
            if written.is_err() {
                self.note(visit, who, Kind::RefreshReused, subject, Outcome::Denied, json!({}));
            }
            self.end(&[live]).await?;
            return Err(Denied::Unauthenticated(token::ENDED).into());
        }
        self.watch_place(visit, &live, now)?;
        self.record(visit, who, Kind::Refresh, subject, Outcome::Done, json!({})).await?;
        let next = RefreshToken::drawn(live.id)?;
        let mut stored = live.stored(&renewal);
        (stored.refresh, stored.seen) = (next.hash(), now);
        match self.outside.accounts.put_sign_in(&stored).await {
            Ok(revision) => (renewal.hash, renewal.revision) = (stored.refresh, revision),
            Err(AccountError::Unavailable(why)) => return Err(AccountError::Unavailable(why).into()),
            Err(_) => {
                self.sign_ins.end(&live);
                return Err(bad(token::ENDED));
            }
        }
        self.sign_ins.used(&live, now);
        self.tokens(&live, &next, now)
    }

    /// Ends the caller's sign-in, at once.
    ///
    /// # Errors
    /// [`Refusal::Denied`]. Unavailable for the store: it has ended here, and the store will be told.
    pub async fn sign_out(&self, visit: &Visit, caller: &Caller) -> Result<(), Refusal> {
        let live = self.standing(caller, self.outside.clock.now())?;
        let subject = format!("sign_in:{}", live.id);
        self.record(visit, Some(caller.person), Kind::SignOut, subject, Outcome::Done, json!({})).await?;
        self.end(&[live]).await
    }

    /// The caller's own sign-ins.
    #[must_use]
    pub fn own_sign_ins(&self, caller: &Caller) -> Vec<SignInView> {
        let all = self.sign_ins.of(caller.person, self.outside.clock.now());
        let view = |live: &Arc<Live>| SignInView {
            id: live.id,
            created: live.created,
            seen: live.seen(),
            expires: live.expires,
            is_current: live.id == caller.sign_in,
        };
        all.iter().map(view).collect()
    }

    /// Ends one of the caller's own sign-ins, or anybody's for an administrator.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is none, and where it is not theirs.
    pub async fn revoke_sign_in(&self, visit: &Visit, caller: &Caller, id: SignInId) -> Result<(), Refusal> {
        let now = self.outside.clock.now();
        self.standing(caller, now)?;
        let is_theirs = |live: &Arc<Live>| live.person == caller.person || caller.role == Role::Admin;
        let live = self.sign_ins.find(id, now).filter(is_theirs);
        let outcome = if live.is_some() { Outcome::Done } else { Outcome::Denied };
        let subject = format!("sign_in:{id}");
        self.record(visit, Some(caller.person), Kind::SignInRevoke, subject, outcome, json!({})).await?;
        self.end(&[live.ok_or(Refusal::NotFound)?]).await
    }

    /// Changes the caller's password. All their sign-ins end, and a new one begins.
    ///
    /// # Errors
    /// [`Refusal`]; a wrong password counts as a failed sign-in.
    pub async fn change_password(
        &self,
        visit: &Visit,
        caller: &Caller,
        old: &str,
        new: &str,
    ) -> Result<Tokens, Refusal> {
        self.standing(caller, self.outside.clock.now())?;
        let name = self.outside.accounts.by_person(caller.person).await?.ok_or(Refusal::NotFound)?.name;
        acceptable(&name, new).map_err(|why| Refusal::Invalid(why.into()))?;
        let verified = self.authenticate(visit, &name, old).await?;
        if verified.person != caller.person {
            return Err(Refusal::Conflict);
        }
        let password = self.passwords.hash(new).await?;
        let change = |account: &mut Account| {
            if account.password != verified.password {
                return Err(Refusal::Conflict);
            }
            account.password = password;
            Ok(())
        };
        let changed =
            self.change(visit, Some(caller.person), Kind::PasswordChange, caller.person, json!({}), change).await;
        let account = self.ending(caller.person, changed).await?;
        self.begin(visit, &account).await
    }

    /// Accepts the current version of the licence.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for another version.
    pub async fn accept_licence(&self, visit: &Visit, caller: &Caller, version: u32) -> Result<(), Refusal> {
        let live = self.standing(caller, self.outside.clock.now())?;
        if version == 0 || version != self.licence.load(Ordering::SeqCst) {
            return Err(Refusal::Invalid("that is not the current version of the licence".into()));
        }
        if live.licence() >= version {
            return Err(Refusal::Unchanged);
        }
        let (person, more) = (caller.person, json!({ "version": version }));
        let change = |account: &mut Account| {
            account.licence = account.licence.max(version);
            Ok(())
        };
        let account = self.change(visit, Some(person), Kind::LicenceAccept, person, more, change).await?;
        let all = self.sign_ins.of(person, self.outside.clock.now());
        all.iter().for_each(|live| live.set_licence(account.licence));
        Ok(())
    }

    /// Changes an account, once that is written down. Who comes second of two that read the same is refused.
    pub(super) async fn change(
        &self,
        visit: &Visit,
        actor: Option<Person>,
        kind: Kind,
        person: Person,
        more: Value,
        change: impl FnOnce(&mut Account) -> Result<(), Refusal>,
    ) -> Result<Account, Refusal> {
        let failed = |outcome, more| self.record(visit, actor, kind, subject(person), outcome, more);
        let Some(before) = self.outside.accounts.by_person(person).await? else {
            failed(Outcome::Failed, more).await?;
            return Err(Refusal::NotFound);
        };
        let mut after = before.clone();
        if let Err(refusal) = change(&mut after) {
            failed(Outcome::Failed, more).await?;
            return Err(refusal);
        }
        let now = self.outside.clock.now();
        let is_admin = |account: &Account| is_admin(account, now);
        if is_admin(&before) && !is_admin(&after) && !self.has_another_admin(person).await? {
            failed(Outcome::Denied, more).await?;
            return Err(Refusal::LastAdmin);
        }
        let entry = self.record(visit, actor, kind, subject(person), Outcome::Done, more).await?;
        match self.outside.accounts.update(&after).await {
            Ok(account) => Ok(account),
            Err(error) => {
                let is_uncertain = matches!(error, AccountError::Unavailable(_));
                let refusal = Refusal::from(error);
                let noted = failed(Outcome::Failed, json!({ "instead_of": entry })).await;
                if is_uncertain {
                    return Err(UNCERTAIN.into());
                }
                noted?;
                Err(refusal)
            }
        }
    }

    /// Ends all sign-ins of a person whose account was changed, or may have been, or is already as it was to be: whoever
    /// tries again after a failure ends what that has left.
    pub(super) async fn ending(&self, person: Person, changed: Result<Account, Refusal>) -> Result<Account, Refusal> {
        let ends = match &changed {
            Ok(_) | Err(Refusal::Unchanged) => true,
            Err(refusal) => *refusal == Refusal::Denied(UNCERTAIN),
        };
        if ends {
            let ended = self.end_all(person).await;
            // What was refused is told first; what could not be written is written later.
            return changed.and_then(|account| ended.map(|_| account));
        }
        changed
    }

    /// Ends sign-ins here at once, and then in the store.
    async fn end(&self, all: &[Arc<Live>]) -> Result<(), Refusal> {
        let now = self.outside.clock.now();
        all.iter().for_each(|live| self.sign_ins.end(live));
        for live in all {
            self.sign_ins.write_one(live, &*self.outside.accounts, now).await?;
        }
        Ok(())
    }

    /// Ends all sign-ins of a person: also for who erases them. The caller writes it down.
    ///
    /// # Errors
    /// [`Refusal::Denied`], unavailable: they have ended here, and the store will be told.
    pub async fn end_all(&self, person: Person) -> Result<usize, Refusal> {
        let all = self.sign_ins.of(person, self.outside.clock.now());
        self.end(&all).await?;
        Ok(all.len())
    }

    /// Reads the licence that is in force, and the sign-ins that stand.
    pub(super) async fn restore(&self) -> Result<(), AccountError> {
        self.licence.fetch_max(self.outside.accounts.licence().await?, Ordering::SeqCst);
        let now = self.outside.clock.now();
        let mut persons: HashMap<Person, Option<Account>> = HashMap::new();
        let mut all = self.outside.accounts.sign_ins(now).await?;
        all.sort_by_key(|stored| stored.created);
        for stored in all {
            let account = match persons.get(&stored.person) {
                Some(known) => known.clone(),
                None => {
                    let account = self.outside.accounts.by_person(stored.person).await?;
                    persons.insert(stored.person, account.clone());
                    account
                }
            };
            let may = |account: &Account| account.banned_until.is_none_or(|until| now >= until);
            let Some(account) = account.filter(may) else { continue };
            let live = Arc::new(Live::new(stored, account.role, account.licence));
            // Where the limits are tighter than they were, the oldest end.
            if live.stands(now, self.policy.sign_ins.idle) && self.sign_ins.enter(live, now).is_err() {
                break;
            }
        }
        Ok(())
    }
}
