//! A world that goes wrong: found at its turn, looked at from both sides, and replaced by what the majority has.

use crate::table::{Link, Table};
use netcode::protocol::{Event, Player, Turn};

const GOOD: Link = Link { delay_us: 20_000, jitter_us: 0, loss: 0.0 };
const BAD: Link = Link { delay_us: 60_000, jitter_us: 20_000, loss: 0.05 };

/// The desyncs that a seat was told: first turn, and whether it is wrong itself.
fn desyncs(table: &Table, seat: usize) -> Vec<(Turn, bool)> {
    let desync = |event: &Event| match event {
        Event::Desync { turn, ours_is_wrong, .. } => Some((*turn, *ours_is_wrong)),
        _ => None,
    };
    table.events(seat).filter_map(desync).collect()
}

fn stopped(table: &Table, seat: usize) -> bool {
    table.events(seat).any(|event| matches!(event, Event::Stopped { .. }))
}

/// Every seat has the same digest after the last turn that all have confirmed.
fn assert_equal(table: &mut Table, seats: usize) {
    let turn = table.report().confirmed - 1;
    let digests: Vec<_> = (0..seats).map(|seat| table.digest(seat, turn)).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0] && digest.is_some_and(|d| d != 0)), "{digests:?}");
}

#[test]
fn a_wrong_world_is_named_compared_and_replaced() {
    let mut table = Table::founded(4, GOOD, 1);
    table.corrupt(2, 200);
    // Until it is found, and not yet replaced.
    table.run(4_000_000);
    let (wrong, right) = (table.digest(2, 200).expect("executed"), table.digest(0, 200).expect("executed"));
    assert_ne!(wrong, right);
    table.run(8_000_000);
    for seat in 0..4 {
        assert_eq!(desyncs(&table, seat), [(Turn(200), seat == 2)], "seat {seat}");
        assert!(!stopped(&table, seat));
        let seen: Vec<_> = table.compared().iter().filter(|c| c.seat == seat).collect();
        assert_eq!(seen.len(), 1, "seat {seat}: {seen:?}");
        assert_eq!((seen[0].turn, seen[0].digest), (Turn(200), if seat == 2 { right } else { wrong }));
        assert!(seat == 2 || seen[0].with == Player(3));
    }
    assert_eq!(table.report().members, 4, "nobody is removed for it");
    assert!(table.report().confirmed > 11 * 60, "{:?}", table.report());
    assert_equal(&mut table, 4);
}

#[test]
fn it_comes_back_over_a_bad_link_and_may_go_wrong_again() {
    // Which digests are lost differs: one that went wrong must be known by any of those that came.
    for seed in [2, 5, 21, 29] {
        let mut table = Table::founded(3, BAD, seed);
        table.corrupt(1, 150);
        table.run(12_000_000);
        assert_equal(&mut table, 3);
        table.corrupt(1, table.status(1).next_turn.0 + 30);
        table.run(12_000_000);
        for seat in 0..3 {
            let told = desyncs(&table, seat);
            assert_eq!(told.len(), 2, "seed {seed}, seat {seat}: {told:?}");
            assert!(told[0].0.0 >= 150 && told[0].0.0 < 160, "{told:?}");
            assert!(told.iter().all(|(_, wrong)| *wrong == (seat == 1)));
        }
        assert_equal(&mut table, 3);
    }
}

#[test]
fn two_against_two_stop_and_show_each_other_what_they_have() {
    let mut table = Table::founded(4, GOOD, 3);
    table.corrupt(2, 100);
    table.corrupt(3, 100);
    table.run(8_000_000);
    for seat in 0..4 {
        assert_eq!(desyncs(&table, seat), [(Turn(100), false)], "seat {seat}");
        assert!(stopped(&table, seat), "seat {seat}");
        assert!(table.compared().iter().any(|c| c.seat == seat && c.turn == Turn(100)), "seat {seat}");
    }
}
