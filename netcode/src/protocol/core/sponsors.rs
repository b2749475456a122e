//! Whom a newcomer asks: the issuer of its invite first, who tells it the others at once; so it can go on with one of them
//! should its sponsor be lost before there is a state. Must never hold a newcomer to one member.

use crate::protocol::entry::ADDRESS_BYTES_MAX;
use crate::protocol::ids::{PeerKey, Time};
use crate::protocol::input::Input;
use crate::protocol::wire::Message;

use super::following::{Following, SPONSOR_SILENCE_US};
use super::newcomers::Newcomers;
use super::{Core, Wish};

/// Most members that a newcomer is told: they travel in one datagram.
const OTHERS_MAX: usize = 10;

impl<I: Input> Core<I> {
    /// Tells a newcomer whom else it could ask.
    pub(super) fn tell_others(&mut self, to: PeerKey) {
        let Some(session) = &self.session else { return };
        let own = self.key;
        let others =
            session.front.roster.members.iter().filter(|m| m.key != own && m.key != to && !m.address.is_empty());
        let others: Vec<_> = others.take(OTHERS_MAX).map(|m| (m.key, m.address.clone())).collect();
        if !others.is_empty() {
            self.post_to(to, Message::Others { members: others });
        }
    }

    pub(super) fn on_others(&mut self, from: PeerKey, members: Vec<(PeerKey, Vec<u8>)>) {
        let own = self.key;
        let Some(following) = self.following.as_mut().filter(|f| *f.sponsor() == from && self.session.is_none()) else {
            return;
        };
        for (key, address) in members {
            let new = key != own && following.others.iter().all(|(other, _)| *other != key);
            if new && address.len() <= ADDRESS_BYTES_MAX && following.others.len() < OTHERS_MAX {
                following.others.push((key, address));
            }
        }
        // Whoever told them may be asked again later.
        if following.others.iter().all(|(other, _)| *other != from) {
            following.others.push((from, Vec::new()));
        }
    }

    /// Whether this peer, which has no state yet, knows anybody to ask but the sponsor that it began with.
    #[must_use]
    pub fn knows_others(&self) -> bool {
        self.following.as_ref().is_some_and(|following| !following.others.is_empty())
    }

    /// The world here is lost: what is known of the session is forgotten, and this process comes back in a new life, with the
    /// members' state. `false`, and nothing has changed, where there is no other member to ask.
    pub fn start_over(&mut self, now: Time) -> bool {
        let Some(session) = &self.session else { return false };
        let heard = |key: &PeerKey| self.links.get(key).map_or(Time(0), |link| link.heard);
        let others = session.front.roster.members.iter().filter(|m| m.key != self.key);
        let mut others: Vec<_> = others.map(|m| (m.key, m.address.clone())).collect();
        others.sort_by_key(|(key, _)| std::cmp::Reverse(heard(key)));
        let Some((sponsor, address)) = others.first().cloned() else { return false };
        let simulation_revision = session.genesis.rules.simulation_revision;
        let spectator = self.following.as_ref().is_some_and(Following::is_spectator);
        self.life = self.life.wrapping_add(1);
        let wish = Wish { sponsor, spectator, life: self.life, simulation_revision };
        others.truncate(OTHERS_MAX);
        self.following = Some(Following::returning(now, wish, others));
        (self.session, self.newcomers) = (None, Newcomers::default());
        self.links.clear();
        self.proposals.clear();
        self.effects.clear();
        self.keeping.forget();
        self.connect(now, sponsor, &address);
        true
    }

    /// Follows another member if the sponsor is not heard any more, or cannot serve.
    pub(super) fn change_sponsor(&mut self, now: Time) {
        let Some(following) = &mut self.following else { return };
        let roster = self.session.as_ref().map(|session| &session.front.roster);
        let heard = |key: &PeerKey| self.links.get(key).map_or(Time(0), |link| link.heard);
        let silent = |key: &PeerKey| now.since(heard(key)) > SPONSOR_SILENCE_US;
        let sponsor = *following.sponsor();
        let member = roster.is_none_or(|roster| roster.member_by_key(&sponsor).is_some());
        let serves = member && !silent(&sponsor) && !following.busy;
        let recent = following.changed.is_some_and(|at| now.since(at) < SPONSOR_SILENCE_US);
        if serves || (recent && !following.busy) {
            return;
        }
        // Members first, then whoever was one: what is known here may be old.
        let members = roster.iter().flat_map(|roster| roster.members.iter().map(|m| (m.key, m.address.clone())));
        let known = roster.iter().flat_map(|roster| roster.known().map(|(key, _)| (key, Vec::new())));
        let untried = |(key, _): &(PeerKey, Vec<u8>)| *key != self.key && !following.tried.contains(key);
        let told = following.others.iter().filter(|(key, _)| roster.is_none() && *key != sponsor).cloned();
        let Some((key, address)) = members.chain(known).chain(told).find(untried) else {
            following.tried.clear();
            return;
        };
        following.go_to(now, key);
        if silent(&key) {
            self.links.remove(&key);
        }
        self.connect(now, key, &address);
    }
}
