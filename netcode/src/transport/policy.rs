//! Who may come in. The caller keeps it up to date from the log; it decides nothing about sessions or keys' proofs.

use std::collections::{BTreeMap, BTreeSet};

use super::handshake::Refusal;
use super::invite::Invite;
use crate::protocol::{PeerKey, SessionId, Time};

/// Whom a peer lets in. Known members come first, so that a member whose one-time invite was spent by its own joining
/// gets in again.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Members of the session and their roles: let in, and their invites count.
    pub members: BTreeMap<PeerKey, u8>,
    /// Keys that need no invite, and their roles.
    pub allowed: BTreeMap<PeerKey, u8>,
    /// One-time invites that were used.
    pub spent: BTreeSet<[u8; 16]>,
    /// Never let in, whatever else says so.
    pub banned: BTreeSet<PeerKey>,
    /// Seconds since 1970 at [`Time`] 0 of the times given to the endpoint: for invites that expire.
    pub unix_s_at_zero: u64,
}

/// How somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it may do.
    pub role: u8,
    /// The one-time invite that it rests on, if it does.
    pub invite: Option<[u8; 16]>,
}

/// What the policy is asked.
pub(super) struct Question<'a> {
    pub now: Time,
    /// Whose policy it is.
    pub own: &'a PeerKey,
    pub session: SessionId,
    pub key: &'a PeerKey,
    pub invite: Option<&'a Invite>,
    /// Whether this side wants a link to that key itself.
    pub wanted: bool,
}

impl Policy {
    /// The role of a key that needs no invite.
    #[must_use]
    pub fn role(&self, key: &PeerKey) -> Option<u8> {
        self.members.get(key).or_else(|| self.allowed.get(key)).copied()
    }

    pub(super) fn admit(&self, question: &Question<'_>) -> Result<Entry, Refusal> {
        if self.banned.contains(question.key) {
            return Err(Refusal::Banned);
        }
        if let Some(role) = self.role(question.key) {
            return Ok(Entry { role, invite: None });
        }
        let by_invite = question.invite.map(|invite| self.judge(question, invite));
        match by_invite {
            Some(Ok(entry)) => Ok(entry),
            _ if question.wanted => Ok(Entry { role: 0, invite: None }),
            Some(Err(refusal)) => Err(refusal),
            None => Err(Refusal::NotInvited),
        }
    }

    fn judge(&self, question: &Question<'_>, invite: &Invite) -> Result<Entry, Refusal> {
        let terms = &invite.terms;
        let issuer_counts = invite.issuer == *question.own || self.members.contains_key(&invite.issuer);
        if !issuer_counts || self.banned.contains(&invite.issuer) || terms.session != question.session {
            return Err(Refusal::NotInvited);
        }
        if !invite.is_genuine() {
            return Err(Refusal::InviteForged);
        }
        if invite.is_expired(self.unix_s_at_zero.saturating_add(question.now.0 / 1_000_000)) {
            return Err(Refusal::InviteExpired);
        }
        if terms.one_time && self.spent.contains(&terms.id) {
            return Err(Refusal::InviteSpent);
        }
        Ok(Entry { role: terms.role, invite: terms.one_time.then_some(terms.id) })
    }
}
