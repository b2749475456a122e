//! What a recording needs to prove who sent what: every confirmed entry comes with its author's signature.

use std::collections::BTreeMap;

use crate::table::{self, Link, Table};
use netcode::protocol::signed::SignedEntries;
use netcode::protocol::{Event, Player, Turn};

const LINK: Link = Link { delay_us: 40_000, jitter_us: 10_000, loss: 0.1 };

fn told(table: &Table, seat: usize) -> BTreeMap<Player, Vec<SignedEntries>> {
    let mut all: BTreeMap<Player, Vec<SignedEntries>> = BTreeMap::new();
    for event in table.events(seat) {
        if let Event::Signed(signed) = event {
            all.entry(signed.player()).or_default().push((**signed).clone());
        }
    }
    all
}

/// The turn behind the last one, if they follow each other from turn 0 on and all of them hold.
fn end_of(told: &[SignedEntries], seat: usize) -> Turn {
    let mut next = Turn(0);
    for signed in told {
        assert!(signed.holds());
        assert_eq!((signed.key(), signed.first()), (table::key(seat), next));
        next = signed.last().expect("some turns").plus(1);
    }
    next
}

#[test]
fn every_confirmed_entry_is_signed_by_its_author_up_to_the_last_second() {
    let mut table = Table::founded(3, LINK, 11);
    table.tell_signed(0);
    table.tell_signed(1);
    table.run(20_000_000);
    let confirmed = table.status(0).unconfirmed;
    let (first, second) = (told(&table, 0), told(&table, 1));
    for seat in 0..3 {
        let player = Player(seat as u32 + 1);
        let end = end_of(&first[&player], seat);
        assert!(end <= confirmed, "only what is confirmed is told");
        assert!(end.plus(3 * 60) > confirmed, "a lost head is made up for by the next one: {end:?}, {confirmed:?}");
        // Two peers tell the same, whatever heads each has got.
        let both = end.0.min(end_of(&second[&player], seat).0);
        for turn in (0..both).map(Turn) {
            let input = |all: &[SignedEntries]| all.iter().find_map(|signed| signed.input::<Vec<u8>>(turn));
            assert_eq!(input(&first[&player]), input(&second[&player]));
            assert!(input(&first[&player]).is_some_and(|input| input.is_empty() || input.ends_with(&[seat as u8; 4])));
        }
    }
    assert!(told(&table, 2).is_empty(), "nobody asked there");
}

#[test]
fn who_leaves_has_all_of_it() {
    let mut table = Table::founded(3, LINK, 12);
    table.tell_signed(0);
    table.tell_signed(1);
    table.run(5_500_000);
    table.leave(1);
    table.run(3_000_000);
    assert!(table.events(1).any(|event| *event == Event::Gone));
    let end = table.events(0).find_map(|event| match event {
        Event::Changed { turn, .. } => Some(*turn),
        _ => None,
    });
    let end = end.expect("the leaving is in the log");
    let own = told(&table, 1);
    for seat in 0..3 {
        assert!(end_of(&own[&Player(seat as u32 + 1)], seat) >= end, "its own recording is signed to its end");
    }
    assert_eq!(end_of(&told(&table, 0)[&Player(2)], 1), end, "and so is what the others have of it");
}
