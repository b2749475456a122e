//! One instance of single-decree Paxos: how an epoch ends when a member has fallen silent. Knows ballots and values;
//! what a member has executed and holds is told to it. `docs/NETCODE.md` has the proof.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::effect::Departure;
use super::evidence::Proof;
use super::ids::{Hash, Player, Time, Turn};
use super::roster::Roster;

/// Highest ballot that another one is led above.
const BALLOT_MAX: u32 = 1 << 30;

/// Most proofs in one cut, which travels in one datagram: who else is convicted goes with the next one.
const PROOFS_MAX: usize = 3;

/// How an epoch ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// First turn of the next epoch.
    pub next: Turn,
    /// Chain hash before that turn.
    pub chain: Hash,
    /// Who is no member of it, by player id.
    pub removed: Vec<(Player, Departure)>,
    /// Why those were removed that are removed as exposed.
    pub proofs: Vec<Proof>,
}

/// A member's answer to a ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// First turn it has not executed in the epoch.
    pub next: Turn,
    /// Chain hash before that turn.
    pub chain: Hash,
    /// Whether the log itself ends the epoch there.
    pub ends: bool,
    /// What it accepted in the highest ballot so far.
    pub accepted: Option<(u32, Cut)>,
}

/// The ballot that this member leads.
#[derive(Clone, Debug)]
pub struct Leading {
    /// Its number.
    pub ballot: u32,
    /// When it began.
    pub since: Time,
    promises: BTreeMap<Player, Promise>,
    quorum_at: Option<Time>,
    /// What it proposes, once chosen.
    pub value: Option<Cut>,
    accepts: BTreeSet<Player>,
}

/// The instance of one epoch at one member.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Which epoch it ends.
    pub epoch: u32,
    /// Highest ballot promised; 0: none, the member is not sealed.
    pub promised: u32,
    /// What was accepted in the highest ballot.
    pub accepted: Option<(u32, Cut)>,
    /// What should be accepted as soon as its entries are here.
    pub wanted: Option<(u32, Cut)>,
    /// The ballot led from here.
    pub leading: Option<Leading>,
    /// Highest ballot heard of.
    highest: u32,
    /// When a ballot was last begun or heard of.
    pub active_at: Time,
    /// Ballots begun here.
    pub attempts: u32,
}

/// What to answer to a ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This ballot is promised, or its value accepted.
    Yes,
    /// A higher one was promised.
    Overtaken(u32),
}

impl Instance {
    /// An instance in which nothing has happened.
    pub fn new(epoch: u32, now: Time) -> Self {
        Self {
            epoch,
            promised: 0,
            accepted: None,
            wanted: None,
            leading: None,
            highest: 0,
            active_at: now,
            attempts: 0,
        }
    }

    /// Whether this member executes and acknowledges nothing more in the epoch.
    pub fn is_sealed(&self) -> bool {
        self.promised > 0
    }

    /// A ballot is heard, in either phase: it is promised, unless a higher one was. In the second phase a promise means
    /// that its value may be accepted.
    pub fn promise(&mut self, now: Time, ballot: u32) -> Answer {
        self.hear_of(ballot);
        if ballot < self.promised {
            return Answer::Overtaken(self.promised);
        }
        self.active_at = now;
        self.promised = ballot;
        // What a lower ballot wanted and could not be accepted yet must not be accepted any more.
        self.wanted.take_if(|(wanted, _)| *wanted < ballot);
        Answer::Yes
    }

    /// Accepts a value in the ballot that was last promised.
    pub fn accept(&mut self, ballot: u32, cut: Cut) {
        debug_assert!(ballot >= self.promised, "a promise was broken");
        self.wanted = None;
        self.accepted = Some((ballot, cut));
    }

    /// A number that no honest member comes to in a session's life must not use up all that there are.
    fn hear_of(&mut self, ballot: u32) {
        self.highest = self.highest.max(ballot.min(BALLOT_MAX));
    }

    /// A lower ballot of ours has no chance.
    pub fn on_overtaken(&mut self, ballot: u32) {
        self.hear_of(ballot);
        if self.leading.as_ref().is_some_and(|leading| leading.ballot < ballot) {
            self.leading = None;
        }
    }

    /// Begins a ballot that belongs to the member at `index` of `count`, above all heard of.
    pub fn lead(&mut self, now: Time, index: usize, count: usize) -> u32 {
        let count = count.max(1) as u32;
        let index = index as u32 % count;
        let ballot = (self.highest / count + 1).saturating_mul(count).saturating_add(index);
        self.highest = ballot;
        self.active_at = now;
        self.attempts += 1;
        self.leading = Some(Leading {
            ballot,
            since: now,
            promises: BTreeMap::new(),
            quorum_at: None,
            value: None,
            accepts: BTreeSet::new(),
        });
        ballot
    }

    /// A promise for a ballot led here.
    pub fn on_promise(&mut self, from: Player, ballot: u32, promise: Promise) {
        if let Some(leading) = self.leading.as_mut().filter(|l| l.ballot == ballot && l.value.is_none()) {
            leading.promises.insert(from, promise);
        }
    }

    /// Chooses the value once a quorum has promised and the rest has had `grace_us` to do so. Returns what to propose.
    pub fn choose(
        &mut self,
        now: Time,
        roster: &Roster,
        grace_us: u64,
        convicted: &BTreeMap<Player, Proof>,
    ) -> Option<(u32, Cut)> {
        let leading = self.leading.as_mut().filter(|l| l.value.is_none())?;
        if !roster.is_quorum(|player| leading.promises.contains_key(&player)) {
            return None;
        }
        let quorum_at = *leading.quorum_at.get_or_insert(now);
        let all = roster.members.iter().all(|m| leading.promises.contains_key(&m.player));
        if !all && now.since(quorum_at) < grace_us {
            return None;
        }
        let accepted = leading.promises.values().filter_map(|p| p.accepted.as_ref()).max_by_key(|(ballot, _)| *ballot);
        let cut = match accepted {
            Some((_, cut)) => cut.clone(),
            None => fresh_cut(&leading.promises, roster, convicted)?,
        };
        leading.value = Some(cut.clone());
        Some((leading.ballot, cut))
    }

    /// An acceptance of a ballot led here; the value, once a quorum has accepted it.
    pub fn on_accepted(&mut self, from: Player, ballot: u32, roster: &Roster) -> Option<Cut> {
        let leading = self.leading.as_mut().filter(|l| l.ballot == ballot)?;
        let value = leading.value.as_ref()?;
        leading.accepts.insert(from);
        roster.is_quorum(|player| leading.accepts.contains(&player)).then(|| value.clone())
    }

    /// Who has not answered the ballot led here in its present phase.
    pub fn unanswered<'a>(&'a self, roster: &'a Roster) -> impl Iterator<Item = Player> + 'a {
        let leading = self.leading.as_ref();
        roster.members.iter().map(|m| m.player).filter(move |player| {
            leading.is_some_and(|l| match l.value {
                None => !l.promises.contains_key(player),
                Some(_) => !l.accepts.contains(player),
            })
        })
    }
}

/// The cut after the longest log that any of these has executed. Where chains differ, which takes a liar, the
/// log that most of them have counts, and of equals the one of the lowest player.
fn fresh_cut(
    promises: &BTreeMap<Player, Promise>,
    roster: &Roster,
    convicted: &BTreeMap<Player, Proof>,
) -> Option<Cut> {
    let longest = promises.values().map(|p| p.next).max()?;
    let of_longest = |chain: &Hash| promises.values().filter(|p| p.next == longest && p.chain == *chain).count();
    let chain = promises
        .values()
        .filter(|p| p.next == longest)
        .map(|p| p.chain)
        .reduce(|best, other| if of_longest(&other) > of_longest(&best) { other } else { best })?;
    let mut cut = Cut { next: longest, chain, removed: Vec::new(), proofs: Vec::new() };
    // An epoch that the log has ended loses nobody by the cut: the next epoch's instance does that.
    if promises.values().any(|p| p.ends && p.next == longest && p.chain == chain) {
        return Some(cut);
    }
    for member in &roster.members {
        if let Some(proof) = convicted.get(&member.player).filter(|_| cut.proofs.len() < PROOFS_MAX) {
            cut.removed.push((member.player, Departure::Exposed));
            cut.proofs.push(proof.clone());
        } else if !promises.contains_key(&member.player) {
            cut.removed.push((member.player, Departure::Silent));
        }
    }
    Some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::roster::tests::roster_of;

    fn promise(next: u64) -> Promise {
        Promise { next: Turn(next), chain: Hash([next as u8; 32]), ends: false, accepted: None }
    }

    fn chosen(instance: &mut Instance, roster: &Roster) -> Option<Cut> {
        instance.choose(Time(1_000_000), roster, 0, &BTreeMap::new()).map(|(_, cut)| cut)
    }

    #[test]
    fn the_longest_log_of_a_quorum_is_kept_and_the_silent_go() {
        let roster = roster_of(5);
        let mut instance = Instance::new(0, Time(0));
        let ballot = instance.lead(Time(0), 0, 5);
        instance.on_promise(Player(1), ballot, promise(10));
        instance.on_promise(Player(2), ballot, promise(12));
        assert_eq!(chosen(&mut instance, &roster), None, "two of five are no quorum");
        instance.on_promise(Player(4), ballot, promise(11));
        let cut = chosen(&mut instance, &roster).expect("three of five are");
        assert_eq!((cut.next, cut.chain), (Turn(12), Hash([12; 32])));
        assert_eq!(cut.removed, [(Player(3), Departure::Silent), (Player(5), Departure::Silent)]);
    }

    #[test]
    fn an_accepted_cut_is_proposed_again() {
        let roster = roster_of(3);
        let old = Cut { next: Turn(7), chain: Hash([1; 32]), removed: vec![], proofs: vec![] };
        let mut instance = Instance::new(0, Time(0));
        let ballot = instance.lead(Time(0), 1, 3);
        instance.on_promise(Player(2), ballot, promise(9));
        instance.on_promise(Player(3), ballot, Promise { accepted: Some((1, old.clone())), ..promise(7) });
        assert_eq!(chosen(&mut instance, &roster), Some(old));
    }

    #[test]
    fn what_waits_to_be_accepted_is_void_once_a_higher_ballot_is_promised() {
        let cut = Cut { next: Turn(7), chain: Hash([1; 32]), removed: vec![], proofs: vec![] };
        let mut instance = Instance::new(0, Time(0));
        assert_eq!(instance.promise(Time(0), 3), Answer::Yes);
        instance.wanted = Some((3, cut));
        assert_eq!(instance.promise(Time(1), 3), Answer::Yes);
        assert!(instance.wanted.is_some(), "the same ballot again changes nothing");
        assert_eq!(instance.promise(Time(2), 2), Answer::Overtaken(3));
        assert!(instance.wanted.is_some());
        assert_eq!(instance.promise(Time(3), 4), Answer::Yes);
        assert_eq!(instance.wanted, None);
    }

    #[test]
    fn a_cut_where_the_log_ends_the_epoch_removes_nobody() {
        let roster = roster_of(3);
        let mut instance = Instance::new(0, Time(0));
        let ballot = instance.lead(Time(0), 0, 3);
        instance.on_promise(Player(1), ballot, Promise { ends: true, ..promise(40) });
        instance.on_promise(Player(2), ballot, promise(33));
        assert_eq!(chosen(&mut instance, &roster).map(|cut| cut.removed), Some(vec![]));
    }

    #[test]
    fn lower_ballots_are_overtaken_and_later_ones_are_higher() {
        let mut instance = Instance::new(0, Time(0));
        assert_eq!(instance.promise(Time(0), 9), Answer::Yes);
        assert_eq!(instance.promise(Time(1), 8), Answer::Overtaken(9));
        assert_eq!(instance.promise(Time(1), 9), Answer::Yes);
        assert!(instance.is_sealed());
        let ballot = instance.lead(Time(2), 2, 4);
        assert!(ballot > 9 && ballot % 4 == 2, "{ballot}");
    }

    #[test]
    fn half_of_the_members_need_the_lowest() {
        let roster = roster_of(4);
        let quorum = |players: &[u32]| roster.is_quorum(|p| players.contains(&p.0));
        assert!(quorum(&[1, 3]) && quorum(&[2, 3, 4]));
        assert!(!quorum(&[2, 3]) && !quorum(&[1]));
    }

    #[test]
    fn a_value_is_decided_by_a_quorum_of_acceptances() {
        let roster = roster_of(3);
        let mut instance = Instance::new(0, Time(0));
        let ballot = instance.lead(Time(0), 0, 3);
        instance.on_promise(Player(1), ballot, promise(3));
        instance.on_promise(Player(2), ballot, promise(3));
        let cut = chosen(&mut instance, &roster).expect("a quorum");
        assert_eq!(instance.on_accepted(Player(1), ballot, &roster), None);
        assert_eq!(instance.on_accepted(Player(1), ballot, &roster), None, "once only");
        assert_eq!(instance.on_accepted(Player(3), ballot, &roster), Some(cut));
    }
}
