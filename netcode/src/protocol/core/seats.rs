//! The members of a turn by their key. What is done for each link and each datagram asks whose it is: this keeps it
//! from being done for each pair of members.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::protocol::ids::PeerKey;
use crate::protocol::link::Link;
use crate::protocol::roster::{Member, Roster};

/// The members of one roster by key.
#[derive(Debug)]
pub(super) struct Seats {
    roster: Arc<Roster>,
    /// Keys in order, and which member each is.
    by_key: Vec<(PeerKey, usize)>,
}

impl Seats {
    pub fn new(roster: &Arc<Roster>) -> Self {
        let mut by_key: Vec<_> = roster.members.iter().enumerate().map(|(at, member)| (member.key, at)).collect();
        by_key.sort_unstable();
        Self { roster: Arc::clone(roster), by_key }
    }

    /// Whether these are the seats of this very roster.
    pub fn are_of(&self, roster: &Arc<Roster>) -> bool {
        Arc::ptr_eq(&self.roster, roster)
    }

    /// Whether a key is a member's.
    pub fn has(&self, key: &PeerKey) -> bool {
        self.member(key).is_some()
    }

    /// The member with this key.
    pub fn member(&self, key: &PeerKey) -> Option<&Member> {
        let at = self.by_key.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        self.roster.members.get(self.by_key[at].1)
    }

    /// The links to members: which member, and the link.
    pub fn links<'a>(&'a self, links: &'a BTreeMap<PeerKey, Link>) -> impl Iterator<Item = (usize, &'a Link)> {
        // Both are in the order of the keys.
        let mut links = links.iter().peekable();
        self.by_key.iter().filter_map(move |(key, at)| {
            while links.next_if(|(other, _)| (*other).cmp(key) == Ordering::Less).is_some() {}
            links.next_if(|(other, _)| *other == key).map(|(_, link)| (*at, link))
        })
    }
}
