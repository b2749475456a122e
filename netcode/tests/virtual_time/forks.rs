//! What people decide and what befalls them: members are voted out, whoever is left alone goes on in a session of its own,
//! and a newcomer's sponsor dies.

use netcode::protocol::{Change, Departure, Event, Player, Refusal};

use crate::table::{Link, Table};

const GOOD: Link = Link { delay_us: 30_000, jitter_us: 5_000, loss: 0.01 };

/// Nothing comes from one half of the seats to the other.
fn split(table: &mut Table, first: usize) {
    table.tamper(move |from, to, datagram| ((from < first) == (to < first)).then_some(datagram));
}

fn members(table: &Table, seat: usize) -> Vec<u32> {
    table.status(seat).members.iter().map(|player| player.0).collect()
}

fn left(player: u32) -> impl Fn(&Event) -> bool {
    move |event| {
        let change = Change::Leave { player: Player(player), why: Departure::Forked };
        matches!(event, Event::Changed { change: found, .. } if *found == change)
    }
}

#[test]
fn a_paused_half_forks_after_any_number_of_turns_and_takes_in_whoever_comes() {
    for played_s in [1, 25] {
        let mut table = Table::founded(4, GOOD, 31);
        table.run(played_s * 1_000_000);
        split(&mut table, 2);
        table.run(5_000_000);
        assert_eq!(members(&table, 0), [1, 2], "the half with the lowest number goes on");
        assert!(table.events(2).any(|event| *event == Event::Paused));
        let stood = table.status(2).unconfirmed;
        table.fork(2);
        assert_eq!(table.status(2).next_turn, stood, "from the last confirmed turn on");
        table.run(4_000_000);
        assert!(table.status(2).unconfirmed.0 > stood.0 + 200, "{:?}", table.status(2));
        assert_eq!((members(&table, 2), table.status(2).player), (vec![3], Some(Player(3))));
        for player in [1, 2, 4] {
            assert!(table.events(2).any(left(player)), "the world is told that {player} is not there");
        }
        // One of the other half comes over, in a new process, and keeps its number; a stranger gets the next one.
        table.restart(3, 2);
        let stranger = table.join(2);
        table.run(6_000_000);
        assert_eq!(members(&table, 2), [3, 4, 5]);
        assert_eq!((table.status(3).player, table.status(stranger).player), (Some(Player(4)), Some(Player(5))));
        assert_eq!(members(&table, 0), [1, 2], "and nobody in the old session notices");
    }
}

#[test]
fn a_majority_votes_a_member_out_and_it_cannot_come_back() {
    let mut table = Table::founded(4, GOOD, 32);
    table.run(2_000_000);
    table.kick(0, 3);
    table.run(2_000_000);
    assert_eq!(members(&table, 1), [1, 2, 3, 4], "one vote of four is not enough");
    assert!(table.events(3).any(|event| *event == Event::Voted { by: Player(1), about: Player(3) }));
    table.kick(3, 3);
    table.run(2_000_000);
    assert_eq!(members(&table, 1), [1, 2, 4], "with the lowest number, half is");
    assert!(table.events(2).any(|event| *event == Event::Removed { why: Departure::Kicked }));
    table.restart(2, 1);
    table.run(3_000_000);
    assert!(table.events(2).any(|event| *event == Event::Refused(Refusal::Banned)));
    assert_eq!(members(&table, 1), [1, 2, 4]);
}

#[test]
fn a_newcomer_whose_sponsor_dies_before_it_has_a_state_goes_on_with_another() {
    let mut table = Table::founded(4, GOOD, 33);
    table.run(2_000_000);
    let newcomer = table.join(0);
    // Long enough to be told who else is there, and too short for the state.
    table.run(100_000);
    assert_eq!(table.status(newcomer).members, []);
    table.kill(0);
    table.run(12_000_000);
    assert_eq!(table.status(newcomer).player, Some(Player(5)));
    assert_eq!(members(&table, 1), [2, 3, 4, 5]);
}

#[test]
fn whose_world_is_lost_takes_the_others_and_is_the_same_player() {
    let mut table = Table::founded(3, GOOD, 34);
    table.run(3_000_000);
    assert!(table.start_over(1));
    table.run(6_000_000);
    assert_eq!((table.status(1).player, members(&table, 0)), (Some(Player(2)), vec![1, 2, 3]));
    let actives = table.events(1).filter(|event| matches!(event, Event::Active { .. })).count();
    assert_eq!(actives, 2, "once as a founder, and once in a new life");
    let last = table.status(0).unconfirmed.0 - 1;
    assert_eq!(table.digest(0, last), table.digest(1, last));
    let mut alone = Table::founded(1, GOOD, 35);
    alone.run(1_000_000);
    assert!(!alone.start_over(0), "nobody else has the state");
    assert!(alone.status(0).unconfirmed.0 > 50);
}
