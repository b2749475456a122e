//! Signed heads of author chains: when ours are made, which of the others' are kept, and what follows when two of them
//! contradict each other. Must never take a word for a proof: only two signatures of one key convict.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::effect::{Effect, Event};
use crate::protocol::evidence::{Head, Proof, SignedHead};
use crate::protocol::ids::{PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::ledger::{AHEAD_TURNS_MAX, Author, Life};
use crate::protocol::wire::Message;

use super::{Core, Session};

/// Signed heads that are kept of each life.
const HEADS_KEPT: usize = 16;
/// Signatures of heads that one peer makes us check or write in a second, at most.
const HEADS_PER_S: u32 = 48;

/// Time between looks for heads that are not of the chains held here, microseconds.
const LOOK_US: u64 = 100_000;
/// Heads of one author that are shown to all at a time.
const DISPUTED_AT_ONCE: usize = 2;

/// The signed heads known here.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads {
    held: BTreeMap<Life, BTreeMap<Turn, SignedHead>>,
    /// Our newest one.
    signed: Option<(Life, Turn)>,
    /// Work done for each peer: since when, how often.
    work: BTreeMap<PeerKey, (Time, u32)>,
    /// Heads that were shown to all, as they are not of the chain held here; and when they were last looked for.
    disputed: BTreeSet<(Life, Turn)>,
    looked_at: Time,
    /// The epoch whose members these are.
    epoch: u32,
    /// When somebody was convicted last.
    pub convicted_at: Time,
}

impl Heads {
    /// The heads of a life from a turn on.
    pub fn from(&self, life: Life, turn: Turn) -> impl Iterator<Item = &SignedHead> {
        self.held.get(&life).into_iter().flat_map(move |heads| heads.range(turn..).map(|(_, head)| head))
    }

    /// Whose heads are known.
    pub fn lives(&self) -> Vec<Life> {
        self.held.keys().copied().collect()
    }

    /// Drops a head that is none.
    pub fn forget(&mut self, life: Life, turn: Turn) {
        self.held.get_mut(&life).and_then(|heads| heads.remove(&turn));
    }

    /// Keeps a head; the one that it contradicts, if there is one.
    fn keep(&mut self, life: Life, signed: &SignedHead) -> Option<SignedHead> {
        let heads = self.held.entry(life).or_default();
        let turn = signed.head.turn;
        if let Some(other) = heads.get(&turn) {
            return (other.head.chain != signed.head.chain).then(|| other.clone());
        }
        heads.insert(turn, signed.clone());
        if heads.len() > HEADS_KEPT {
            // The one that has just come may be an old one that was asked for.
            let oldest = heads.keys().copied().find(|other| *other != turn);
            oldest.map(|oldest| heads.remove(&oldest));
        }
        None
    }

    fn replace(&mut self, life: Life, signed: &SignedHead) {
        self.held.entry(life).or_default().insert(signed.head.turn, signed.clone());
    }

    fn knows(&self, life: Life, signed: &SignedHead) -> bool {
        self.held.get(&life).and_then(|heads| heads.get(&signed.head.turn)) == Some(signed)
    }

    /// Whether a peer may cause one more signature to be checked or written.
    fn may_work(&mut self, now: Time, peer: PeerKey) -> bool {
        self.work.retain(|_, (since, _)| now.since(*since) < 1_000_000);
        let (_, count) = self.work.entry(peer).or_insert((now, 0));
        *count += 1;
        *count <= HEADS_PER_S
    }
}

impl<I: Input> Session<I> {
    /// The key of a member that writes in this life now.
    pub(super) fn author_key(&self, life: Life) -> Option<PeerKey> {
        let rosters = [&self.front.roster, self.deciding_roster()];
        let mut members = rosters.into_iter().filter_map(|roster| roster.member(life.0));
        members.find(|m| m.incarnation == life.1).map(|m| m.key)
    }

    /// Whether a member of this epoch is convicted.
    pub(super) fn has_convict(&self) -> bool {
        !self.convicted.is_empty() && self.deciding_roster().members.iter().any(|m| self.is_convict(m.player))
    }

    /// Whether this player's life in this epoch is convicted.
    pub(super) fn is_convict(&self, player: Player) -> bool {
        self.convicted.contains_key(&player)
    }
}

impl<I: Input> Core<I> {
    /// Our own head at a turn.
    fn own_head(&self, life: Life, turn: Turn) -> Option<SignedHead> {
        let session = self.session.as_ref()?;
        let chain = session.ledger.author(life).filter(|author| turn >= author.start())?.chain_after(turn)?;
        let head = Head { session: session.genesis.rules.session, player: life.0, incarnation: life.1, turn, chain };
        Some(head.sign(&self.config.identity))
    }

    /// Signs our chain each time it has come to a turn at which heads are due, and where the membership will change: who
    /// leaves then has all of what it was there for. Tells every member.
    pub(super) fn sign_head(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        let Some(life) = session.life_of_key(&self.key, self.life) else { return };
        let every = u64::from(session.genesis.rules.head_turns.max(1));
        let Some(last) = self.own_end().0.checked_sub(1) else { return };
        let change = session.front.settled.next_change().map(|(_, at)| at.before());
        let end = change.filter(|end| end.0 <= last);
        let turn = end.unwrap_or(Turn(last / every * every));
        if session.divergence.heads.signed.is_some_and(|(other, signed)| other == life && signed >= turn) {
            return;
        }
        let Some(signed) = self.own_head(life, turn) else { return };
        if let Some(session) = &mut self.session {
            session.divergence.heads.signed = Some((life, turn));
            session.divergence.heads.keep(life, &signed);
        }
        if end.is_none() {
            self.tell_members(&Message::Head(signed));
            return;
        }
        // To some there is no next one that would make up for a lost one.
        for key in self.others() {
            self.post_repeatedly(now, key, Message::Head(signed.clone()));
        }
    }

    /// Signs our chain as far as it is confirmed, for our own recording: this peer ends.
    pub(super) fn sign_last_head(&mut self) {
        let Some(session) = &self.session else { return };
        let last = session.confirmed.before();
        let Some(record) = session.record(last) else { return };
        // In an earlier life another process wrote, whose chain is for it to sign.
        let Some(me) = record.during.member_by_key(&self.key).filter(|m| m.life == self.life) else { return };
        let life = (me.player, me.incarnation);
        let signed = self.own_head(life, last);
        if let (Some(session), Some(signed)) = (&mut self.session, signed) {
            session.divergence.heads.keep(life, &signed);
        }
    }

    /// The other members.
    fn others(&self) -> Vec<PeerKey> {
        let members = self.session.iter().flat_map(|session| &session.front.roster.members);
        members.map(|m| m.key).filter(|key| *key != self.key).collect()
    }

    fn tell_members(&mut self, message: &Message) {
        for key in self.others() {
            self.post_to(key, message.clone());
        }
    }

    /// A head, from its author or passed on.
    pub(super) fn on_head(&mut self, now: Time, from: PeerKey, signed: &SignedHead) {
        let Some(session) = &mut self.session else { return };
        let head = signed.head;
        let life = (head.player, head.incarnation);
        let Some(key) = session.author_key(life).filter(|key| *key != self.key) else { return };
        let author = session.ledger.author(life);
        let end = author.map_or(Turn(0), Author::end);
        let sensible = head.session == session.genesis.rules.session && head.turn < end.plus(AHEAD_TURNS_MAX);
        // The signature of what we know to be so, from its author, is checked when it is needed: that is most of them.
        let expected = from == key && author.and_then(|a| a.chain_after(head.turn)) == Some(head.chain);
        let heads = &mut session.divergence.heads;
        if !sensible || heads.knows(life, signed) {
            return;
        }
        let holds = expected || (heads.may_work(now, from) && signed.is_by(&key));
        if !holds {
            return;
        }
        if let Some(other) = heads.keep(life, signed) {
            if other.is_by(&key) {
                self.convict(now, Proof { a: other, b: signed.clone() });
            } else {
                heads.replace(life, signed);
            }
        }
    }

    /// Somebody wants our head at a turn.
    pub(super) fn on_head_wanted(&mut self, now: Time, from: PeerKey, turn: Turn) {
        let Some(session) = &mut self.session else { return };
        let Some(life) = session.life_of_key(&self.key, self.life) else { return };
        if !session.seats.has(&from) || !session.divergence.heads.may_work(now, from) {
            return;
        }
        if let Some(signed) = self.own_head(life, turn) {
            self.post_to(from, Message::Head(signed));
        }
    }

    /// Somebody shows a proof.
    pub(super) fn on_expose(&mut self, now: Time, from: PeerKey, proof: Proof) {
        let Some(session) = &mut self.session else { return };
        let new = !session.is_convict(proof.a.head.player);
        if new && session.divergence.heads.may_work(now, from) {
            self.convict(now, proof);
        }
    }

    /// Takes a proof against a member for what it is, once: tells it to all, and the cut follows.
    fn convict(&mut self, now: Time, proof: Proof) {
        let Some(session) = &mut self.session else { return };
        let head = proof.a.head;
        let Some(key) = session.author_key((head.player, head.incarnation)) else { return };
        let holds = head.session == session.genesis.rules.session && proof.convicts(&key);
        if !holds || session.is_convict(head.player) {
            return;
        }
        session.convicted.insert(head.player, proof.clone());
        session.divergence.heads.convicted_at = now;
        self.effects.push(Effect::Event(Event::Exposed { proof: Box::new(proof.clone()) }));
        for key in self.others() {
            self.post_repeatedly(now, key, Message::Expose(Box::new(proof.clone())));
        }
    }

    /// Shows everybody the heads that are not of the chain held here, once each, and asks their authors what they tell us:
    /// whoever holds the other half of a proof has it then.
    pub(super) fn dispute_heads(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        if now.since(session.divergence.heads.looked_at) < LOOK_US {
            return;
        }
        session.divergence.heads.looked_at = now;
        let mut disputed = Vec::new();
        for (life, heads) in &session.divergence.heads.held {
            let (Some(author), Some(key)) = (session.ledger.author(*life), session.author_key(*life)) else { continue };
            let other = |h: &&SignedHead| author.chain_after(h.head.turn).is_some_and(|ours| ours != h.head.chain);
            let new = |h: &&SignedHead| !session.divergence.heads.disputed.contains(&(*life, h.head.turn));
            let found = heads.values().filter(other).filter(new).filter(|h| !session.is_convict(h.head.player));
            disputed.extend(found.filter(|h| h.is_by(&key)).map(|h| (*life, key, h.clone())).take(DISPUTED_AT_ONCE));
        }
        for (life, author, signed) in disputed {
            let turn = signed.head.turn;
            if let Some(session) = &mut self.session {
                session.divergence.heads.disputed.insert((life, turn));
            }
            self.post_to(author, Message::HeadWanted { turn });
            self.tell_members(&Message::Head(signed));
        }
    }

    /// Forgets the heads and convictions of those who are gone.
    pub(super) fn forget_gone(&mut self) {
        let Some(session) = &mut self.session else { return };
        let epoch = session.deciding_roster().epoch;
        if session.divergence.heads.epoch == epoch {
            return;
        }
        session.divergence.heads.epoch = epoch;
        session.divergence.heads.disputed.clear();
        let held = std::mem::take(&mut session.divergence.heads.held);
        let convicted = std::mem::take(&mut session.convicted);
        let kept = held.into_iter().filter(|(life, _)| session.author_key(*life).is_some()).collect();
        let still = |p: &Proof| session.author_key((p.a.head.player, p.a.head.incarnation)).is_some();
        session.convicted = convicted.into_iter().filter(|(_, proof)| still(proof)).collect();
        session.divergence.heads.held = kept;
    }
}
