//! Records to keep: one of each kind by hand, and any by proptest. Must reach the ends of what a record may hold.

use persistence::{
    Audit, Consent, Credential, Digest, Discovery, Epoch, Erasure, Hash, Inventory, Item, Kind, Millis, Name, PersonId,
    PersonKey, Place, Player, Record, Rev, Seal, Seat, Segment, Setting, SignIn, Snapshot, Text, Tick, Token, Trade,
    World,
};
use proptest::prelude::*;

/// A name that is one.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name in a test")
}

/// A world of this name with epoch 1.
#[must_use]
pub fn world(id: &str) -> World {
    World {
        id: name(id),
        rev: Rev::FIRST,
        epoch: Epoch(1),
        created: Millis(1_700_000_000_000),
        scenario: Text("# ein Text, текст, 文字\n".to_owned()),
        tick_rate_hz: 90,
        results_revision: 1,
        build: Text("0.1.0".to_owned()),
    }
}

/// A segment of a world's log with a payload of so many bytes.
#[must_use]
pub fn segment(world: &str, first_tick: u64, ticks: u32, bytes: usize) -> Segment {
    let payload = (0..bytes).map(|n| (n as u64).wrapping_mul(first_tick | 1).to_le_bytes()[0]).collect();
    let (world, digest) = (name(world), Digest(first_tick.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let (first_tick, written, hash) = (Tick(first_tick), Millis(1), Hash([0; 32]));
    Segment { world, first_tick, ticks, digest, written, format: 1, payload, hash }.hashed()
}

/// A snapshot of a world with a payload of so many bytes.
#[must_use]
pub fn snapshot(world: &str, tick: u64, bytes: usize) -> Snapshot {
    let payload = (0..bytes).map(|n| (n as u64 ^ tick).to_le_bytes()[0]).collect();
    let (world, digest) = (name(world), Digest(!tick));
    let (tick, taken, hash) = (Tick(tick), Millis(2), Hash([0; 32]));
    Snapshot { world, tick, digest, taken, label: None, format: 1, payload, hash }.hashed()
}

/// A player with so many bytes of private fields.
#[must_use]
pub fn player(person: u64, rev: u64, bytes: usize) -> Player {
    let place = Place {
        world: name("w"),
        tick: Tick(rev),
        cell: [i64::MIN, -1, i64::MAX],
        offset_m: [-0.0, 524_287.999_999_999_9, -f64::MIN_POSITIVE],
    };
    let (created, seen) = (Millis(1), Millis(rev));
    let private = Seal((0..bytes).map(|n| (n as u64 ^ person ^ rev).to_le_bytes()[0]).collect());
    Player { person: PersonId(person), rev: Rev(rev), created, seen, place: Some(place), private }
}

/// An inventory with so many kinds of things.
#[must_use]
pub fn inventory(person: u64, rev: u64, kinds: u64) -> Inventory {
    let item = |n: u64| Item { kind: name(&format!("ore-{n:04}")), count: n + rev, data: vec![n.to_le_bytes()[0]; 8] };
    Inventory { person: PersonId(person), rev: Rev(rev), items: (0..kinds).map(item).collect() }
}

/// One record of each kind, all of the world `w` and the people 1 and 2. Seats, snapshots and segments are among them, so
/// the batch needs the fence of `w`, and the world has to be there.
#[must_use]
pub fn one_of_each() -> Vec<Record> {
    let (person, rev, at) = (PersonId(1), Rev::FIRST, Millis(1_700_000_000_123));
    let private = Seal(vec![0, 1, 255, 128]);
    let item = Item { kind: name("iron"), count: i64::MAX as u64, data: vec![0; 4096] };
    let audit = Audit {
        seq: 0,
        at,
        actor: Some(person),
        action: name("player.export"),
        subject: Text("2".to_owned()),
        outcome: name("done"),
        private: private.clone(),
        previous: Hash([0; 32]),
        hash: Hash([0; 32]),
    };
    let sign_in = SignIn {
        id: Token([7; 16]),
        rev,
        person,
        created: at,
        seen: at,
        expires: Millis::MAX,
        revoked: true,
        refresh: Hash([9; 32]),
        private: private.clone(),
    };
    let consent = Consent {
        person,
        purpose: name("statistics"),
        at,
        given: true,
        version: 3,
        wording: Text("May we count what you do? ☑ 'quoted' \\ \"too\"".to_owned()),
    };
    let seat = Seat {
        world: name("w"),
        number: u32::MAX,
        rev,
        person,
        tag: Hash([3; 32]),
        banned: false,
        private: private.clone(),
    };
    let method = name("password");
    vec![
        Record::Player(player(1, 1, 4)),
        Record::Inventory(Inventory { person, rev, items: vec![item.clone()] }),
        Record::Credential(Credential { login: Hash([5; 32]), rev, person, method, private: private.clone() }),
        Record::SignIn(sign_in),
        Record::Consent(consent),
        Record::Discovery(Discovery { person, what: name("europa"), world: name("w"), tick: Tick(9), at }),
        Record::World(world("w2")),
        Record::Seat(seat),
        Record::Snapshot(Snapshot { label: Some(name("before-the-jump")), ..snapshot("w", 90, 1000) }.hashed()),
        Record::Segment(segment("w", 90, 45, 500)),
        Record::Trade(Trade {
            id: Token([8; 16]),
            at,
            from: person,
            to: PersonId(2),
            gives: vec![item],
            takes: Vec::new(),
        }),
        Record::Audit(audit.chained(None)),
        Record::Setting(Setting { name: name("rates.save_s"), rev, value: Text("30".to_owned()) }),
        Record::PersonKey(PersonKey { person, rev, master: Token([1; 16]), wrapped: private }),
        Record::Erasure(Erasure { person: PersonId(3), at }),
    ]
}

/// Any record that may be the first of its key, of the world `w` where it is of one.
pub fn any_record() -> impl Strategy<Value = Record> {
    let text = || "\\PC{0,40}".prop_map(|text| Text(text.replace('\0', "")));
    let bytes = |most| proptest::collection::vec(any::<u8>(), 0..most);
    let small = (1..=5_u64, 0..=5_u64, any::<u64>(), any::<[u8; 16]>(), any::<bool>());
    let place = (any::<[i64; 3]>(), proptest::array::uniform3(proptest::num::f64::NORMAL | proptest::num::f64::ZERO));
    let kind = proptest::sample::select(&Kind::ALL[..]);
    (kind, small, place, bytes(100), text()).prop_map(|(kind, (who, n, any, token, flag), place, bytes, text)| {
        let person = PersonId(who);
        let at = Millis(any % (Millis::MAX.0 + 1));
        let mut out = one_of_each().into_iter().find(|record| record.kind() == kind).expect("there is one of each");
        match &mut out {
            Record::Player(r) => {
                (r.person, r.created, r.seen, r.private) = (person, at, Millis(n), Seal(bytes));
                let (cell, offset_m) = place;
                let tick = Tick(any >> 1);
                r.place = flag.then(|| Place { world: name("w"), tick, cell, offset_m });
            }
            Record::Inventory(r) => {
                r.person = person;
                let item =
                    |i: u64| Item { kind: name(&format!("k{i}")), count: (any >> 1).max(1), data: bytes.clone() };
                r.items = (0..n).map(item).collect();
            }
            Record::Credential(r) => {
                r.login.0[..16].copy_from_slice(&token);
                (r.person, r.private) = (person, Seal(bytes));
            }
            Record::SignIn(r) => (r.id, r.person, r.expires, r.revoked) = (Token(token), person, at, flag),
            Record::Consent(r) => (r.person, r.at, r.given, r.wording) = (person, Millis(n), flag, text),
            Record::Discovery(r) => (r.person, r.what, r.at) = (person, name(&format!("d{n}")), at),
            Record::World(r) => (r.id, r.scenario, r.created) = (name(&format!("x{n}")), text, at),
            Record::Seat(r) => (r.number, r.person, r.banned, r.private) = (n as u32, person, flag, Seal(bytes)),
            Record::Snapshot(r) => {
                (r.tick, r.digest, r.payload) = (Tick(n), Digest(any), bytes);
                r.label = flag.then(|| name("saved"));
                *r = r.clone().hashed();
            }
            Record::Segment(r) => {
                (r.first_tick, r.digest, r.payload) = (Tick(n), Digest(any), bytes);
                *r = r.clone().hashed();
            }
            Record::Trade(r) => (r.id, r.at, r.from, r.to) = (Token(token), at, person, PersonId(who + 1)),
            Record::Audit(r) => {
                (r.seq, r.at, r.subject) = (n + 1, at, text);
                let before = Audit { seq: n, ..r.clone() };
                *r = r.clone().chained((n > 0).then_some(&before));
            }
            Record::Setting(r) => (r.name, r.value) = (name(&format!("s{n}")), text),
            Record::PersonKey(r) => (r.person, r.master, r.wrapped) = (person, Token(token), Seal(bytes)),
            Record::Erasure(r) => (r.person, r.at) = (person, at),
        }
        out
    })
}

/// The same record once more, as the next revision; nothing for what is written once.
#[must_use]
pub fn next(record: &Record) -> Option<Record> {
    let mut next = record.clone();
    match &mut next {
        Record::Player(r) => (r.rev, r.seen) = (r.rev.next(), Millis(r.rev.0)),
        Record::Inventory(r) => (r.rev, r.items) = (r.rev.next(), Vec::new()),
        Record::Credential(r) => (r.rev, r.person) = (r.rev.next(), PersonId(r.person.0 + 1)),
        Record::SignIn(r) => (r.rev, r.revoked) = (r.rev.next(), !r.revoked),
        Record::World(r) => (r.rev, r.epoch) = (r.rev.next(), Epoch(r.epoch.0 + 1)),
        Record::Seat(r) => (r.rev, r.banned) = (r.rev.next(), !r.banned),
        Record::Setting(r) => (r.rev, r.value) = (r.rev.next(), Text("other".to_owned())),
        Record::PersonKey(r) => (r.rev, r.wrapped) = (r.rev.next(), Seal(vec![1])),
        _ => return None,
    }
    Some(next)
}
