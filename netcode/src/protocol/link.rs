//! What is known of one other peer: when it was heard, how good the way to it is, what it has of our entries, and
//! which logs it has acknowledged.

use std::collections::{BTreeMap, VecDeque};

use super::ids::{Player, Time, Turn};
use super::loss::{Arrival, Arrivals, Redundancy, Rtt};
use super::series::Series;
use super::turn_part::{HELD_UNIT_US, TurnPart};
use super::wire::Message;

/// Datagrams whose echo may still come.
const ECHOES_MAX: usize = 256;
/// Datagrams in order with numbers that are too old, after which the peer is taken to count anew.
const RESTART_DATAGRAMS: u32 = 4;
/// Acknowledgements of turns that are not executed here yet.
const CLAIMS_MAX: usize = 1024;

/// What a peer said of its log: that before `next`, in `epoch`, it has this short chain hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// First turn that it has not executed.
    pub next: Turn,
    /// Epoch of that turn.
    pub epoch: u32,
    /// Short chain hash before it.
    pub chain: u64,
    /// First turn that it has not confirmed of that log.
    pub confirmed: Turn,
    /// For which of its incarnations this is an acknowledgement.
    pub incarnation: Option<u32>,
    /// A digest of that log: after which turn, and its value.
    pub digest: Option<(Turn, u64)>,
}

/// Entries of another author on their way to a peer.
#[derive(Clone, Copy, Debug)]
struct Relayed {
    /// Up to which turn.
    upto: Turn,
    since: Time,
    /// There was no room for all that is known.
    cut_short: bool,
}

/// One other peer.
#[derive(Clone, Debug)]
pub struct Link {
    /// When anything came from it.
    pub heard: Time,
    /// When it said last where its log is.
    pub told: Time,
    /// When the next datagram is due although there is nothing new.
    pub send_at: Time,
    /// Messages to send with the next datagrams.
    pub outbox: Vec<Message>,
    /// What the peer said of its log, newest datagram.
    pub said: Option<Claim>,
    /// Up to which turn the peer has told that our common log is confirmed.
    pub confirmed: Turn,
    /// First turn up to which its log is known to be ours.
    pub agreed: Turn,
    /// The same for what it said as a member, and in which incarnation: only this counts in a quorum. A process that was
    /// started again has promised nothing of what the one before it did. The newest incarnation, and the one before.
    acknowledged: [Option<(u32, Turn)>; 2],
    /// Acknowledgements that cannot be judged yet.
    pub claims: VecDeque<Claim>,
    /// Entries that it wants passed on.
    pub needs: Vec<(Player, Turn)>,
    /// Digests that it told of our common log, by turn.
    pub digests: Series,
    /// Up to which turn its digests are compared with ours.
    pub compared: Turn,
    /// Round-trip times.
    pub rtt: Rtt,
    /// How often each entry is sent.
    pub redundancy: Redundancy,
    /// Datagrams that came.
    pub arrivals: Arrivals,
    /// First of our entries that it lacks, and which later ones it has.
    acked: Option<(Turn, u32)>,
    /// Our entries on the way, in order: how often sent, when last.
    sent: VecDeque<(Turn, u32, Time)>,
    /// Others' entries on the way.
    relayed: BTreeMap<Player, Relayed>,
    number: u16,
    sent_at: VecDeque<(u16, Time)>,
    /// The last datagram whose number was too old, and how many in order that makes.
    too_old: Option<(u16, u32)>,
    echo: Option<(u16, Time)>,
}

impl TurnPart {
    /// What it says of its sender's log.
    pub fn claim(&self) -> Claim {
        let digest = self.digest.and_then(|(back, digest)| Some((Turn(self.next.0.checked_sub(back)?), digest)));
        let confirmed = Turn(self.next.0.saturating_sub(self.unconfirmed));
        let Self { next, epoch, chain, incarnation, .. } = *self;
        Claim { next, epoch, chain, confirmed, incarnation, digest }
    }
}

impl Link {
    /// A link on which nothing has happened.
    pub fn new(now: Time) -> Self {
        Self {
            heard: now,
            told: now,
            send_at: now,
            outbox: Vec::new(),
            said: None,
            confirmed: Turn(0),
            agreed: Turn(0),
            acknowledged: [None; 2],
            claims: VecDeque::new(),
            needs: Vec::new(),
            digests: Series::default(),
            compared: Turn(0),
            rtt: Rtt::default(),
            redundancy: Redundancy::default(),
            arrivals: Arrivals::default(),
            acked: None,
            sent: VecDeque::new(),
            relayed: BTreeMap::new(),
            number: 0,
            sent_at: VecDeque::new(),
            too_old: None,
            echo: None,
        }
    }

    /// The peer, which has not said anything of its log yet, is told everybody's entries from this turn on.
    pub fn tell_log(&mut self, first: Turn, players: impl Iterator<Item = Player>) {
        if self.said.is_none() {
            self.acked = Some((first, 0));
            self.needs = players.map(|player| (player, first)).collect();
        }
    }

    /// Takes the head of a turn part: numbers, times, acknowledgements. Returns whether it is the newest so far, and the
    /// round-trip time that it shows.
    pub fn on_turn(&mut self, now: Time, part: &TurnPart) -> (bool, Option<u64>) {
        let newest = self.is_newest(part.number);
        let rtt_us = part.echo.and_then(|(number, held)| {
            let sent = self.sent_at(number)?;
            Some(now.since(sent).saturating_sub(u64::from(held) * HELD_UNIT_US))
        });
        if let Some(sample) = rtt_us {
            self.rtt.observe(sample);
        }
        if !newest {
            return (false, rtt_us);
        }
        self.redundancy.observe(now, part.loss);
        self.echo = Some((part.number, now));
        self.said = Some(part.claim());
        self.told = now;
        for (player, from) in &part.needs {
            let before = self.needs.iter().find(|(other, _)| other == player);
            // It has got more: what is on its way is not overdue yet.
            if before.is_some_and(|(_, before)| from > before) {
                self.relayed.entry(*player).and_modify(|relayed| relayed.since = now);
            }
        }
        self.needs.clone_from(&part.needs);
        if let Some(first) = part.next.0.checked_add_signed(part.ack.0) {
            self.acked = Some((Turn(first), part.ack.1));
            while self.sent.pop_front_if(|(turn, ..)| turn.0 < first).is_some() {}
        }
        (true, rtt_us)
    }

    /// When the datagram with this number was sent, if it is one of the last. They are numbered without a gap.
    fn sent_at(&self, number: u16) -> Option<Time> {
        let (last, _) = self.sent_at.back()?;
        let back = usize::from(last.wrapping_sub(number));
        let at = self.sent_at.len().checked_sub(back + 1)?;
        self.sent_at.get(at).map(|(_, sent)| *sent)
    }

    /// Whether a datagram is the newest so far. A peer that forgot the link counts from 0 again: several that are all
    /// too old, and come in order, are the beginning of that.
    fn is_newest(&mut self, number: u16) -> bool {
        let arrival = self.arrivals.observe(number);
        if arrival != Arrival::Repeated {
            self.too_old = None;
            return arrival == Arrival::Newest;
        }
        let before = self.too_old.filter(|(last, _)| (1..16).contains(&number.wrapping_sub(*last)));
        let count = before.map_or(1, |(_, count)| count + 1);
        self.too_old = Some((number, count));
        if count < RESTART_DATAGRAMS {
            return false;
        }
        (self.arrivals, self.too_old) = (Arrivals::default(), None);
        self.arrivals.observe(number) == Arrival::Newest
    }

    /// An acknowledgement turned out to be of our log.
    pub fn agree(&mut self, next: Turn, confirmed: Turn) {
        self.agreed = self.agreed.max(next);
        self.confirmed = self.confirmed.max(confirmed);
    }

    /// A member, in this incarnation, acknowledged our log.
    pub fn acknowledge(&mut self, incarnation: u32, next: Turn) {
        let known = self.acknowledged.iter_mut().flatten().find(|(other, _)| *other == incarnation);
        match known {
            Some((_, before)) => *before = next.max(*before),
            None => self.acknowledged = [Some((incarnation, next)), self.acknowledged[0]],
        }
    }

    /// First turn that the peer has not acknowledged as a member in this incarnation.
    pub fn acknowledged_in(&self, incarnation: u32) -> Turn {
        let known = self.acknowledged.iter().flatten().find(|(other, _)| *other == incarnation);
        known.map_or(Turn(0), |(_, next)| *next)
    }

    /// Remembers an acknowledgement until its turn is executed here.
    pub fn claim(&mut self, claim: Claim) {
        if self.claims.back().is_none_or(|last| last.next < claim.next) {
            self.claims.push_back(claim);
        }
        if self.claims.len() > CLAIMS_MAX {
            self.claims.pop_front();
        }
    }

    /// The number of the datagram that is sent now, and the echo that rides in it.
    pub fn stamp(&mut self, now: Time) -> (u16, Option<(u16, u16)>) {
        let number = self.number;
        self.number = number.wrapping_add(1);
        self.sent_at.push_back((number, now));
        if self.sent_at.len() > ECHOES_MAX {
            self.sent_at.pop_front();
        }
        let echo =
            self.echo.map(|(number, at)| (number, (now.since(at) / HELD_UNIT_US).min(u64::from(u16::MAX)) as u16));
        (number, echo)
    }

    /// Which of our entries, of those in `first..end`, shall be in the datagram that is sent now.
    pub fn due_entries(&self, now: Time, first: Turn, end: Turn, turn_us: u64) -> Vec<Turn> {
        let count = u64::from(self.redundancy.count());
        let (lacks, mask) = self.acked.unwrap_or((Turn(end.0.saturating_sub(count)), 0));
        let patience_us = if self.rtt.is_known() { self.rtt.overdue_us(turn_us) } else { 250_000 };
        let has = |turn: u64| {
            let behind = turn - lacks.0;
            (1..=32).contains(&behind) && mask >> (behind - 1) & 1 == 1
        };
        let from = lacks.max(first).0;
        (from..end.0)
            .filter(|turn| !has(*turn))
            .map(Turn)
            .filter(|turn| match self.place_of(*turn) {
                Ok(at) => {
                    let (_, times, last) = self.sent[at];
                    u64::from(times) < count || now.since(last) >= patience_us
                }
                Err(_) => true,
            })
            .collect()
    }

    /// Notes that these entries of ours are in a datagram sent now.
    pub fn note_sent(&mut self, now: Time, turns: &[Turn]) {
        for turn in turns {
            match self.place_of(*turn) {
                Ok(at) => (self.sent[at].1, self.sent[at].2) = (self.sent[at].1 + 1, now),
                Err(at) => self.sent.insert(at, (*turn, 1, now)),
            }
        }
    }

    /// Where an entry of ours is among those on the way, or would be.
    fn place_of(&self, turn: Turn) -> Result<usize, usize> {
        self.sent.binary_search_by_key(&turn, |(turn, ..)| *turn)
    }

    /// From which turn on a relayed author's entries shall be in the datagram that is sent now, when `from` is needed
    /// and entries before `end` are here. `repeats`: what was sent last goes again, as the link's losses ask for.
    pub fn due_relay(
        &mut self,
        now: Time,
        (player, from): (Player, Turn),
        end: Turn,
        turn_us: u64,
        repeats: bool,
    ) -> Option<Turn> {
        let patience_us = if self.rtt.is_known() { self.rtt.overdue_us(turn_us) } else { 250_000 };
        let overlap = if repeats { u64::from(self.redundancy.count()).saturating_sub(1) } else { 0 };
        let first = match self.relayed.get(&player) {
            Some(sent) if sent.upto > from && now.since(sent.since) < patience_us => {
                // What had no room goes first: long entries that are repeated would leave none again.
                let overlap = if sent.cut_short { 0 } else { overlap };
                Turn(sent.upto.0.saturating_sub(overlap)).max(from)
            }
            _ => from,
        };
        (first < end).then_some(first)
    }

    /// Notes up to where a relayed author's entries are in a datagram sent now, and whether there was room for all.
    pub fn note_relayed(&mut self, now: Time, player: Player, from: Turn, upto: Turn, fits: bool) {
        let entry = self.relayed.entry(player).or_insert(Relayed { upto, since: now, cut_short: !fits });
        // The wait for an acknowledgement begins anew when it is repeated from what the peer lacks.
        if from == self.needs.iter().find(|(p, _)| *p == player).map_or(from, |(_, from)| *from) {
            entry.since = now;
        }
        (entry.upto, entry.cut_short) = (upto, !fits);
    }

    /// What was agreed beyond `next` is not any more: the log was rolled back to there.
    pub fn roll_back(&mut self, next: Turn) {
        self.agreed = self.agreed.min(next);
        self.acknowledged.iter_mut().flatten().for_each(|(_, turn)| *turn = next.min(*turn));
        self.digests.drop_from(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long entries fill a datagram each: repeating them with the next one would keep all that follow them back.
    #[test]
    fn entries_that_had_no_room_are_passed_on_before_any_is_repeated() {
        let (now, player) = (Time(1_000_000), Player(1));
        let mut link = Link::new(now);
        link.needs = vec![(player, Turn(10))];
        let due = |link: &mut Link| link.due_relay(now, (player, Turn(10)), Turn(20), 33_333, true);
        for turn in 10..20 {
            assert_eq!(due(&mut link), Some(Turn(turn)));
            link.note_relayed(now, player, Turn(turn), Turn(turn + 1), turn == 19);
        }
        let overlap = u64::from(link.redundancy.count()) - 1;
        assert!(overlap > 0);
        assert_eq!(due(&mut link), Some(Turn(20 - overlap)), "all is on its way, the last of it is repeated");
        assert_eq!(
            link.due_relay(now, (player, Turn(10)), Turn(20), 33_333, false),
            None,
            "and not where nobody waits"
        );
    }
}
