//! What the transport around the core has to know of the log: who may have a link, which invites are spent, and what the
//! session is. Only tells; never decides.

use std::sync::Arc;

use crate::protocol::config::Genesis;
use crate::protocol::ids::{PeerKey, Player};
use crate::protocol::input::Input;

use super::Core;

/// Somebody who is or was a member, or has a number from an earlier session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPeer {
    /// Identity.
    pub key: PeerKey,
    /// Number in the session.
    pub player: Player,
    /// What it may do, or might when it was last a member.
    pub role: u8,
    /// Removed for good.
    pub banned: bool,
    /// A member now.
    pub member: bool,
}

/// Stands for who may have a link and which invites are spent: compared, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessVersion {
    epoch: u32,
    known: usize,
    banned: usize,
    spent: usize,
}

impl<I: Input> Core<I> {
    /// What changes when [`Core::known_peers`] or [`Core::spent_invites`] may have changed.
    #[must_use]
    pub fn access_version(&self) -> AccessVersion {
        self.session.as_ref().map_or_else(AccessVersion::default, |session| {
            let roster = &session.front.roster;
            let (known, banned, spent) = (roster.known().count(), roster.banned(), roster.spent().len());
            AccessVersion { epoch: roster.epoch, known, banned, spent }
        })
    }

    /// Everybody whom the session knows, as of the last executed turn. Empty before there is a session.
    #[must_use]
    pub fn known_peers(&self) -> Vec<KnownPeer> {
        let Some(session) = &self.session else { return Vec::new() };
        let roster = &session.front.roster;
        let known = roster.known().map(|(key, player)| KnownPeer {
            key,
            player,
            role: roster.role_of(&key).unwrap_or(0),
            banned: roster.is_banned(&key),
            member: roster.member_by_key(&key).is_some(),
        });
        known.collect()
    }

    /// The one-time invites that are spent.
    #[must_use]
    pub fn spent_invites(&self) -> &[[u8; 16]] {
        self.session.as_ref().map_or(&[], |session| session.front.roster.spent())
    }

    /// How the session began; nothing before it is known.
    #[must_use]
    pub fn genesis(&self) -> Option<&Arc<Genesis>> {
        self.session.as_ref().map(|session| &session.genesis)
    }
}
