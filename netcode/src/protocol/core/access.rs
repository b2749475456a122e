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

impl<I: Input> Core<I> {
    /// A number that changes when [`Core::known_peers`] or [`Core::spent_invites`] may have changed: (epoch, known, spent).
    #[must_use]
    pub fn access_version(&self) -> (u32, usize, usize) {
        self.session.as_ref().map_or((0, 0, 0), |session| {
            let roster = &session.front.roster;
            (roster.epoch, roster.known().count(), roster.spent().len())
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
