//! A few peers over a simulated link: the shortest way to see a session run, and to see what it costs and delivers.

use crate::table::{Link, Report, Table};

/// What 80 +- 20 ms and 5 % loss may cost at 133 ms of input delay.
fn assert_cheap_and_quick(report: &Report) {
    assert_eq!(report.delay, 8, "the rules fix it: {report:?}");
    assert_eq!(report.epoch, 0, "nobody left: {report:?}");
    assert!(report.stalled < 0.005, "{report:?}");
    assert!(report.execution_ms_p50 <= 150, "input delay and a frame: {report:?}");
    assert!(report.bytes_per_turn_and_link < 100.0, "before sealing: {report:?}");
}

#[test]
fn two_peers_agree_over_a_bad_link() {
    let mut table = Table::founded(2, Link { delay_us: 80_000, jitter_us: 20_000, loss: 0.05 }, 7);
    table.fixed_delay(8);
    table.run(30_000_000);
    let report = table.report();
    assert!(report.confirmed > 29 * 60, "{report:?}");
    assert_cheap_and_quick(&report);
}

#[test]
fn four_peers_agree_over_a_bad_link() {
    let mut table = Table::founded(4, Link { delay_us: 80_000, jitter_us: 20_000, loss: 0.05 }, 8);
    table.fixed_delay(8);
    table.run(120_000_000);
    let report = table.report();
    assert!(report.confirmed > 119 * 60, "{report:?}");
    assert_cheap_and_quick(&report);
}

#[test]
fn a_dead_peer_is_removed_and_the_rest_go_on() {
    let mut table = Table::founded(3, Link { delay_us: 30_000, jitter_us: 5_000, loss: 0.02 }, 9);
    table.run(5_000_000);
    table.kill(1);
    table.run(10_000_000);
    let report = table.report();
    assert!(report.confirmed > 10 * 60, "{report:?}");
    assert_eq!((report.members, report.epoch), (2, 1), "{report:?}");
}

#[test]
fn a_newcomer_becomes_active_and_a_restarted_peer_comes_back() {
    let mut table = Table::founded(2, Link { delay_us: 40_000, jitter_us: 5_000, loss: 0.02 }, 10);
    table.run(3_000_000);
    let newcomer = table.join(0);
    table.run(4_000_000);
    assert_eq!(table.report().members, 3);
    table.kill(newcomer);
    table.run(1_000_000);
    table.restart(newcomer, 1);
    table.run(6_000_000);
    assert_eq!(table.report().members, 3);
}
