//! What once kept a session or one of its peers standing still for good after a failure: each test is named for it.

use netcode::protocol::wire::Message;
use netcode::protocol::{Change, Event, Player, Turn};
use std::cell::Cell;
use std::rc::Rc;

use crate::table::{Link, Table};

const GOOD: Link = Link { delay_us: 30_000, jitter_us: 5_000, loss: 0.0 };
const NONE: Link = Link { loss: 1.0, ..GOOD };

fn members(table: &Table, seat: usize) -> Vec<u32> {
    table.status(seat).members.iter().map(|player| player.0).collect()
}

/// How often a seat saw a player go.
fn departures(table: &Table, seat: usize, gone: u32) -> usize {
    let leaves = |event: &Event| match event {
        Event::Changed { change: Change::Leave { player, .. }, .. } => *player == Player(gone),
        _ => false,
    };
    table.events(seat).filter(|event| leaves(event)).count()
}

/// Runs until a condition holds, for so long at most.
fn run_until(table: &mut Table, us_max: u64, holds: impl Fn(&Table) -> bool) {
    for _ in 0..us_max / 1000 {
        if holds(table) {
            return;
        }
        table.run(1000);
    }
    panic!("it has not come to that");
}

fn assert_moves(table: &mut Table, seat: usize) {
    let before = table.status(seat).unconfirmed;
    table.run(2_000_000);
    assert!(table.status(seat).unconfirmed.0 > before.0 + 90, "seat {seat}: {:#?}", table.status(seat));
}

/// The entries of the life that never began were taken for the next one's, which so lacked its first ones.
#[test]
fn a_joiner_that_was_cut_at_its_first_turn_is_in_with_its_next_life() {
    let mut table = Table::founded(3, GOOD, 21);
    table.run(2_000_000);
    let newcomer = table.join(0);
    run_until(&mut table, 5_000_000, |table| table.status(newcomer).entered.0 > 0);
    table.network_of(newcomer, Some(NONE));
    table.run(5_000_000);
    assert_eq!(departures(&table, 0, 4), 1, "it was cut");
    table.network_of(newcomer, None);
    table.run(4_000_000);
    assert_eq!((members(&table, 0), departures(&table, 0, 4)), (vec![1, 2, 3, 4], 1));
    assert_moves(&mut table, newcomer);
}

/// Five seconds after it was asked it was gone, although its leave had been held up, and the last that remained needed
/// its acknowledgement.
#[test]
fn a_leaver_stays_until_its_last_turns_are_confirmed() {
    let mut table = Table::founded(3, GOOD, 22);
    table.run(2_000_000);
    table.kill(2);
    table.network_of(0, Some(NONE));
    table.leave(0);
    table.run(4_700_000);
    table.network_of(0, None);
    table.run(4_000_000);
    assert!(table.events(0).any(|event| matches!(event, Event::Gone)));
    assert_eq!(members(&table, 1), [2]);
    assert_moves(&mut table, 1);
}

/// One that leaves alone, with nobody to hear it, goes after five seconds.
#[test]
fn a_leaver_that_nobody_hears_goes_all_the_same() {
    let mut table = Table::founded(2, GOOD, 23);
    table.run(2_000_000);
    table.kill(0);
    table.leave(1);
    table.run(7_000_000);
    assert!(table.events(1).any(|event| matches!(event, Event::Gone)));
}

/// Where the log ended an epoch at the turn at which a cut ended the next one, nobody could tell how the first had ended.
#[test]
fn whoever_was_cut_at_the_turn_of_a_leave_comes_back() {
    let begun = || {
        let mut table = Table::founded(4, GOOD, 24);
        table.run(2_000_000);
        table.leave(3);
        table
    };
    let mut rehearsal = begun();
    rehearsal.run(3_000_000);
    let leaves = |event: &Event| match event {
        Event::Changed { change: Change::Leave { .. }, turn } => Some(turn.0),
        _ => None,
    };
    let turn = rehearsal.events(0).find_map(leaves).expect("the leave takes effect");
    let mut table = begun();
    run_until(&mut table, 3_000_000, |table| table.status(1).entered.0 == turn);
    // What is sent from here on would be for that turn.
    table.network_of(1, Some(NONE));
    table.run(4_000_000);
    assert_eq!(members(&table, 0), [1, 3]);
    assert_eq!(table.events(0).filter_map(leaves).collect::<Vec<_>>(), [turn, turn], "one turn ended both epochs");
    table.network_of(1, None);
    table.run(5_000_000);
    assert_eq!(members(&table, 0), [1, 2, 3]);
    assert_moves(&mut table, 1);
}

/// The sponsor had forgotten its guest, who did not ask again.
#[test]
fn a_download_that_the_sponsor_has_forgotten_is_asked_for_again() {
    let mut table = Table::founded(2, GOOD, 25);
    let holds = Rc::new(Cell::new(true));
    let held = Rc::clone(&holds);
    table.tamper(move |_, _, mut datagram| {
        datagram.messages.retain(|message| !held.get() || !matches!(message, Message::Chunk(_)));
        Some(datagram)
    });
    table.run(2_000_000);
    let newcomer = table.join(1);
    table.run(1_000_000);
    table.network_of(newcomer, Some(NONE));
    table.run(6_000_000);
    table.network_of(newcomer, None);
    holds.set(false);
    table.run(4_000_000);
    assert_eq!(members(&table, 0), [1, 2, 3]);
}

/// A sponsor that was a member no longer still answered, with marks and cuts, and passed on nothing.
#[test]
fn a_spectator_whose_sponsor_was_demoted_follows_another() {
    let begun = || {
        let mut table = Table::founded(4, GOOD, 26);
        table.run(2_000_000);
        let spectator = table.watch(1);
        table.run(2_000_000);
        table.cost(1, 30_000, true);
        (table, spectator)
    };
    let (mut rehearsal, _) = begun();
    let mut steps = 0;
    while members(&rehearsal, 0).len() == 4 {
        rehearsal.run(10_000);
        steps += 1;
    }
    let (mut table, spectator) = begun();
    table.run(steps * 10_000 - 300_000);
    // It does not see the demotion, and is away for less than what makes it look for another.
    table.network_of(spectator, Some(NONE));
    table.run(1_700_000);
    table.network_of(spectator, None);
    assert_eq!(members(&table, 0), [1, 3, 4]);
    table.run(4_000_000);
    assert_moves(&mut table, spectator);
}

/// The sponsor waited for good for the acknowledgement of a snapshot that its guest had long since left behind.
#[test]
fn a_spectator_that_begins_anew_gets_another_snapshot() {
    let mut table = Table::founded(3, GOOD, 27);
    let holds = Rc::new(Cell::new(true));
    let (held, acks) = (Rc::clone(&holds), Cell::new(0));
    table.tamper(move |from, to, mut datagram| {
        for part in datagram.turn.iter_mut().filter(|_| (from, to) == (1, 3)) {
            // One member's entries from turn 240 to 243 never come.
            let runs = part.runs.iter_mut().filter(|run| run.player == Player(3) && run.first < Turn(244));
            for run in runs {
                let kept = 240_u64.saturating_sub(run.first.0) as usize;
                run.entries = run.entries.iter().take(kept).collect();
            }
            part.runs.retain(|run| !run.entries.is_empty());
        }
        if held.get() && from == 3 {
            // The first acknowledgement takes the offer, the others would say that all is there.
            let ack = |message: &Message| matches!(message, Message::ChunkAck(_));
            datagram.messages.retain(|message| !ack(message) || acks.replace(acks.get() + 1) == 0);
        }
        Some(datagram)
    });
    table.run(2_000_000);
    let spectator = table.watch(1);
    table.run(2_000_000);
    holds.set(false);
    assert!(table.status(spectator).next_turn > Turn(0), "it follows");
    table.run(6_000_000);
    assert_moves(&mut table, spectator);
}

/// A process that was started again acknowledged for the member that it had been before, which had promised that the
/// epoch ends earlier: two logs were confirmed.
#[test]
fn a_new_life_does_not_acknowledge_for_the_old_one() {
    let mut table = Table::founded(3, GOOD, 31);
    table.run(2_000_000);
    // So that the first has a fresh state to give away when its log stands.
    let spectator = table.watch(0);
    run_until(&mut table, 1_000_000, |table| table.status(spectator).next_turn.0 > 0);
    // It hears the two others and is not heard: they end the epoch without it, and it has executed more.
    let apart = Rc::new(Cell::new(false));
    let lost = Rc::clone(&apart);
    table.tamper(move |from, to, datagram| {
        let unheard = from == 0 && (to == 1 || (to == 2 && !lost.get()));
        let tells = to == 0 && datagram.messages.iter().any(|message| matches!(message, Message::Decided { .. }));
        let second = lost.get() && (from == 1 || to == 1);
        (!unheard && !tells && !second).then_some(datagram)
    });
    run_until(&mut table, 2_500_000, |table| table.status(1).epoch == 1);
    let end = table.status(1).next_turn;
    assert!(table.status(0).next_turn > end, "it has executed more than they kept");
    apart.set(true);
    table.kill(2);
    table.restart(2, 0);
    run_until(&mut table, 2_000_000, |table| table.status(2).next_turn == table.status(0).next_turn);
    table.run(500_000);
    assert!(table.status(0).unconfirmed <= end, "{:#?}", table.status(0));
    table.tamper(|_, _, datagram| Some(datagram));
    table.run(6_000_000);
    assert_eq!(members(&table, 1), [1, 2, 3]);
    assert_moves(&mut table, 0);
}

/// The last turn before they left was acknowledged by nobody who counted: the leavers said it when they were members no
/// longer, and the two who stayed are no quorum of four.
#[test]
fn who_leaves_still_acknowledges_what_was_its_own() {
    let mut table = Table::founded(4, GOOD, 32);
    table.run(2_000_000);
    for (by, about) in [(0, 2), (1, 1), (2, 1), (3, 1), (2, 2), (3, 2)] {
        table.kick(by, about);
    }
    table.run(3_000_000);
    assert_eq!(members(&table, 2), [3, 4]);
    assert_moves(&mut table, 2);
}

/// The same for those who leave by themselves, all but one or all.
#[test]
fn all_who_leave_at_once_are_gone_and_the_last_turn_is_confirmed() {
    for leavers in [1..5usize, 0..3] {
        let mut table = Table::founded(leavers.end, GOOD, 33);
        table.run(2_000_000);
        leavers.clone().for_each(|seat| table.leave(seat));
        table.run(3_000_000);
        for seat in leavers.clone() {
            assert!(table.events(seat).any(|event| matches!(event, Event::Gone)), "{leavers:?} seat {seat}");
            let left = table.events(seat).find_map(|event| match event {
                Event::Changed { change: Change::Leave { .. }, turn } => Some(*turn),
                _ => None,
            });
            // Where nobody is left, there is no turn that tells it.
            let status = table.status(seat);
            let end = left.unwrap_or(status.next_turn);
            assert!(status.unconfirmed >= end && end.0 > 120, "{leavers:?} seat {seat}: {end}, {status:#?}");
        }
        if leavers.start == 1 {
            assert_eq!(members(&table, 0), [1]);
            assert_moves(&mut table, 0);
        }
    }
}

/// It was gone at once, and nobody else could confirm the last turn that it was there for.
#[test]
fn who_is_voted_out_stays_until_its_last_turn_is_confirmed() {
    let mut table = Table::founded(2, GOOD, 34);
    table.run(2_000_000);
    table.kick(0, 2);
    run_until(&mut table, 3_000_000, |table| table.events(1).any(|event| matches!(event, Event::Removed { .. })));
    // What it says in its last second gets lost.
    table.network_of(1, Some(NONE));
    table.run(1_000_000);
    table.network_of(1, None);
    table.run(3_000_000);
    assert!(table.events(1).any(|event| matches!(event, Event::Gone)));
    assert_moves(&mut table, 0);
}

/// A number of a ballot that leaves no room for a higher one, from one who is no member and from a member.
#[test]
fn no_ballot_is_too_high() {
    for liar in [2, 3] {
        let mut table = Table::founded(3, GOOD, 35);
        table.run(2_000_000);
        let spectator = table.watch(0);
        table.run(1_000_000);
        table.kill(1);
        table.tamper(move |from, _, mut datagram| {
            if from == liar {
                let (epoch, ballot) = (0, u32::MAX);
                datagram.messages.extend([Message::Overtaken { epoch, ballot }, Message::Prepare { epoch, ballot }]);
            }
            Some(datagram)
        });
        table.run(2_000_000);
        table.tamper(|_, _, datagram| Some(datagram));
        table.run(6_000_000);
        if liar == spectator {
            assert_eq!(members(&table, 0), [1, 3]);
        }
    }
}
