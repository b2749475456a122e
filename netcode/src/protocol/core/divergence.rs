//! Where another peer's log is not ours: whose entries differ, whose log counts, and how the others' entries are taken
//! in place of ours. Must never give up a confirmed turn, and a false alarm must cost a few messages and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::ids::{Hash, PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::ledger::Life;
use crate::protocol::wire::Message;

use super::heads::Heads;
use super::{Core, Session};

/// Claims that are kept of each peer with another log.
const CLAIMS_KEPT: usize = 64;
/// Most audits between two of the same.
const AUDITS_MAX: usize = 128;
/// Time between audits of one turn, microseconds.
const AUDIT_US: u64 = 200_000;
/// How long a peer that says nothing more of another log is taken to have one, microseconds.
const STALE_US: u64 = 3_000_000;
/// How long entries of another log may take to come, microseconds.
const REPAIR_US: u64 = 1_500_000;
/// How long a proof may take before the signed entries are taken without one, microseconds.
const PROOF_US: u64 = 600_000;
/// How long after it was asked a peer may pass on entries, microseconds.
const ASKED_US: u64 = 3_000_000;
/// How long a log goes on that nobody confirms because logs differ, microseconds.
const APART_US: u64 = 4_000_000;

/// A peer that has acknowledged another log.
#[derive(Clone, Debug)]
struct Conflict {
    /// Before this turn at the latest, the logs differ.
    first: Turn,
    /// Short chains of its log, by turn.
    claims: BTreeMap<Turn, u64>,
    since: Time,
    noted: Time,
}

/// What an audit of another peer has shown.
#[derive(Clone, Debug)]
struct Finding {
    turn: Turn,
    /// Whose entries differ there.
    lives: BTreeSet<Life>,
    at: Time,
}

/// Entries that are taken from another peer in place of ours.
#[derive(Clone, Debug)]
struct Repair {
    from: PeerKey,
    lives: BTreeSet<Life>,
    /// First turn that is none of its concern.
    end: Turn,
    since: Time,
}

/// What is known of a divergence.
#[derive(Clone, Debug, Default)]
pub(super) struct Divergence {
    pub heads: Heads,
    conflicts: BTreeMap<PeerKey, Conflict>,
    findings: BTreeMap<PeerKey, Finding>,
    audited: BTreeMap<(PeerKey, Turn), Time>,
    repair: Option<Repair>,
    /// How often each peer's entries were taken.
    tries: BTreeMap<PeerKey, u32>,
    /// Whom we asked to pass on entries, and when.
    asked: BTreeMap<PeerKey, Time>,
    /// Last turn of others that a peer has passed on.
    relayed: BTreeMap<PeerKey, Turn>,
    /// How often entries had to be replaced after a peer had passed on some.
    distrust: BTreeMap<PeerKey, u32>,
    apart: bool,
}

impl Divergence {
    /// A peer acknowledged another log before this turn.
    pub fn note(&mut self, now: Time, peer: PeerKey, next: Turn, chain: u64) {
        let new = || Conflict { first: next, claims: BTreeMap::new(), since: now, noted: now };
        let conflict = self.conflicts.entry(peer).or_insert_with(new);
        conflict.first = conflict.first.min(next);
        conflict.noted = now;
        conflict.claims.insert(next, chain);
        if conflict.claims.len() > CLAIMS_KEPT {
            conflict.claims.pop_first();
        }
    }

    /// Whether the log has to wait until it is resolved.
    pub fn holds(&self) -> bool {
        self.apart
    }

    /// Whether no log differs and nothing is repaired.
    pub fn is_calm(&self) -> bool {
        self.conflicts.is_empty() && self.findings.is_empty() && self.repair.is_none() && !self.apart
    }

    /// Notes that a peer is asked to pass on entries.
    pub fn note_asked(&mut self, now: Time, relay: PeerKey) {
        self.asked.insert(relay, now);
    }

    /// Whether entries of a life from a turn on are taken from this peer: from their author, unless it was found to have
    /// told others something else; from others only if they were asked.
    pub fn admits(&mut self, now: Time, from: PeerKey, author: Option<PeerKey>, life: Life, first: Turn) -> bool {
        if let Some(repair) = self.repair.as_ref().filter(|r| r.lives.contains(&life) && first < r.end) {
            return repair.from == from;
        }
        if author == Some(from) {
            return true;
        }
        let asked = self.asked.get(&from).is_some_and(|at| now.since(*at) < ASKED_US);
        if asked {
            let last = self.relayed.entry(from).or_insert(first);
            *last = first.max(*last);
        }
        asked
    }

    /// How little a peer is trusted to pass on entries.
    pub fn distrust_of(&self, peer: &PeerKey) -> u32 {
        self.distrust.get(peer).copied().unwrap_or(0)
    }

    /// The peer that entries are taken from in place of ours, and whose.
    pub fn wanted(&self) -> Option<(PeerKey, &BTreeSet<Life>)> {
        self.repair.as_ref().map(|repair| (repair.from, &repair.lives))
    }
}

impl<I: Input> Session<I> {
    /// The author chains after a turn, as they travel in an audit.
    fn author_chains(&self, turn: Turn) -> Vec<(Player, u64)> {
        // Whoever has been removed since is among those whose entries may differ.
        let members = self.record(turn).map_or(&self.front.roster, |record| &record.during).members.iter();
        let chain = |player| Some((player, self.ledger.life_at(player, turn)?.1.chain_after(turn)?.short()));
        members.filter_map(|m| chain(m.player)).collect()
    }

    /// A log that was agreed on and that the entries held here contradict: its end, and its chain hash.
    fn contradicted(&self) -> Option<(Turn, Hash)> {
        let decided = self.cuts.get(&self.front.roster.epoch).filter(|cut| cut.next > self.front.next);
        let wanted = || self.instance.as_ref().and_then(|i| i.wanted.as_ref()).map(|(_, cut)| cut);
        let cut = decided.or_else(wanted)?;
        self.held_chain(cut.next).is_some_and(|held| held != cut.chain).then_some((cut.next, cut.chain))
    }

    /// Whether the entries held here lead to another log than the one that was decided.
    pub(super) fn contradicts_cut(&self) -> bool {
        let cut = self.cuts.get(&self.front.roster.epoch).filter(|cut| cut.next > self.front.next);
        cut.is_some_and(|cut| self.held_chain(cut.next).is_some_and(|held| held != cut.chain))
    }

    /// Peers that are a quorum and have acknowledged one other log than ours.
    fn overruled_by(&self) -> BTreeSet<PeerKey> {
        let roster = self.deciding_roster();
        let conflicts = &self.divergence.conflicts;
        let claims = conflicts.values().flat_map(|c| c.claims.range(self.confirmed.plus(1)..));
        let distinct: BTreeSet<(Turn, u64)> = claims.map(|(turn, chain)| (*turn, *chain)).collect();
        for (turn, chain) in distinct {
            let has = |key: &PeerKey| conflicts.get(key).is_some_and(|c| c.claims.get(&turn) == Some(&chain));
            if roster.is_quorum(|player| roster.member(player).is_some_and(|m| has(&m.key))) {
                return roster.members.iter().map(|m| m.key).filter(has).collect();
            }
        }
        BTreeSet::new()
    }

    /// Those of these lives whose author has signed another chain than the one held here.
    fn disowned(&self, lives: &BTreeSet<Life>, turn: Turn) -> BTreeSet<Life> {
        let disowns = |life: &Life| {
            let (Some(author), Some(key)) = (self.ledger.author(*life), self.author_key(*life)) else { return false };
            let other = |head: &crate::protocol::evidence::Head| {
                author.chain_after(head.turn).is_some_and(|ours| ours != head.chain)
            };
            self.divergence.heads.from(*life, turn).any(|signed| other(&signed.head) && signed.is_by(&key))
        };
        lives.iter().copied().filter(disowns).collect()
    }
}

impl<I: Input> Core<I> {
    /// Signs, asks, and takes the entries that count, whatever is due.
    pub(super) fn resolve_divergence(&mut self, now: Time) {
        if self.following.is_some() {
            return;
        }
        self.sign_head(now);
        self.forget_gone();
        self.dispute_heads(now);
        let links = &self.links;
        let Some(session) = &mut self.session else { return };
        let divergence = &mut session.divergence;
        divergence.asked.retain(|_, at| now.since(*at) < ASKED_US);
        divergence.findings.retain(|_, finding| now.since(finding.at) < 2 * AUDIT_US + 1_000_000);
        let roster = &session.front.roster;
        divergence.conflicts.retain(|key, conflict| {
            let agrees = links.get(key).is_none_or(|link| link.agreed >= conflict.first);
            roster.member_by_key(key).is_some() && !agrees && now.since(conflict.noted) < STALE_US
        });
        let apart_turns = APART_US / session.genesis.rules.turn_us();
        let unconfirmed = session.front.next.0 - session.confirmed.0;
        session.divergence.apart = !session.divergence.conflicts.is_empty() && unconfirmed > apart_turns;
        self.finish_repair(now);
        self.send_audits(now);
        self.begin_repair(now);
    }

    /// Tells those who have another log our author chains, so that both sides see whose entries differ.
    fn send_audits(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        let mut due: Vec<(PeerKey, Turn)> =
            session.divergence.conflicts.iter().map(|(key, conflict)| (*key, conflict.first.before())).collect();
        if let Some((end, _)) = session.contradicted() {
            due.extend(session.front.roster.members.iter().map(|m| (m.key, end.before())));
        }
        for (key, turn) in due {
            self.audit(now, key, turn);
        }
    }

    fn audit(&mut self, now: Time, to: PeerKey, turn: Turn) {
        let Some(session) = &mut self.session else { return };
        let audited = &mut session.divergence.audited;
        audited.retain(|_, at| now.since(*at) < AUDIT_US);
        if to == self.key || audited.contains_key(&(to, turn)) || audited.len() >= AUDITS_MAX {
            return;
        }
        audited.insert((to, turn), now);
        let chains = session.author_chains(turn);
        self.post_to(to, Message::Audit { turn, chains });
    }

    /// Another peer's author chains: whose entries differ is asked for its signature, and what is signed is shown.
    pub(super) fn on_audit(&mut self, now: Time, from: PeerKey, turn: Turn, chains: &[(Player, u64)]) {
        if self.following.is_some() {
            return;
        }
        let Some(session) = &mut self.session else { return };
        if session.front.roster.member_by_key(&from).is_none() {
            return;
        }
        let own = session.life_of_key(&self.key, self.life);
        let differs = |(player, theirs): &(Player, u64)| {
            let (life, author) = session.ledger.life_at(*player, turn)?;
            author.chain_after(turn).filter(|ours| ours.short() != *theirs).map(|_| life)
        };
        let lives: BTreeSet<Life> = chains.iter().filter_map(differs).collect();
        if lives.is_empty() {
            return;
        }
        let mut messages = Vec::new();
        for life in &lives {
            if Some(*life) == own {
                // What it has of us is forged.
                self.on_head_wanted(now, from, turn);
                continue;
            }
            let Some(session) = &self.session else { return };
            if let Some(author) = session.front.roster.member(life.0) {
                messages.push((author.key, Message::HeadWanted { turn }));
            }
            messages.extend(session.divergence.heads.from(*life, turn).map(|h| (from, Message::Head(h.clone()))));
        }
        for (to, message) in messages {
            self.post_to(to, message);
        }
        if let Some(session) = &mut self.session {
            session.divergence.findings.insert(from, Finding { turn, lives, at: now });
        }
        self.audit(now, from, turn);
    }

    /// Whose entries to take in place of ours, if it is clear by now that ours do not count.
    fn choose_repair(&self, now: Time) -> Option<(PeerKey, BTreeSet<Life>, Turn)> {
        let session = self.session.as_ref()?;
        let divergence = &session.divergence;
        let contradicted = session.contradicted();
        let overruled_by = session.overruled_by();
        let own = session.life_of_key(&self.key, self.life);
        let mut best: Option<(u32, PeerKey, BTreeSet<Life>, Turn)> = None;
        for (key, finding) in &divergence.findings {
            let lives: BTreeSet<Life> = finding.lives.iter().copied().filter(|life| Some(*life) != own).collect();
            let decided = contradicted.is_some_and(|(end, _)| finding.turn < end);
            let waited = divergence.conflicts.get(key).is_some_and(|c| now.since(c.since) > PROOF_US);
            let lives = match decided || overruled_by.contains(key) {
                true => lives,
                false if waited && finding.turn >= session.confirmed => session.disowned(&lives, finding.turn),
                false => BTreeSet::new(),
            };
            let tries = divergence.tries.get(key).copied().unwrap_or(0);
            if !lives.is_empty() && best.as_ref().is_none_or(|(least, ..)| tries < *least) {
                best = Some((tries, *key, lives, finding.turn.plus(1)));
            }
        }
        best.map(|(_, key, lives, end)| (key, lives, end))
    }

    /// Drops the entries that do not count, with what was executed from them, and asks for those that do.
    fn begin_repair(&mut self, now: Time) {
        if self.session.as_ref().is_none_or(|s| s.divergence.repair.is_some()) {
            return;
        }
        let Some((from, lives, end)) = self.choose_repair(now) else { return };
        let Some(session) = &mut self.session else { return };
        // What that peer has acknowledged is the same in both logs.
        let agreed = self.links.get(&from).map_or(Turn(0), |link| link.agreed).min(session.front.next);
        let keep = session.confirmed.max(agreed).min(end.before().max(session.confirmed));
        if session.front.next > keep {
            self.counters.roll_backs += 1;
            session.roll_back(now, keep, &mut self.effects);
            self.links.values_mut().for_each(|link| link.roll_back(keep));
        }
        for life in &lives {
            if let Some(author) = session.ledger.author_mut(*life) {
                author.drop_from(keep);
            }
        }
        let divergence = &mut session.divergence;
        for (relay, _) in std::mem::take(&mut divergence.relayed).iter().filter(|(_, last)| **last >= keep) {
            *divergence.distrust.entry(*relay).or_default() += 1;
        }
        *divergence.tries.entry(from).or_default() += 1;
        divergence.conflicts.clear();
        divergence.findings.clear();
        divergence.repair = Some(Repair { from, lives, end, since: now });
    }

    fn finish_repair(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        let Some(repair) = &session.divergence.repair else { return };
        let here = repair.lives.iter().all(|life| session.ledger.missing(*life) >= repair.end);
        if here || now.since(repair.since) > REPAIR_US {
            session.divergence.repair = None;
        }
    }
}
