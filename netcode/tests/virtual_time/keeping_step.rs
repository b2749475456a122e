//! Members that cannot keep step: within a stated time they watch instead of holding the session up, and they come back
//! once they can; and nobody is demoted for what all have in common.

use netcode::protocol::{Departure, Event, Player, Refusal};

use crate::table::{Link, Table};

/// Length of a turn at the table.
const TURN_US: u64 = 16_666;
/// After so long a member whose machine is slow no longer holds the session up: three seconds are watched, and the
/// demotion takes the input delay and the window to take effect, all at the pace of the slow one.
const SLOW_US: u64 = 9_000_000;
/// The same for one whose entries are late for another reason: eight seconds are watched, and the votes have to be heard.
const LATE_US: u64 = 13_000_000;

const GOOD: Link = Link { delay_us: 30_000, jitter_us: 5_000, loss: 0.01 };

fn demoted(table: &Table, seat: usize) -> usize {
    table.events(seat).filter(|event| matches!(event, Event::Removed { why: Departure::Demoted })).count()
}

fn removed(table: &Table, seat: usize) -> usize {
    table.events(seat).filter(|event| matches!(event, Event::Removed { .. })).count()
}

fn members(table: &Table, seat: usize) -> Vec<u32> {
    table.status(seat).members.iter().map(|player| player.0).collect()
}

/// How many turns a seat confirms in this time, as a share of real time.
fn speed(table: &mut Table, seat: usize, us: u64) -> f64 {
    let before = table.status(seat).unconfirmed.0;
    table.run(us);
    (table.status(seat).unconfirmed.0 - before) as f64 * TURN_US as f64 / us as f64
}

#[test]
fn a_slow_machine_watches_and_comes_back_when_it_is_fast_again() {
    for (slow, percent) in [(2, 130), (2, 180), (0, 180), (3, 400)] {
        let mut table = Table::founded(4, GOOD, 11);
        table.run(3_000_000);
        table.cost(slow, TURN_US * percent / 100, true);
        table.run(SLOW_US);
        let other = (slow + 1) % 4;
        assert_eq!((demoted(&table, slow), members(&table, other).len()), (1, 3), "{slow} at {percent} %");
        assert!(speed(&mut table, other, 4_000_000) > 0.95, "{slow} at {percent} %");
        table.cost(slow, 100, true);
        table.run(6_000_000);
        assert_eq!(members(&table, other), [1, 2, 3, 4], "{slow} at {percent} %");
        assert!(speed(&mut table, other, 10_000_000) > 0.95);
        assert_eq!((0..4).map(|seat| removed(&table, seat)).sum::<usize>(), 1, "and nobody else");
    }
}

#[test]
fn one_that_says_nothing_of_its_slowness_is_voted_out_of_the_way() {
    for (count, percent) in [(3, 180), (5, 300)] {
        let mut table = Table::founded(count, GOOD, 12);
        table.run(3_000_000);
        table.cost(2, TURN_US * percent / 100, false);
        table.run(LATE_US);
        assert_eq!((demoted(&table, 2), members(&table, 0).len()), (1, count - 1), "{count} at {percent} %");
        table.cost(2, 100, false);
        table.run(8_000_000);
        assert_eq!(members(&table, 0).len(), count, "{count} at {percent} %");
    }
}

#[test]
fn one_whose_network_is_too_slow_for_any_input_delay_watches_until_it_is_better() {
    let mut table = Table::founded(4, GOOD, 13);
    table.run(3_000_000);
    table.network_of(1, Some(Link { delay_us: 750_000, jitter_us: 100_000, loss: 0.01 }));
    table.run(LATE_US);
    assert_eq!(members(&table, 0), [1, 3, 4]);
    table.run(20_000_000);
    assert_eq!((removed(&table, 1), members(&table, 0).len()), (1, 3), "it knows that it would be too late again");
    assert!(speed(&mut table, 0, 4_000_000) > 0.95);
    table.network_of(1, None);
    table.run(12_000_000);
    assert_eq!(members(&table, 0), [1, 2, 3, 4]);
}

#[test]
fn several_at_once_watch_and_come_back() {
    let mut table = Table::founded(5, GOOD, 14);
    table.run(3_000_000);
    table.cost(0, TURN_US * 3 / 2, true);
    table.cost(3, TURN_US * 2, true);
    table.run(2 * SLOW_US);
    assert_eq!(members(&table, 1), [2, 3, 5]);
    assert!(speed(&mut table, 1, 4_000_000) > 0.95);
    table.cost(0, 100, true);
    table.cost(3, 100, true);
    table.run(8_000_000);
    assert_eq!(members(&table, 1), [1, 2, 3, 4, 5]);
    assert_eq!(removed(&table, 1) + removed(&table, 2) + removed(&table, 4), 0);
}

#[test]
fn of_two_the_slow_one_watches_whoever_it_is() {
    for slow in [0, 1] {
        let mut table = Table::founded(2, GOOD, 15);
        table.run(3_000_000);
        table.cost(slow, TURN_US * 2, true);
        table.run(SLOW_US);
        assert_eq!(members(&table, 1 - slow), [2 - slow as u32]);
        table.cost(slow, 100, true);
        table.run(6_000_000);
        assert_eq!(members(&table, slow), [1, 2]);
    }
}

#[test]
fn a_world_that_is_too_much_for_all_demotes_nobody() {
    for count in [2, 3, 5] {
        let mut table = Table::founded(count, GOOD, 16);
        table.run(3_000_000);
        (0..count).for_each(|seat| table.cost(seat, TURN_US * 3 / 2, true));
        table.run(40_000_000);
        assert_eq!((0..count).map(|seat| removed(&table, seat)).sum::<usize>(), 0, "{count}");
        assert!(speed(&mut table, 0, 4_000_000) > 0.5, "{count}");
    }
}

#[test]
fn a_bad_network_of_all_and_a_pause_of_all_demote_nobody() {
    for count in [2, 3, 5] {
        let mut table = Table::founded(count, GOOD, 17);
        table.run(5_000_000);
        table.network(Link { loss: 0.6, ..GOOD });
        table.run(3_000_000);
        table.network(GOOD);
        table.run(10_000_000);
        table.suspend(60_000_000);
        table.run(10_000_000);
        table.network(Link { loss: 1.0, ..GOOD });
        table.run(60_000_000);
        table.network(GOOD);
        table.run(10_000_000);
        table.network(Link { delay_us: 600_000, jitter_us: 200_000, loss: 0.1 });
        table.run(40_000_000);
        table.network(GOOD);
        table.run(20_000_000);
        assert_eq!((0..count).map(|seat| demoted(&table, seat)).sum::<usize>(), 0, "{count}");
        assert_eq!(members(&table, 0).len(), count);
    }
}

#[test]
fn a_bad_link_between_two_is_nobodys_fault() {
    let mut table = Table::founded(2, GOOD, 18);
    table.run(3_000_000);
    table.network_of(1, Some(Link { delay_us: 700_000, jitter_us: 100_000, loss: 0.05 }));
    table.run(60_000_000);
    assert_eq!(demoted(&table, 0) + demoted(&table, 1), 0);
}

#[test]
fn a_newcomer_whose_machine_is_too_slow_is_refused_with_the_reason() {
    let mut table = Table::founded(3, GOOD, 19);
    table.run(2_000_000);
    let slow = table.join(0);
    table.cost(slow, TURN_US * 6 / 10, true);
    table.run(6_000_000);
    assert!(table.events(slow).any(|event| *event == Event::Refused(Refusal::TooSlow)));
    assert!(table.events(slow).all(|event| !matches!(event, Event::Active { .. })), "and was never a member");
    assert_eq!(members(&table, 0), [1, 2, 3]);
    let able = table.join(1);
    table.cost(able, TURN_US * 4 / 10, true);
    table.run(4_000_000);
    assert_eq!(table.status(able).player.map(|player| player.0), table.events(able).find_map(number));
    assert_eq!(members(&table, 0).len(), 4);
}

fn number(event: &Event) -> Option<u32> {
    if let Event::Active { player: Player(number), .. } = event { Some(*number) } else { None }
}
