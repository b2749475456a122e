//! Every limit of the security, with its default. Must never be laxer by default than what is promised.

use std::time::Duration;

use super::intrusion::IntrusionPolicy;
use super::lockout::LockoutPolicy;
use super::password::PasswordPolicy;
use super::sign_ins::SignInPolicy;
use super::token::{LIFE_S_MAX, Parties};
use crate::identity::Role;

/// The longest that a sign-in may be idle.
const IDLE_MAX: Duration = Duration::from_secs(900);
/// The longest that a sign-in may last.
const ABSOLUTE_MAX: Duration = Duration::from_secs(28_800);

/// How many are accepted in any 60 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowancePolicy {
    /// Requests of an address.
    pub address_requests: u32,
    /// Messages of all sockets of an address.
    pub address_messages: u32,
    /// Requests of a person, wherever they come from.
    pub person_requests: u32,
    /// Messages of all sockets of a person.
    pub person_messages: u32,
    /// Accounts that an address may make.
    pub address_registrations: u32,
    /// Addresses, and persons, that are counted apart.
    pub counted_max: usize,
}

impl Default for AllowancePolicy {
    fn default() -> Self {
        Self {
            address_requests: 100,
            address_messages: 4000,
            person_requests: 600,
            person_messages: 1000,
            address_registrations: 5,
            counted_max: 65_536,
        }
    }
}

/// What is done about a sign-in that is used from a second place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// An alert is raised: people move between networks.
    #[default]
    Flag,
    /// An alert is raised, and the sign-in ends.
    Refuse,
}

/// All limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who issues tokens, and for whom: `spacetime`, `spacetime-api`.
    pub parties: Parties,
    /// How long an access token lives: 1 h, which is also the longest.
    pub access_life: Duration,
    /// How long sign-ins stand, and how many.
    pub sign_ins: SignInPolicy,
    /// What argon2id costs.
    pub passwords: PasswordPolicy,
    /// Delays after failed sign-ins.
    pub lockout: LockoutPolicy,
    /// How often somebody may ask.
    pub allowances: AllowancePolicy,
    /// Attacks and unusual behaviour.
    pub intrusion: IntrusionPolicy,
    /// What is done about a sign-in that is used from a second place.
    pub replay: Replay,
    /// Whether anybody may make an account: no.
    pub is_registration_open: bool,
    /// What such an account may do: guest or player.
    pub new_role: Role,
    /// Version of the licence that has to be accepted at least; 0 for none. One that was published later counts.
    pub licence: u32,
    /// Verified tokens that are remembered.
    pub tokens_max: usize,
    /// Refusals that wait to be written down.
    pub notes_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            parties: Parties { issuer: "spacetime".into(), audience: "spacetime-api".into() },
            access_life: Duration::from_secs(LIFE_S_MAX),
            sign_ins: SignInPolicy::default(),
            passwords: PasswordPolicy::default(),
            lockout: LockoutPolicy::default(),
            allowances: AllowancePolicy::default(),
            intrusion: IntrusionPolicy::default(),
            replay: Replay::default(),
            is_registration_open: false,
            new_role: Role::Player,
            licence: 0,
            tokens_max: 16_384,
            notes_max: 4096,
        }
    }
}

/// A limit is none; a sentence that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnsafePolicy(pub &'static str);

impl Policy {
    /// Whether it keeps what is promised.
    ///
    /// # Errors
    /// [`UnsafePolicy`] for the first limit that does not.
    pub fn check(&self) -> Result<(), UnsafePolicy> {
        let (allowances, sign_ins) = (&self.allowances, &self.sign_ins);
        let rates = [
            allowances.address_requests,
            allowances.address_messages,
            allowances.person_requests,
            allowances.person_messages,
            allowances.address_registrations,
        ];
        let rules = [
            (self.parties.are_plain(), "issuer and audience are 1 to 128 letters, digits and -._:/"),
            ((1..=LIFE_S_MAX).contains(&self.access_life.as_secs()), "an access token lives 1 s to 1 h"),
            (!sign_ins.idle.is_zero() && sign_ins.idle <= IDLE_MAX, "a sign-in is idle for at most 900 s"),
            (!sign_ins.absolute.is_zero() && sign_ins.absolute <= ABSOLUTE_MAX, "a sign-in lasts at most 8 h"),
            (sign_ins.person_max > 0 && sign_ins.total_max > 0, "there is at least one sign-in"),
            (!rates.contains(&0), "an allowance is at least 1 in 60 s"),
            (self.new_role <= Role::Player, "a new account is a guest or a player"),
            (self.passwords.at_once > 0, "at least one password is looked at"),
            (!self.intrusion.ban.is_zero(), "a ban lasts some time"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(UnsafePolicy(why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_what_is_promised_and_laxer_ones_are_refused() {
        assert_eq!(Policy::default().check(), Ok(()));
        let worse: [fn(&mut Policy); 9] = [
            |policy| policy.access_life = Duration::from_secs(3601),
            |policy| policy.access_life = Duration::ZERO,
            |policy| policy.sign_ins.idle = Duration::from_secs(901),
            |policy| policy.sign_ins.absolute = Duration::from_secs(28_801),
            |policy| policy.allowances.address_requests = 0,
            |policy| policy.allowances.person_messages = 0,
            |policy| policy.new_role = Role::Operator,
            |policy| policy.parties.audience = "a\"b".into(),
            |policy| policy.passwords.at_once = 0,
        ];
        for change in worse {
            let mut policy = Policy::default();
            change(&mut policy);
            assert!(policy.check().is_err(), "{policy:?}");
        }
    }
}
