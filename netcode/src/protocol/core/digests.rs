//! Digests of confirmed turns, compared between peers: where logs agree and states do not, somebody's simulation has
//! gone wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::protocol::effect::{Effect, Event};
use crate::protocol::ids::{PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;

use super::Core;

/// Digests that are kept.
const KEPT: usize = 512;

/// Our own digests.
#[derive(Clone, Debug, Default)]
pub(super) struct Digests {
    ours: BTreeMap<Turn, u64>,
    /// The desync that was reported.
    reported: Option<Turn>,
}

impl Digests {
    /// The newest digest.
    pub fn newest(&self) -> Option<(Turn, u64)> {
        self.ours.last_key_value().map(|(turn, digest)| (*turn, *digest))
    }

    /// Takes back what was executed from a turn on.
    pub fn roll_back(&mut self, next: Turn) {
        self.ours.split_off(&next);
    }

    fn note(&mut self, turn: Turn, digest: u64) {
        self.ours.insert(turn, digest);
        while self.ours.len() > KEPT {
            self.ours.pop_first();
        }
    }
}

impl<I: Input> Core<I> {
    /// Answers [`Effect::Execute`]: the digest after the turn, and what it cost in microseconds.
    pub fn executed(&mut self, turn: Turn, digest: u64, took_us: u64) {
        if let Some(following) = &mut self.following {
            following.note_cost(took_us);
        }
        let Some(session) = &mut self.session else { return };
        // A turn that was taken back before the answer came has no digest.
        if turn >= session.front.next {
            return;
        }
        let every = u64::from(session.genesis.rules.digest_turns.max(1));
        if let Some(record) = session.record_mut(turn) {
            record.digest = Some(digest);
        }
        if turn.0.is_multiple_of(every) {
            session.digests.note(turn, digest);
        }
    }

    /// Compares the digests that others told with ours, for confirmed turns.
    pub(super) fn compare_digests(&mut self, _now: Time) {
        let Some(session) = &self.session else { return };
        if session.digests.reported.is_some() {
            return;
        }
        // A turn can be confirmed before the world has told its digest.
        let known = session.digests.newest().map_or(Turn(0), |(turn, _)| turn.plus(1));
        let confirmed = session.confirmed.min(known);
        let roster = Arc::clone(&session.front.roster);
        let mut first = None;
        for (_, link) in self.links.iter_mut().filter(|(key, _)| roster.member_by_key(key).is_some()) {
            let told = link.digests.range(link.compared.min(confirmed)..confirmed);
            let mut pairs = told.filter_map(|(turn, theirs)| Some((*turn, *theirs, *session.digests.ours.get(turn)?)));
            match pairs.find(|(_, theirs, ours)| theirs != ours) {
                Some((turn, ..)) => first = Some(first.unwrap_or(turn).min(turn)),
                None => link.compared = link.compared.max(confirmed),
            }
            while link.digests.len() > KEPT {
                link.digests.pop_first();
            }
        }
        let Some(first) = first else { return };
        // The first turn at or after it that a quorum has told of decides who is right.
        let candidates: Vec<Turn> = session.digests.ours.range(first..confirmed).map(|(turn, _)| *turn).collect();
        for turn in candidates {
            let ours = session.digests.ours.get(&turn).copied();
            let told =
                |key: &PeerKey| if *key == self.key { ours } else { self.links.get(key)?.digests.get(&turn).copied() };
            let digests: Vec<(Player, u64)> =
                roster.members.iter().filter_map(|m| Some((m.player, told(&m.key)?))).collect();
            let complete = digests.len() == roster.members.len();
            let truth = digests
                .iter()
                .map(|(_, digest)| *digest)
                .find(|digest| roster.is_quorum(|player| digests.contains(&(player, *digest))));
            if truth.is_none() && !complete {
                continue;
            }
            self.report_desync(first, turn, ours, truth, digests);
            return;
        }
    }

    fn report_desync(
        &mut self,
        first: Turn,
        at: Turn,
        ours: Option<u64>,
        truth: Option<u64>,
        digests: Vec<(Player, u64)>,
    ) {
        let Some(session) = &mut self.session else { return };
        session.digests.reported = Some(at);
        let ours_is_wrong = truth.is_some() && ours != truth;
        self.effects.push(Effect::Event(Event::Desync { turn: first, ours_is_wrong, digests }));
        if truth.is_none() {
            self.effects.push(Effect::Event(Event::Stopped { turn: at }));
            self.stopped = true;
        }
    }

    /// Takes a snapshot that was wanted for a comparison of states; `false` if it was not.
    pub(super) fn snapshot_for_comparison(&mut self, _now: Time, _turn: Turn, _bytes: &Arc<Vec<u8>>) -> bool {
        false
    }

    pub(super) fn on_state_wanted(&mut self, _from: PeerKey, _turn: Turn) {}
}
