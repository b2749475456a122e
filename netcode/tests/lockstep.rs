//! A few peers over a simulated link: the shortest way to see a session run, and to see what it costs and delivers.

#[allow(dead_code, reason = "each test uses its part of the table")]
mod table;

use table::{Link, Table};

#[test]
fn two_peers_agree_over_a_bad_link() {
    let mut table = Table::founded(2, Link { delay_us: 80_000, jitter_us: 20_000, loss: 0.05 }, 7);
    table.fixed_delay(8);
    table.run(30_000_000);
    let report = table.report();
    println!("{report:#?}");
    assert!(report.confirmed > 29 * 60, "{report:?}");
    assert!(report.stalled < 0.005, "{report:?}");
}

#[test]
fn four_peers_agree_over_a_bad_link() {
    let mut table = Table::founded(4, Link { delay_us: 80_000, jitter_us: 20_000, loss: 0.05 }, 8);
    table.fixed_delay(8);
    table.run(120_000_000);
    let report = table.report();
    println!("{report:#?}");
    assert!(report.confirmed > 119 * 60, "{report:?}");
    assert!(report.stalled < 0.005, "{report:?}");
}

#[test]
fn a_dead_peer_is_removed_and_the_rest_go_on() {
    let mut table = Table::founded(3, Link { delay_us: 30_000, jitter_us: 5_000, loss: 0.02 }, 9);
    table.run(5_000_000);
    table.kill(1);
    table.run(10_000_000);
    let report = table.report();
    println!("{report:#?}");
    assert!(report.confirmed > 10 * 60, "{report:?}");
    assert_eq!(report.members, 2);
}

#[test]
fn a_newcomer_becomes_active_and_a_restarted_peer_comes_back() {
    let mut table = Table::founded(2, Link { delay_us: 40_000, jitter_us: 5_000, loss: 0.02 }, 10);
    table.run(3_000_000);
    let newcomer = table.join(0);
    table.run(4_000_000);
    println!("{:#?}", table.report());
    assert_eq!(table.report().members, 3);
    table.kill(newcomer);
    table.run(1_000_000);
    table.restart(newcomer, 1);
    table.run(6_000_000);
    println!("{:#?}", table.report());
    assert_eq!(table.report().members, 3);
}
