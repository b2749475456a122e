//! What goes out: to every peer that needs it, a datagram each turn with acknowledgements and entries, and whatever
//! messages wait. Nothing is sent twice in a poll, and no datagram is longer than the wire allows.

use std::sync::Arc;

use crate::protocol::effect::Effect;
use crate::protocol::ids::{PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::ledger::Life;
use crate::protocol::link::Link;
use crate::protocol::wire::{
    DATAGRAM_BYTES_MAX, Entries, Message, NO_TURN_PART, RUN_ENTRIES_MAX, RUNS_MAX, Run, TurnPart, encode_message,
};

use super::receive::is_needed;
use super::{Core, Session};

/// Bytes of one wanted author in a turn part, at most.
const ASKED_BYTES: usize = 16;
/// Bytes of a turn part before its runs, at most.
const HEAD_BYTES: usize = 64;
/// Datagrams to one peer in one poll at most.
const BURST_DATAGRAMS: usize = 8;
/// Time between repetitions of what nobody answers, microseconds.
const REPEAT_US: u64 = 40_000;
/// How long a peer is not heard before we write to it less often, microseconds.
const QUIET_US: u64 = 3_000_000;
/// Time between datagrams to a quiet peer, microseconds.
const QUIET_EVERY_US: u64 = 100_000;

impl<I: Input> Core<I> {
    /// Sends what is due to every peer.
    pub(super) fn send(&mut self, now: Time) {
        self.drop_unneeded(now);
        let needs = self.needs(now);
        let fresh = std::mem::take(&mut self.fresh);
        if let (Some((relay, _)), Some(session)) = (&needs, &mut self.session) {
            session.divergence.note_asked(now, *relay);
        }
        if let Some(session) = &mut self.session {
            session.acknowledging(&self.key, self.life);
        }
        let me = self.session.as_ref().and_then(|s| s.life_of_key(&self.key, self.life));
        for (key, link) in &mut self.links {
            let sponsor = self.following.as_ref().is_some_and(|f| f.sponsor() == key);
            // Whoever only follows writes to nobody but its sponsor: others must not take it for the member it was.
            let follows = self.following.is_some() && me.is_none();
            let told = link.said.is_some() || !link.needs.is_empty();
            let member = told || needs_turns(&self.session, key);
            let wants_turns = self.session.is_some() && (sponsor || (member && !follows));
            let due = now >= link.send_at;
            let quiet = now.since(link.heard) > QUIET_US;
            if !(due || (fresh && wants_turns && !quiet) || !link.outbox.is_empty()) {
                continue;
            }
            let mut asked: &[(Player, Turn)] = &[];
            if let Some((relay, wanted)) = &needs
                && relay == key
            {
                asked = wanted;
            }
            let session = self.session.as_mut().filter(|_| wants_turns && (due || fresh));
            send_to(now, *key, link, session, me, asked, &mut self.effects);
            let turn_us = self.session.as_ref().map_or(50_000, |s| s.genesis.rules.turn_us());
            // The next entry goes out with its turn; this is for when there is none.
            let every = if quiet { QUIET_EVERY_US } else { (turn_us + turn_us / 4).max(10_000) };
            link.send_at = now.plus(every);
        }
    }

    /// Queues a message that nobody answers, now and twice more.
    pub(super) fn post_repeatedly(&mut self, now: Time, to: PeerKey, message: Message) {
        self.post_to(to, message.clone());
        self.repeated.push((now.plus(REPEAT_US), 2, to, message));
    }

    /// Says again what is to be said again.
    pub(super) fn repeat(&mut self, now: Time) {
        let due: Vec<_> = self.repeated.extract_if(.., |(at, ..)| now >= *at).collect();
        for (_, left, to, message) in due {
            self.post_to(to, message.clone());
            if left > 1 {
                self.repeated.push((now.plus(REPEAT_US), left - 1, to, message));
            }
        }
    }

    /// Which entries somebody else shall pass on to us, and who. A follower wants all; a member those of members that
    /// it has not heard for a while.
    fn needs(&mut self, now: Time) -> Option<(PeerKey, Vec<(Player, Turn)>)> {
        let session = self.session.as_ref()?;
        let roster = &session.front.roster;
        let joining = || roster.joining().map(|(m, _)| m).filter(|m| roster.member(m.player).is_none());
        let next = session.front.next;
        let first_missing = |life: Life| {
            let missing = session.ledger.missing(life);
            (life.0, missing.max(next))
        };
        if let Some(following) = &self.following {
            let all = roster.members.iter().chain(joining()).filter(|m| m.key != self.key || m.life != self.life);
            let all = all.map(|m| first_missing((m.player, m.incarnation))).take(RUNS_MAX).collect();
            return Some((*following.sponsor(), all));
        }
        if let Some((peer, lives)) = session.divergence.wanted() {
            return Some((peer, lives.iter().map(|life| first_missing(*life)).take(RUNS_MAX).collect()));
        }
        // An entry that is late although its author should have been heard by now.
        let patience_us = 4 * session.genesis.rules.turn_us().max(25_000);
        let silent = |key: &PeerKey| self.links.get(key).is_none_or(|l| now.since(l.heard) > patience_us);
        let stalled = session.waiting.as_ref().is_some_and(|w| now.since(w.since) > patience_us);
        let others = roster.members.iter().filter(|m| m.key != self.key);
        let wanted: Vec<_> = others
            .filter(|m| silent(&m.key) || (stalled && session.ledger.get((m.player, m.incarnation), next).is_none()))
            .map(|m| first_missing((m.player, m.incarnation)))
            .take(RUNS_MAX)
            .collect();
        if wanted.is_empty() {
            return None;
        }
        // Ask whoever is heard best; while it does not help, another one each quarter of a second.
        let heard = |key: &PeerKey| self.links.get(key).is_some_and(|l| now.since(l.heard) <= patience_us);
        let mut relays: Vec<&PeerKey> = roster.members.iter().map(|m| &m.key).filter(|key| heard(key)).collect();
        let rtt_us = |key: &PeerKey| self.links.get(key).map_or(u64::MAX, |l| l.rtt.smooth_us());
        relays.sort_by_key(|key| (session.divergence.distrust_of(key), rtt_us(key)));
        let stalled_us = session.waiting.as_ref().map_or(0, |w| now.since(w.since));
        let relay = **relays.get((stalled_us / 250_000) as usize % relays.len().max(1))?;
        Some((relay, wanted))
    }

    fn drop_unneeded(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        let sponsor = self.following.as_ref().map(super::following::Following::sponsor);
        let gone: Vec<PeerKey> = self
            .links
            .iter()
            .filter(|(key, link)| sponsor != Some(key) && !is_needed(session, key, link, now))
            .map(|(key, _)| *key)
            .collect();
        gone.into_iter().for_each(|key| self.drop_link(key));
    }
}

fn needs_turns<I: Input>(session: &Option<Session<I>>, key: &PeerKey) -> bool {
    let Some(session) = session else { return false };
    let roster = &session.front.roster;
    session.seats.has(key) || roster.joining().any(|(m, _)| m.key == *key)
}

/// Sends a turn part, if there is a session, and the messages that wait, in as few datagrams as they need.
fn send_to<I: Input>(
    now: Time,
    to: PeerKey,
    link: &mut Link,
    mut session: Option<&mut Session<I>>,
    me: Option<Life>,
    asked: &[(Player, Turn)],
    effects: &mut Vec<Effect<I>>,
) {
    let mut waiting: std::collections::VecDeque<Vec<u8>> =
        std::mem::take(&mut link.outbox).iter().map(encode_message).collect();
    let mut stuck = None;
    for round in 0..BURST_DATAGRAMS {
        let mut bytes = Vec::with_capacity(128);
        let mut more = false;
        if let Some(session) = session.as_deref_mut() {
            // The longest entry there can be fits into a datagram that asks for nothing.
            let asked = if round == 0 { asked } else { &[] };
            let room = DATAGRAM_BYTES_MAX - HEAD_BYTES - ASKED_BYTES * asked.len();
            // Nobody waits for whoever only follows: what gets lost on the way to it is repeated when it is missed.
            let repeats = round == 0 && session.seats.has(&to);
            let (runs, full) = runs_for(now, link, session, me, room, stuck, repeats);
            (more, stuck) = (full.is_some(), full);
            if round > 0 && runs.is_empty() && waiting.is_empty() {
                break;
            }
            turn_part(now, to, link, session, asked, runs).write(&mut bytes);
        } else {
            bytes.push(NO_TURN_PART);
        }
        while let Some(message) = waiting.front() {
            if bytes.len() + message.len() > DATAGRAM_BYTES_MAX {
                more = true;
                break;
            }
            bytes.extend_from_slice(message);
            waiting.pop_front();
        }
        if bytes.len() > 1 {
            effects.push(Effect::Send { to, bytes });
        }
        if !more {
            break;
        }
    }
}

fn turn_part<I: Input>(
    now: Time,
    to: PeerKey,
    link: &mut Link,
    session: &Session<I>,
    asked: &[(Player, Turn)],
    runs: Vec<Run>,
) -> TurnPart {
    let (number, echo) = link.stamp(now);
    let front = &session.front;
    let theirs = session.life_of(&to);
    let lacks =
        theirs.and_then(|life| session.ledger.author(life)).map_or((front.next, 0), |a| (a.missing(), a.mask()));
    let digest = session.digests.newest().filter(|(turn, _)| *turn < front.next);
    TurnPart {
        number,
        epoch: front.roster.epoch,
        next: front.next,
        chain: front.chain.short(),
        unconfirmed: front.next.0.saturating_sub(session.confirmed.0),
        incarnation: session.acknowledges,
        playhead: ((session.pace.playhead(now) - front.next.0 as f64) * 64.0) as i64,
        loss: link.arrivals.report(),
        echo,
        ack: (lacks.0.0.wrapping_sub(front.next.0) as i64, lacks.1),
        digest: digest.map(|(turn, digest)| (front.next.0 - turn.0, digest)),
        needs: asked.to_vec(),
        runs,
    }
}

/// The entries for one datagram: ours that the peer lacks, then what it wants passed on, `first` of all of the author
/// that the last datagram had no room for. Also whose entries did not fit.
fn runs_for<I: Input>(
    now: Time,
    link: &mut Link,
    session: &Session<I>,
    me: Option<Life>,
    mut room: usize,
    first: Option<Player>,
    repeats: bool,
) -> (Vec<Run>, Option<Player>) {
    let mut runs = Vec::new();
    let mut full = None;
    let mut needs = link.needs.clone();
    needs.sort_by_key(|(player, _)| Some(*player) != first);
    // What we wrote in an earlier life is passed on like another's.
    let others = |(player, from): &(Player, Turn)| session.ledger.life_at(*player, *from).map(|(life, _)| life) != me;
    let relays = needs.into_iter().filter(others);
    if first.is_some_and(|player| Some(player) != me.map(|life| life.0)) {
        for (player, from) in relays {
            let fits = relay(now, link, session, &mut runs, &mut room, (player, from), repeats);
            full = full.or((!fits).then_some(player));
        }
        return (runs, full);
    }
    if let Some(life) = me {
        let fits = own_entries(now, link, session, &mut runs, &mut room, life);
        full = (!fits).then_some(life.0);
    }
    for (player, from) in relays {
        let fits = relay(now, link, session, &mut runs, &mut room, (player, from), repeats);
        full = full.or((!fits).then_some(player));
    }
    (runs, full)
}

/// Adds our entries that are due; whether all of them fit.
fn own_entries<I: Input>(
    now: Time,
    link: &mut Link,
    session: &Session<I>,
    runs: &mut Vec<Run>,
    room: &mut usize,
    life: Life,
) -> bool {
    let Some(author) = session.ledger.author(life) else { return true };
    let first = Turn(author.end().0.saturating_sub(crate::protocol::ledger::AHEAD_TURNS_MAX));
    let mut sent = Vec::new();
    let mut fits = true;
    for turn in link.due_entries(now, first, author.end(), session.genesis.rules.turn_us()) {
        let Some(entry) = author.get(turn) else { continue };
        fits = push_entry(runs, room, life, turn, &entry.bytes);
        if !fits {
            break;
        }
        sent.push(turn);
    }
    link.note_sent(now, &sent);
    fits
}

/// Adds another author's entries that the peer needs and that are due; whether all of them fit.
fn relay<I: Input>(
    now: Time,
    link: &mut Link,
    session: &Session<I>,
    runs: &mut Vec<Run>,
    room: &mut usize,
    (player, from): (Player, Turn),
    repeats: bool,
) -> bool {
    let turn_us = session.genesis.rules.turn_us();
    let Some((life, author)) = session.ledger.life_at(player, from) else { return true };
    let Some(first) = link.due_relay(now, (player, from), author.end(), turn_us, repeats) else { return true };
    let (mut upto, mut fits) = (first, true);
    for turn in (first.0..author.end().0).map(Turn) {
        let Some(entry) = author.get(turn) else { continue };
        fits = push_entry(runs, room, life, turn, &entry.bytes);
        if !fits {
            break;
        }
        upto = turn.plus(1);
    }
    if upto > first {
        link.note_relayed(now, player, first, upto, fits);
    }
    fits
}

/// Adds an entry to the last run or a new one; `false` where there is no room.
fn push_entry(runs: &mut Vec<Run>, room: &mut usize, life: Life, turn: Turn, bytes: &Arc<[u8]>) -> bool {
    let follows = runs.last().is_some_and(|run| {
        let next = run.first.plus(run.entries.len() as u64);
        (run.player, run.incarnation) == life && next == turn && run.entries.len() < RUN_ENTRIES_MAX
    });
    let same = follows && runs.last().and_then(|run| run.entries.last()).is_some_and(|last| *last == **bytes);
    let cost = if follows { 0 } else { 18 } + if same { 1 } else { bytes.len() + 3 };
    if cost > *room || (!follows && runs.len() == RUNS_MAX) {
        return false;
    }
    *room -= cost;
    if !follows {
        runs.push(Run { player: life.0, incarnation: life.1, first: turn, entries: Entries::default() });
    }
    if let Some(run) = runs.last_mut() {
        run.entries.push(bytes);
    }
    true
}

/// Queues a message, unless the same one waits already.
pub(super) fn post(link: &mut Link, message: Message) {
    if !link.outbox.contains(&message) {
        link.outbox.push(message);
    }
}
