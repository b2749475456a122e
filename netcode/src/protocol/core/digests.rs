//! Digests of confirmed turns, compared between peers: where logs agree and states do not, somebody's simulation has
//! gone wrong. What follows is in `states`.

use std::sync::Arc;

use crate::protocol::effect::{Effect, Event};
use crate::protocol::ids::{PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::link::Link;
use crate::protocol::roster::Roster;
use crate::protocol::series::Series;

use super::Core;
use super::states::Desync;

/// Digests that are kept.
pub(super) const KEPT: usize = 512;

/// Our own digests.
#[derive(Debug, Default)]
pub(super) struct Digests {
    pub(super) ours: Series,
    /// The desync that was reported and is not mended.
    pub(super) desync: Option<Desync>,
    /// How often this peer has taken the others' state.
    pub(super) resyncs: u32,
}

impl Digests {
    /// The newest digest.
    pub fn newest(&self) -> Option<(Turn, u64)> {
        self.ours.newest()
    }

    /// Takes back what was executed from a turn on.
    pub fn roll_back(&mut self, next: Turn) {
        self.ours.drop_from(next);
    }

    /// Whether the log has to wait: states differ and nobody can say whose is right.
    pub fn holds(&self) -> bool {
        self.desync.as_ref().is_some_and(Desync::stops)
    }

    /// When a transfer of a state is due.
    pub fn wake_at(&self) -> Time {
        self.desync.as_ref().map_or(Time(u64::MAX), Desync::wake_at)
    }

    fn note(&mut self, turn: Turn, digest: u64) {
        self.ours.insert(turn, digest);
        self.ours.keep(KEPT);
    }
}

/// Digests that differ.
struct Found {
    /// First turn for which a peer has told another one than ours.
    first: Turn,
    /// The turn that decides who is right: ours, what the majority has, and what everybody has told.
    at: Turn,
    ours: u64,
    truth: Option<u64>,
    digests: Vec<(Player, u64)>,
    /// Who has told another one than ours of some turn, and not ours of that one.
    differing: Vec<PeerKey>,
}

/// The digest that more than half of the members have. Half with the lowest number is none here: that one number is
/// lower than another says nothing about whose simulation is right.
fn majority(roster: &Roster, digests: &[(Player, u64)]) -> Option<u64> {
    let count = |digest: u64| digests.iter().filter(|(_, other)| *other == digest).count();
    digests.iter().map(|(_, digest)| *digest).find(|digest| count(*digest) * 2 > roster.members.len())
}

impl<I: Input> Core<I> {
    /// Answers [`Effect::Execute`]: the digest after the turn, and what it cost in microseconds.
    pub fn executed(&mut self, turn: Turn, digest: u64, took_us: u64) {
        self.keeping.note_cost(took_us);
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
    pub(super) fn compare_digests(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        if session.digests.desync.is_some() {
            return self.mend_desync(now);
        }
        // A turn can be confirmed before the world has told its digest.
        let known = session.digests.newest().map_or(Turn(0), |(turn, _)| turn.plus(1));
        let confirmed = session.confirmed.min(known);
        let mut first = None;
        let mut differing = Vec::new();
        let behind = |link: &Link| link.compared < confirmed;
        for (key, link) in self.links.iter_mut().filter(|(key, link)| behind(link) && session.seats.has(key)) {
            let told = link.digests.range(link.compared.min(confirmed)..confirmed);
            let pairs = told.filter_map(|(turn, theirs)| Some((turn, theirs, session.digests.ours.get(turn)?)));
            let differs = pairs.filter(|(_, theirs, ours)| theirs != ours).map(|(turn, ..)| turn).next();
            match differs {
                Some(turn) => {
                    first = Some(first.unwrap_or(turn).min(turn));
                    differing.push(*key);
                }
                None => link.compared = link.compared.max(confirmed),
            }
            link.digests.keep(KEPT);
        }
        let Some(first) = first else { return };
        let roster = Arc::clone(&session.front.roster);
        // The first turn at or after it that a majority has told of decides who is right.
        let candidates: Vec<(Turn, u64)> = session.digests.ours.range(first..confirmed).collect();
        for (turn, ours) in candidates {
            let told = |key: &PeerKey| match self.links.get(key) {
                _ if *key == self.key => Some(ours),
                link => link?.digests.get(turn),
            };
            let digests: Vec<(Player, u64)> =
                roster.members.iter().filter_map(|m| Some((m.player, told(&m.key)?))).collect();
            let truth = majority(&roster, &digests);
            if truth.is_none() && digests.len() < roster.members.len() {
                continue;
            }
            // Whoever differed before may have told nothing of the turn that decides: it is concerned all the same.
            let told_ours = |key: &PeerKey| told(key) == Some(ours);
            differing.retain(|key| !told_ours(key));
            self.report_desync(now, Found { first, at: turn, ours, truth, digests, differing });
            return;
        }
    }

    fn report_desync(&mut self, now: Time, found: Found) {
        let Found { first, at, ours, truth, digests, differing } = found;
        let Some(session) = &mut self.session else { return };
        let roster = Arc::clone(&session.front.roster);
        // Without a seat, its state is nobody's concern but its own.
        let ours_is_wrong = truth.is_some_and(|truth| truth != ours);
        let key_of = |player: &Player| roster.member(*player).map(|m| m.key);
        let mut others: Vec<PeerKey> =
            digests.iter().filter(|(_, d)| *d != ours).filter_map(|(player, _)| key_of(player)).collect();
        let more: Vec<PeerKey> = differing.into_iter().filter(|key| !others.contains(key)).collect();
        others.extend(more);
        let right: Vec<PeerKey> = digests
            .iter()
            .filter(|(_, d)| Some(*d) == truth)
            .filter_map(|(player, _)| key_of(player))
            .filter(|key| *key != self.key)
            .collect();
        session.digests.desync = Some(Desync::new(now, first, at, truth.is_none(), ours_is_wrong, others, right));
        self.effects.push(Effect::Event(Event::Desync { turn: first, ours_is_wrong, digests }));
        self.effects.push(Effect::SnapshotWanted { turn: first });
    }
}
