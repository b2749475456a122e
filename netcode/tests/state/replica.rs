//! The replica between a core and a world: order, roll-back with and without a kept state, states of earlier turns.

use std::collections::BTreeMap;
use std::sync::Arc;

use netcode::protocol::{Effect, Frame, Hash, PeerKey, Player, Turn};
use netcode::replica::{Answer, Comparison, Host, Replica, ReplicaError};
use netcode::world::{Difference, World};

/// A hash over the log; keeps every `stride`th state only, and the latest `room` of these.
#[derive(Default)]
struct Toy {
    state: u64,
    stride: u64,
    room: usize,
    kept: BTreeMap<Option<Turn>, u64>,
    /// Added to the state when a turn is executed for the second time.
    flaw: u64,
    seen: BTreeMap<Turn, u64>,
}

fn number(bytes: &[u8]) -> Result<u64, String> {
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| "not eight bytes".to_owned())
}

impl World for Toy {
    type Input = Vec<u8>;

    fn execute(&mut self, frame: &Frame<Vec<u8>>) -> u64 {
        for (player, input) in &frame.inputs {
            for byte in input {
                self.state = self.state.wrapping_mul(31).wrapping_add(u64::from(player.0) << 8 | u64::from(*byte));
            }
        }
        let times = self.seen.entry(frame.turn).or_default();
        *times += 1;
        if *times > 1 {
            self.state = self.state.wrapping_add(self.flaw);
        }
        self.state
    }

    fn keep(&mut self, turn: Option<Turn>) {
        if turn.is_none_or(|turn| turn.0.is_multiple_of(self.stride)) {
            self.kept.insert(turn, self.state);
            if self.kept.len() > self.room {
                self.kept.pop_first();
            }
        }
    }

    fn roll_back(&mut self, turn: Option<Turn>) -> bool {
        let Some(state) = self.kept.get(&turn) else { return false };
        self.state = *state;
        self.kept.retain(|kept, _| *kept <= turn);
        true
    }

    fn snapshot(&self) -> Vec<u8> {
        self.state.to_le_bytes().to_vec()
    }

    fn install(&mut self, _scenario: &[u8], snapshot: &[u8]) -> Result<(), String> {
        self.state = if snapshot.is_empty() { 1 } else { number(snapshot)? };
        Ok(())
    }

    fn first_difference(&self, other: &[u8]) -> Result<Option<Difference>, String> {
        let theirs = number(other)?;
        let (ours, theirs_said) = (self.state.to_string(), theirs.to_string());
        let (component, field) = ("state".to_owned(), "state".to_owned());
        let difference = Difference { component, entity: None, field, ours, theirs: theirs_said };
        Ok((theirs != self.state).then_some(difference))
    }
}

#[derive(Default)]
struct Notes {
    sent: usize,
    executed: Vec<u64>,
    confirmed: Vec<u64>,
    rolled_back: Vec<Option<Turn>>,
    compared: Vec<Comparison>,
    unsteady: usize,
    unavailable: usize,
    clock: u64,
}

impl Host<Toy> for Notes {
    fn clock_us(&mut self) -> u64 {
        self.clock += 5;
        self.clock
    }

    fn send(&mut self, _to: PeerKey, _bytes: Vec<u8>) {
        self.sent += 1;
    }

    fn executed(&mut self, frame: &Frame<Vec<u8>>, _digest: u64, _world: &Toy) {
        self.executed.push(frame.turn.0);
    }

    fn rolled_back(&mut self, to: Option<Turn>, _world: &Toy) {
        self.rolled_back.push(to);
    }

    fn confirmed(&mut self, frame: &Frame<Vec<u8>>, _world: &mut Toy) {
        self.confirmed.push(frame.turn.0);
    }

    fn compared(&mut self, comparison: Comparison, _world: &Toy) {
        self.compared.push(comparison);
    }

    fn unavailable(&mut self, _turn: Turn) {
        self.unavailable += 1;
    }

    fn unsteady(&mut self, _turn: Turn, _first: u64, _again: u64) {
        self.unsteady += 1;
    }
}

fn frame(turn: u64, byte: u8) -> Arc<Frame<Vec<u8>>> {
    let inputs = vec![(Player(1), vec![byte]), (Player(2), vec![byte ^ 1])];
    Arc::new(Frame { turn: Turn(turn), changes: Vec::new(), inputs, chain: Hash::default() })
}

fn install(turn: Option<Turn>, snapshot: Vec<u8>) -> Effect<Vec<u8>> {
    Effect::Install { turn, scenario: Arc::default(), snapshot: Arc::new(snapshot) }
}

fn confirm(turn: u64) -> Effect<Vec<u8>> {
    Effect::Confirm { turn: Turn(turn), chain: Hash::default() }
}

fn toy(stride: u64, room: usize) -> Toy {
    Toy { stride, room, ..Toy::default() }
}

/// A replica with turns 0 to 9 executed.
fn ten(stride: u64, room: usize) -> (Replica<Toy>, Notes, Vec<u64>) {
    let (mut replica, mut notes) = (Replica::new(toy(stride, room)), Notes::default());
    replica.apply(install(None, Vec::new()), &mut notes).unwrap();
    let mut digests = Vec::new();
    for turn in 0..10 {
        match replica.apply(Effect::Execute(frame(turn, turn as u8)), &mut notes).unwrap() {
            Some(Answer::Executed { turn: done, digest, took_us }) => {
                assert_eq!((done, took_us), (Turn(turn), 5));
                digests.push(digest);
            }
            other => panic!("{other:?}"),
        }
    }
    (replica, notes, digests)
}

#[test]
fn frames_come_one_after_the_other() {
    let (mut replica, mut notes, _) = ten(1, 100);
    let wrong = replica.apply(Effect::Execute(frame(11, 0)), &mut notes);
    assert_eq!(wrong, Err(ReplicaError::OutOfOrder { found: Turn(11), expected: Turn(10) }));
    let again = replica.apply(Effect::Execute(frame(9, 0)), &mut notes);
    assert!(matches!(again, Err(ReplicaError::OutOfOrder { .. })));
    assert_eq!(replica.executed(), Some(Turn(9)));
    assert_eq!(notes.executed, (0..10).collect::<Vec<_>>());
}

#[test]
fn confirmed_turns_are_told_once_and_in_order() {
    let (mut replica, mut notes, _) = ten(1, 100);
    for turn in [2, 2, 5, 4, 9] {
        replica.apply(confirm(turn), &mut notes).unwrap();
    }
    assert_eq!(notes.confirmed, (0..10).collect::<Vec<_>>());
    assert_eq!(replica.unconfirmed().count(), 0);
    assert_eq!(replica.confirmed(), Some(Turn(9)));
}

#[test]
fn rolling_back_gives_the_same_state_however_few_are_kept() {
    for (stride, room) in [(1, 100), (1, 3), (4, 100), (7, 2), (1000, 1000)] {
        let (mut replica, mut notes, digests) = ten(stride, room);
        replica.apply(confirm(7), &mut notes).unwrap();
        replica.apply(Effect::RollBack { to: Some(Turn(8)) }, &mut notes).unwrap();
        assert_eq!(replica.world().state, digests[8], "stride {stride}, room {room}");
        assert_eq!(replica.executed(), Some(Turn(8)));
        assert_eq!(notes.rolled_back, [Some(Turn(8))]);
        replica.apply(Effect::Execute(frame(9, 99)), &mut notes).unwrap();
        assert_ne!(replica.world().state, digests[9]);
        replica.apply(confirm(9), &mut notes).unwrap();
        assert_eq!(notes.confirmed, (0..10).collect::<Vec<_>>(), "none is told twice");
        assert_eq!(notes.unsteady, 0);
    }
}

#[test]
fn back_to_before_the_first_turn() {
    let (mut replica, mut notes, digests) = ten(1, 100);
    replica.apply(Effect::RollBack { to: None }, &mut notes).unwrap();
    assert_eq!((replica.executed(), replica.world().state), (None, 1));
    replica.apply(Effect::Execute(frame(0, 0)), &mut notes).unwrap();
    assert_eq!(replica.world().state, digests[0]);
}

#[test]
fn a_state_that_is_gone_is_an_error_and_not_a_guess() {
    let (mut replica, mut notes) = (Replica::new(toy(1, 1)), Notes::default());
    replica.apply(install(Some(Turn(4)), 7_u64.to_le_bytes().to_vec()), &mut notes).unwrap();
    for turn in 5..8 {
        replica.apply(Effect::Execute(frame(turn, 1)), &mut notes).unwrap();
    }
    let lost = replica.apply(Effect::RollBack { to: Some(Turn(5)) }, &mut notes);
    assert_eq!(lost, Err(ReplicaError::Lost { turn: Some(Turn(5)) }));
    // Not to have a state for someone else is no reason to end.
    for turn in [5, 50] {
        assert_eq!(replica.apply(Effect::SnapshotWanted { turn: Turn(turn) }, &mut notes), Ok(None));
        let snapshot = Arc::default();
        let compare = Effect::Compare { with: Player(2), turn: Turn(turn), snapshot };
        assert_eq!(replica.apply(compare, &mut notes), Ok(None));
    }
    assert_eq!((notes.unavailable, notes.compared.len(), replica.executed()), (4, 0, Some(Turn(7))));
    let bad = replica.apply(install(None, vec![1, 2]), &mut notes);
    assert_eq!(bad, Err(ReplicaError::Install { reason: "not eight bytes".into() }));
}

#[test]
fn an_earlier_state_is_shown_and_the_present_one_stays() {
    for stride in [1, 4] {
        let (mut replica, mut notes, digests) = ten(stride, 100);
        let now = replica.world().state;
        let answer = replica.apply(Effect::SnapshotWanted { turn: Turn(6) }, &mut notes).unwrap();
        let bytes = Arc::new(digests[6].to_le_bytes().to_vec());
        assert_eq!(answer, Some(Answer::Snapshot { turn: Turn(6), bytes: Arc::clone(&bytes) }));
        assert_eq!((replica.world().state, replica.executed()), (now, Some(Turn(9))));
        let compare = Effect::Compare { with: Player(2), turn: Turn(6), snapshot: bytes };
        assert_eq!(replica.apply(compare, &mut notes), Ok(None));
        let theirs = Arc::new(5_u64.to_le_bytes().to_vec());
        let compare = Effect::Compare { with: Player(2), turn: Turn(3), snapshot: theirs };
        assert_eq!(replica.apply(compare, &mut notes), Ok(None));
        assert_eq!(notes.compared[0].difference, Ok(None));
        let difference = notes.compared[1].difference.clone().unwrap().expect("they differ");
        assert_eq!((difference.ours, difference.theirs), (digests[3].to_string(), "5".to_owned()));
        assert_eq!((replica.world().state, replica.unconfirmed().count()), (now, 10));
        replica.apply(Effect::RollBack { to: Some(Turn(8)) }, &mut notes).unwrap();
        assert_eq!(replica.world().state, digests[8], "and it can still be rolled back");
    }
}

#[test]
fn a_world_that_is_not_deterministic_is_noticed() {
    let (mut replica, mut notes, _) = ten(4, 100);
    replica.world_mut().flaw = 1;
    replica.apply(Effect::RollBack { to: Some(Turn(6)) }, &mut notes).unwrap();
    assert_eq!(notes.unsteady, 2, "turns 5 and 6 were executed again");
}

#[test]
fn sending_is_the_hosts() {
    let (mut replica, mut notes, _) = ten(1, 100);
    replica.apply(Effect::Send { to: PeerKey([1; 32]), bytes: vec![1] }, &mut notes).unwrap();
    assert_eq!(notes.sent, 1);
}
