//! Members that lie: one that tells different peers different things, and one that forges what it passes on.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::table::{self, Link, Table};
use netcode::protocol::evidence::Head;
use netcode::protocol::wire::{Datagram, Message};
use netcode::protocol::{Change, Departure, Event, Hash, Player, Turn};

const LINK: Link = Link { delay_us: 30_000, jitter_us: 5_000, loss: 0.02 };

/// What is told to some in place of the truth.
const LIE: [u8; 3] = [2, 66, 66];

/// Tells another story from one turn on: entries and, if it signs them, heads.
struct Liar {
    seat: usize,
    from: Turn,
    until: Turn,
    signs: bool,
    told: BTreeMap<Turn, Arc<[u8]>>,
}

impl Liar {
    fn new(seat: usize, turns: std::ops::Range<u64>, signs: bool) -> Self {
        Self { seat, from: Turn(turns.start), until: Turn(turns.end), signs, told: BTreeMap::new() }
    }

    fn player(&self) -> Player {
        Player(self.seat as u32 + 1)
    }

    /// The author chain of the other story.
    fn chain(&self, turn: Turn) -> Hash {
        (0..=turn.0).fold(Hash::default(), |before, t| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&before.0).update(&t.to_le_bytes()).update(&self.told[&Turn(t)]);
            Hash(hasher.finalize().into())
        })
    }

    fn bend(&mut self, datagram: &mut Datagram) {
        let player = self.player();
        for run in datagram.turn.iter_mut().flat_map(|part| &mut part.runs).filter(|run| run.player == player) {
            let lies = |turn: &Turn| (self.from..self.until).contains(turn);
            let first = run.first;
            let told = (first.0..).map(Turn).zip(run.entries.iter());
            let told: Vec<(Turn, Arc<[u8]>)> =
                told.map(|(turn, entry)| (turn, if lies(&turn) { LIE.as_slice() } else { entry }.into())).collect();
            run.entries = told.iter().map(|(_, entry)| &entry[..]).collect();
            self.told.extend(told);
        }
        for message in &mut datagram.messages {
            if let Message::Head(signed) = message
                && self.signs
                && signed.head.player == player
                && signed.head.turn >= self.from
            {
                let chain = self.chain(signed.head.turn);
                *message = Message::Head(Head { chain, ..signed.head }.sign(&table::config(self.seat).identity));
            }
        }
    }
}

fn exposures(table: &Table, seat: usize) -> usize {
    let exposed = |event: &&Event| match event {
        Event::Exposed { proof } => {
            let culprit = proof.a.head.player.0 as usize - 1;
            assert!(proof.convicts(&table::key(culprit)));
            true
        }
        _ => false,
    };
    table.events(seat).filter(exposed).count()
}

fn removed(table: &Table, seat: usize) -> Vec<(Player, Departure)> {
    let leave = |event: &Event| match event {
        Event::Changed { change: Change::Leave { player, why }, .. } => Some((*player, *why)),
        _ => None,
    };
    table.events(seat).filter_map(leave).collect()
}

fn assert_goes_on(table: &mut Table, seats: impl Iterator<Item = usize>, confirmed: u64) {
    for seat in seats {
        assert!(table.status(seat).unconfirmed.0 > confirmed, "seat {seat}: {:#?}", table.status(seat));
    }
}

/// A liar among `count` that tells `victims` another story, with its signature.
fn exposed(count: usize, liar: usize, victims: &'static [usize]) {
    let mut table = Table::founded(count, LINK, 11);
    let mut story = Liar::new(liar, 100..101, true);
    table.tamper(move |from, to, mut datagram| {
        if from == liar && victims.contains(&to) {
            story.bend(&mut datagram);
        }
        Some(datagram)
    });
    table.run(15_000_000);
    for seat in (0..count).filter(|seat| *seat != liar) {
        assert_eq!(exposures(&table, seat), 1, "seat {seat}");
        assert_eq!(removed(&table, seat), [(Player(liar as u32 + 1), Departure::Exposed)], "seat {seat}");
        assert_eq!(table.status(seat).members.len(), count - 1);
    }
    assert_goes_on(&mut table, (0..count).filter(|seat| *seat != liar), 9 * 60);
}

#[test]
fn whoever_tells_one_peer_something_else_is_exposed_and_removed() {
    exposed(4, 3, &[2]);
}

#[test]
fn the_lowest_player_can_be_the_liar() {
    exposed(4, 0, &[2]);
}

#[test]
fn a_liar_that_splits_the_session_in_halves_is_exposed() {
    exposed(5, 4, &[2, 3]);
    exposed(3, 1, &[2]);
}

/// A liar that tells one peer another story which it does not sign; without proof, only the quorum's word counts.
fn overruled(signs_the_truth: bool) {
    let mut table = Table::founded(4, LINK, 12);
    let mut story = Liar::new(3, 100..101, false);
    table.tamper(move |from, to, mut datagram| {
        if from == 3 {
            datagram.messages.retain(|message| signs_the_truth || !matches!(message, Message::Head(_)));
        }
        if from == 3 && to == 2 {
            story.bend(&mut datagram);
        }
        Some(datagram)
    });
    table.run(12_000_000);
    for seat in 0..4 {
        assert_eq!((exposures(&table, seat), removed(&table, seat)), (0, vec![]), "seat {seat}");
    }
    assert!(table.status(2).roll_backs > 0, "it had executed the other story");
    assert_goes_on(&mut table, 0..4, 9 * 60);
}

#[test]
fn a_liar_that_signs_one_story_only_is_overruled() {
    overruled(true);
}

#[test]
fn a_liar_that_signs_nothing_is_overruled() {
    overruled(false);
}

#[test]
fn a_relay_that_forges_is_overruled_and_nobody_innocent_is_removed() {
    let mut table = Table::founded(4, LINK, 13);
    let forged = Rc::new(Cell::new(0));
    let count = Rc::clone(&forged);
    table.tamper(move |from, to, mut datagram| {
        if (from, to) == (0, 2) || (from, to) == (2, 0) {
            return None;
        }
        if from == 1 && to == 2 {
            let runs = datagram.turn.iter_mut().flat_map(|part| &mut part.runs);
            for run in runs.filter(|run| run.player == Player(1)) {
                let truth = (run.first.0..).zip(run.entries.iter());
                let told = truth.map(|(turn, entry)| if turn >= 100 { LIE.as_slice() } else { entry }).collect();
                count.set(count.get() + u64::from(told != run.entries));
                run.entries = told;
            }
        }
        Some(datagram)
    });
    table.run(20_000_000);
    assert!(forged.get() > 0, "it was asked to pass on entries");
    for seat in 0..4 {
        assert_eq!((exposures(&table, seat), removed(&table, seat)), (0, vec![]), "seat {seat}");
    }
    assert!(table.status(2).roll_backs > 0, "it had executed what was forged");
    assert_goes_on(&mut table, 0..4, 15 * 60);
}
