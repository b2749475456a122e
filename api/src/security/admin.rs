//! What administrators do: roles, bans, sign-ins of others, the licence, the keys. Must never trust that the caller was
//! looked at before, and never leave an attempt out of the audit log.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::accounts::{Refusal, is_admin, subject};
use super::kinds::Kind;
use super::password::acceptable;
use super::{Security, token};
use crate::clock::Moment;
use crate::gate::Denied;
use crate::identity::{Caller, Person, Role, Visit};
use crate::ports::{Account, Outcome};

/// Accounts that are looked at together.
const PAGE: usize = 256;

/// An account as an administrator sees it: without the hash of its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Whose.
    pub person: Person,
    /// The name that they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Banned until then.
    pub banned_until: Option<Moment>,
    /// Version of the licence that they accepted; 0 for none.
    pub licence: u32,
}

impl AccountView {
    fn of(account: Account) -> Self {
        let Account { person, name, role, password: _, banned_until, licence, revision: _ } = account;
        Self { person, name, role, banned_until, licence }
    }
}

impl Security {
    /// Makes an account with any role.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn add_account(
        &self,
        visit: &Visit,
        caller: &Caller,
        name: &str,
        password: &str,
        role: Role,
    ) -> Result<Person, Refusal> {
        self.fence(visit, caller, Kind::Register, "account").await?;
        self.make_account(visit, Some(caller.person), name, password, role, 0).await
    }

    /// Gives a person another role. Their sign-ins end.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn set_role(&self, visit: &Visit, caller: &Caller, person: Person, role: Role) -> Result<(), Refusal> {
        self.fence(visit, caller, Kind::RoleChange, &subject(person)).await?;
        let change = |account: &mut Account| {
            if account.role == role {
                return Err(Refusal::Unchanged);
            }
            account.role = role;
            Ok(())
        };
        let more = json!({ "role": role.name() });
        let changed = self.change(visit, Some(caller.person), Kind::RoleChange, person, more, change).await;
        self.ending(person, changed).await.map(|_| ())
    }

    /// Bans a person until then. Their sign-ins end.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn ban(&self, visit: &Visit, caller: &Caller, person: Person, until: Moment) -> Result<(), Refusal> {
        self.fence(visit, caller, Kind::Ban, &subject(person)).await?;
        let now = self.outside.clock.now();
        let change = |account: &mut Account| {
            if until <= now {
                return Err(Refusal::Invalid("a ban ends in the future".into()));
            }
            account.banned_until = Some(until);
            Ok(())
        };
        let more = json!({ "until": until.to_string() });
        let changed = self.change(visit, Some(caller.person), Kind::Ban, person, more, change).await;
        self.ending(person, changed).await.map(|_| ())
    }

    /// Lifts a person's ban.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn unban(&self, visit: &Visit, caller: &Caller, person: Person) -> Result<(), Refusal> {
        self.fence(visit, caller, Kind::Unban, &subject(person)).await?;
        let change = |account: &mut Account| account.banned_until.take().map(|_| ()).ok_or(Refusal::Unchanged);
        self.change(visit, Some(caller.person), Kind::Unban, person, json!({}), change).await.map(|_| ())
    }

    /// Ends all sign-ins of a person; gives how many there were.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn revoke_all(&self, visit: &Visit, caller: &Caller, person: Person) -> Result<usize, Refusal> {
        self.fence(visit, caller, Kind::SignInRevoke, &subject(person)).await?;
        let who = Some(caller.person);
        self.record(visit, who, Kind::SignInRevoke, subject(person), Outcome::Done, json!({})).await?;
        self.end_all(person).await
    }

    /// A page of all accounts behind this person, and whether there are more. Whose they are is written down.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn list_accounts(
        &self,
        visit: &Visit,
        caller: &Caller,
        behind: Option<Person>,
        limit: usize,
    ) -> Result<(Vec<AccountView>, bool), Refusal> {
        if caller.role < Role::Admin {
            return Err(Denied::Forbidden.into());
        }
        self.standing(caller, self.outside.clock.now())?;
        let (page, has_more) = self.outside.accounts.list(behind, limit).await?;
        self.looked_at(visit, caller, "accounts", page.iter().map(|account| account.person).collect()).await?;
        Ok((page.into_iter().map(AccountView::of).collect(), has_more))
    }

    /// Lifts the ban of an address.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where it is not banned.
    pub async fn unban_address(&self, visit: &Visit, caller: &Caller, address: IpAddr) -> Result<(), Refusal> {
        self.fence(visit, caller, Kind::AddressUnban, "address").await?;
        let is_banned = self.intrusion.banned_until(address, self.outside.clock.now()).is_some();
        let outcome = if is_banned { Outcome::Done } else { Outcome::Failed };
        let (who, more) = (Some(caller.person), json!({ "unbanned": address.to_string() }));
        self.record(visit, who, Kind::AddressUnban, "address".into(), outcome, more).await?;
        if self.intrusion.unban(address) && is_banned { Ok(()) } else { Err(Refusal::NotFound) }
    }

    /// Publishes a newer version of the licence: everybody is asked again, also after the next start.
    ///
    /// # Errors
    /// [`Refusal::Unchanged`] for a version that is not newer.
    pub async fn publish_licence(&self, visit: &Visit, caller: &Caller, version: u32) -> Result<(), Refusal> {
        let subject = format!("licence:{version}");
        self.fence(visit, caller, Kind::LicencePublish, &subject).await?;
        let is_newer = version > self.licence.load(Ordering::SeqCst);
        let outcome = if is_newer { Outcome::Done } else { Outcome::Failed };
        let who = Some(caller.person);
        let entry = self.record(visit, who, Kind::LicencePublish, subject.clone(), outcome, json!({})).await?;
        if !is_newer {
            return Err(Refusal::Unchanged);
        }
        if let Err(error) = self.outside.accounts.publish_licence(version).await {
            let more = json!({ "instead_of": entry });
            self.record(visit, who, Kind::LicencePublish, subject, Outcome::Failed, more).await?;
            return Err(error.into());
        }
        let before = self.licence.fetch_max(version, Ordering::SeqCst);
        if before < version { Ok(()) } else { Err(Refusal::Unchanged) }
    }

    /// Signs tokens with a new key from now on; those of the former one live on.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub async fn rotate_key(&self, visit: &Visit, caller: &Caller) -> Result<(), Refusal> {
        self.fence(visit, caller, Kind::KeyRotate, "key").await?;
        let entry =
            self.record(visit, Some(caller.person), Kind::KeyRotate, "key".into(), Outcome::Done, json!({})).await?;
        let (keys, now, life) = (self.keys.clone(), self.outside.clock.now(), self.policy.access_life);
        // It writes a file.
        let rotated = tokio::task::spawn_blocking(move || keys.rotate(now, life).map_err(|e| e.to_string())).await;
        if let Err(why) = rotated.unwrap_or_else(|e| Err(e.to_string())) {
            tracing::error!(target: "security", why, "the key was not changed");
            let more = json!({ "instead_of": entry });
            self.record(visit, Some(caller.person), Kind::KeyRotate, "key".into(), Outcome::Failed, more).await?;
            return Err(Denied::Unavailable("keys").into());
        }
        Ok(())
    }

    /// Sets what an account may do, on behalf of whoever runs the service: they have its socket, and need no account. Its
    /// sign-ins end.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn set_role_here(&self, visit: &Visit, person: Person, role: Role) -> Result<(), Refusal> {
        let change = |account: &mut Account| {
            if account.role == role {
                return Err(Refusal::Unchanged);
            }
            account.role = role;
            Ok(())
        };
        let more = json!({ "role": role.name() });
        let changed = self.change(visit, None, Kind::RoleChange, person, more, change).await;
        self.ending(person, changed).await.map(|_| ())
    }

    /// The same with a new password.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn set_password_here(&self, visit: &Visit, person: Person, password: &str) -> Result<(), Refusal> {
        let name = self.outside.accounts.by_person(person).await?.ok_or(Refusal::NotFound)?.name;
        acceptable(&name, password).map_err(|why| Refusal::Invalid(why.into()))?;
        let hash = self.passwords.hash(password).await?;
        let change = |account: &mut Account| {
            account.password = hash;
            Ok(())
        };
        let changed = self.change(visit, None, Kind::PasswordChange, person, json!({}), change).await;
        self.ending(person, changed).await.map(|_| ())
    }

    /// Lets only administrators on whose sign-in stands now; an attempt of anybody else is written down as the act that
    /// they tried.
    async fn fence(&self, visit: &Visit, caller: &Caller, kind: Kind, subject: &str) -> Result<(), Refusal> {
        let standing = self.standing(caller, self.outside.clock.now());
        let denied = match &standing {
            Ok(live) if live.role == Role::Admin => return Ok(()),
            Ok(_) => Denied::Forbidden,
            Err(_) => Denied::Unauthenticated(token::ENDED),
        };
        let who = Some(caller.person);
        self.record(visit, who, kind, subject.into(), Outcome::Denied, json!({})).await?;
        Err(denied.into())
    }

    /// Whether somebody else looks after the users.
    pub(super) async fn has_another_admin(&self, person: Person) -> Result<bool, Refusal> {
        let (mut behind, now) = (None, self.outside.clock.now());
        loop {
            let (page, has_more) = self.outside.accounts.list(behind, PAGE).await?;
            let is_other = |account: &Account| account.person != person && is_admin(account, now);
            if page.iter().any(is_other) {
                return Ok(true);
            }
            behind = page.last().map(|account| account.person);
            if !has_more || behind.is_none() {
                return Ok(false);
            }
        }
    }
}
