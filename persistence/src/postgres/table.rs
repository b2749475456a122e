//! The tables: which columns each has, and of which of them its key is made. Must agree with the migrations, which is
//! checked whenever a store is opened.

use super::value::Sort;
use crate::record::Kind;

/// The table of a kind of record.
#[derive(Debug)]
pub(super) struct Table {
    pub kind: Kind,
    pub name: &'static str,
    /// How many of the columns are the key: the first ones, in its order.
    pub key: usize,
    /// All columns, in the order of [`super::rows::values`].
    pub columns: &'static [(&'static str, Sort)],
    /// Bytes of a row beyond a few hundred, as [`crate::Record::weight`] counts them.
    pub weight: &'static str,
    /// Columns that hold a person.
    pub people: &'static [&'static str],
    /// The column that holds the world whose record it is.
    pub world: Option<&'static str>,
    /// A table of what a row has several of.
    pub parts: Option<Parts>,
}

/// A table of what the rows of another one have several of.
#[derive(Debug)]
pub(super) struct Parts {
    pub name: &'static str,
    /// By which column a part finds its row, and its sort.
    pub owner: (&'static str, Sort),
    /// Which lists there are, each a condition.
    pub lists: &'static [&'static str],
}

impl Table {
    /// Whether its rows have revisions.
    pub(super) fn has_revisions(&self) -> bool {
        self.columns.iter().any(|(name, _)| *name == "rev")
    }

    /// The columns of the key.
    pub(super) fn keys(&self) -> &'static [(&'static str, Sort)] {
        self.columns.get(..self.key).unwrap_or(self.columns)
    }
}

/// The table of a kind.
pub(super) const fn table(kind: Kind) -> &'static Table {
    match kind {
        Kind::Player => &PLAYERS,
        Kind::Inventory => &INVENTORIES,
        Kind::Credential => &CREDENTIALS,
        Kind::SignIn => &SIGN_INS,
        Kind::Consent => &CONSENTS,
        Kind::Discovery => &DISCOVERIES,
        Kind::World => &WORLDS,
        Kind::Seat => &SEATS,
        Kind::Snapshot => &SNAPSHOTS,
        Kind::Segment => &SEGMENTS,
        Kind::Trade => &TRADES,
        Kind::Audit => &AUDIT,
        Kind::Setting => &SETTINGS,
        Kind::PersonKey => &PERSON_KEYS,
        Kind::Erasure => &ERASURES,
    }
}

const PERSON: (&str, Sort) = ("person", Sort::Number);
const REV: (&str, Sort) = ("rev", Sort::Number);
const BATCH: (&str, Sort) = ("batch", Sort::Bytes);
const PRIVATE: (&str, Sort) = ("private", Sort::Bytes);
const HASH: (&str, Sort) = ("hash", Sort::Bytes);
const FORMAT: (&str, Sort) = ("format", Sort::Number);
const PAYLOAD: (&str, Sort) = ("payload", Sort::Bytes);
const DIGEST: (&str, Sort) = ("digest", Sort::Number);
const WORLD: (&str, Sort) = ("world", Sort::Text);
const TICK: (&str, Sort) = ("tick", Sort::Number);
const AT: (&str, Sort) = ("at", Sort::Moment);
const CREATED: (&str, Sort) = ("created", Sort::Moment);
const SEEN: (&str, Sort) = ("seen", Sort::Moment);

/// Without anything: what the tables have in common.
const PLAIN: Table = Table {
    kind: Kind::Player,
    name: "",
    key: 1,
    columns: &[],
    weight: "0",
    people: &["person"],
    world: None,
    parts: None,
};

static PLAYERS: Table = Table {
    kind: Kind::Player,
    name: "players",
    columns: &[
        PERSON,
        REV,
        BATCH,
        CREATED,
        SEEN,
        ("place_world", Sort::Text),
        ("place_tick", Sort::Number),
        ("cell_x", Sort::Number),
        ("cell_y", Sort::Number),
        ("cell_z", Sort::Number),
        ("offset_x", Sort::Real),
        ("offset_y", Sort::Real),
        ("offset_z", Sort::Real),
        PRIVATE,
    ],
    weight: "octet_length(private)",
    ..PLAIN
};

static INVENTORIES: Table = Table {
    kind: Kind::Inventory,
    name: "inventories",
    columns: &[PERSON, REV, BATCH],
    weight: "(SELECT coalesce(sum(80 + octet_length(p.data)), 0) FROM items p WHERE p.person = t.person)",
    parts: Some(Parts { name: "items", owner: PERSON, lists: &["true"] }),
    ..PLAIN
};

static CREDENTIALS: Table = Table {
    kind: Kind::Credential,
    name: "credentials",
    columns: &[("login", Sort::Bytes), REV, BATCH, PERSON, ("method", Sort::Text), PRIVATE],
    weight: "octet_length(private)",
    ..PLAIN
};

static SIGN_INS: Table = Table {
    kind: Kind::SignIn,
    name: "sign_ins",
    columns: &[
        ("id", Sort::Bytes),
        REV,
        BATCH,
        PERSON,
        CREATED,
        SEEN,
        ("expires", Sort::Moment),
        ("revoked", Sort::Flag),
        ("refresh", Sort::Bytes),
        PRIVATE,
    ],
    weight: "octet_length(private)",
    ..PLAIN
};

static CONSENTS: Table = Table {
    kind: Kind::Consent,
    name: "consents",
    key: 3,
    columns: &[
        PERSON,
        ("purpose", Sort::Text),
        AT,
        ("given", Sort::Flag),
        ("version", Sort::Number),
        ("wording", Sort::Text),
    ],
    weight: "octet_length(wording)",
    ..PLAIN
};

static DISCOVERIES: Table = Table {
    kind: Kind::Discovery,
    name: "discoveries",
    key: 2,
    columns: &[PERSON, ("what", Sort::Text), WORLD, TICK, AT],
    ..PLAIN
};

static WORLDS: Table = Table {
    kind: Kind::World,
    name: "worlds",
    columns: &[
        ("id", Sort::Text),
        REV,
        BATCH,
        ("epoch", Sort::Number),
        CREATED,
        ("scenario", Sort::Text),
        ("tick_rate_hz", Sort::Number),
        ("results_revision", Sort::Number),
        ("build", Sort::Text),
    ],
    weight: "octet_length(scenario)",
    people: &[],
    world: Some("id"),
    ..PLAIN
};

static SEATS: Table = Table {
    kind: Kind::Seat,
    name: "seats",
    key: 2,
    columns: &[
        WORLD,
        ("number", Sort::Number),
        REV,
        BATCH,
        PERSON,
        ("tag", Sort::Bytes),
        ("banned", Sort::Flag),
        PRIVATE,
    ],
    weight: "octet_length(private)",
    world: Some("world"),
    ..PLAIN
};

static SNAPSHOTS: Table = Table {
    kind: Kind::Snapshot,
    name: "snapshots",
    key: 2,
    columns: &[WORLD, TICK, DIGEST, ("taken", Sort::Moment), ("label", Sort::Text), FORMAT, PAYLOAD, HASH],
    weight: "octet_length(payload)",
    people: &[],
    world: Some("world"),
    ..PLAIN
};

static SEGMENTS: Table = Table {
    kind: Kind::Segment,
    name: "segments",
    key: 2,
    columns: &[
        WORLD,
        ("first_tick", Sort::Number),
        ("ticks", Sort::Number),
        DIGEST,
        ("written", Sort::Moment),
        FORMAT,
        PAYLOAD,
        HASH,
    ],
    weight: "octet_length(payload)",
    people: &[],
    world: Some("world"),
    ..PLAIN
};

static TRADES: Table = Table {
    kind: Kind::Trade,
    name: "trades",
    columns: &[("id", Sort::Bytes), AT, ("giver", Sort::Number), ("taker", Sort::Number)],
    weight: "(SELECT coalesce(sum(80 + octet_length(p.data)), 0) FROM trade_items p WHERE p.trade = t.id)",
    people: &["giver", "taker"],
    parts: Some(Parts { name: "trade_items", owner: ("trade", Sort::Bytes), lists: &["p.is_given", "NOT p.is_given"] }),
    ..PLAIN
};

static AUDIT: Table = Table {
    kind: Kind::Audit,
    name: "audit",
    columns: &[
        ("seq", Sort::Number),
        AT,
        ("actor", Sort::Number),
        ("action", Sort::Text),
        ("subject", Sort::Text),
        ("outcome", Sort::Text),
        PRIVATE,
        ("previous", Sort::Bytes),
        HASH,
    ],
    weight: "octet_length(subject) + octet_length(private)",
    people: &["actor"],
    ..PLAIN
};

static SETTINGS: Table = Table {
    kind: Kind::Setting,
    name: "settings",
    columns: &[("name", Sort::Text), REV, BATCH, ("value", Sort::Text)],
    weight: "octet_length(value)",
    people: &[],
    ..PLAIN
};

static PERSON_KEYS: Table = Table {
    kind: Kind::PersonKey,
    name: "person_keys",
    columns: &[PERSON, REV, BATCH, ("master", Sort::Bytes), ("wrapped", Sort::Bytes)],
    weight: "octet_length(wrapped)",
    ..PLAIN
};

static ERASURES: Table = Table { kind: Kind::Erasure, name: "erasures", columns: &[PERSON, AT], ..PLAIN };
