//! A world, a gate and stores that live in memory, or are away.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::clock::Moment;
use api::gate::{Count, Denied, Gatekeeper, Sign};
use api::identity::{Caller, Person, Role, SignInId, Visit};
use api::ports::{
    Account, AccountError, Accounts, Act, AuditError, AuditLog, Body as WorldBody, Component, Condition, Control,
    ControlState, Entity, Entry, Erased, FieldValue, Health, Kept, Link, NewAccount, Node, Order, Outcome, Pace, Part,
    Peer, People, PeopleError, Purpose, Reading, Receipt, Said, Setting, Settings, StoredSignIn, View, World,
    WorldError, WorldStatus,
};
use async_trait::async_trait;

/// Lets in whoever has a token that is the name of a role, so many requests per address.
#[derive(Default)]
pub struct Gate {
    pub allowance: AtomicU64,
    pub revoked: AtomicBool,
    /// The licence is a newer one than anybody has accepted.
    pub is_unlicensed: AtomicBool,
    pub signs: Mutex<Vec<Sign>>,
    pub ends_at: AtomicU64,
}

impl Gate {
    fn caller(&self, token: &str) -> Option<Caller> {
        let role: Role = token.parse().ok()?;
        let expires = match self.ends_at.load(Ordering::SeqCst) {
            0 => Moment(u64::MAX),
            at => Moment(at),
        };
        Some(Caller { person: Person(role as u64 + 1), role, sign_in: SignInId([role as u8; 16]), expires })
    }
}

impl Gatekeeper for Gate {
    fn admit(&self, visit: &Visit, _: Count) -> Result<(), Denied> {
        if visit.address != IpAddr::from([127, 0, 0, 1]) {
            return Ok(());
        }
        let spend = |left: u64| left.checked_sub(1);
        let spent = self.allowance.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend);
        spent.map(|_| ()).map_err(|_| Denied::TooMany(Duration::from_millis(1500)))
    }

    fn verify(&self, visit: &Visit, bearer: &str) -> Result<Caller, Denied> {
        self.caller(bearer).ok_or_else(|| {
            self.saw(visit, Sign::BadToken("unknown"));
            Denied::Unauthenticated("unknown")
        })
    }

    fn still_stands(&self, _: &Caller) -> Result<(), Denied> {
        if self.revoked.load(Ordering::SeqCst) { Err(Denied::Unauthenticated("revoked")) } else { Ok(()) }
    }

    fn permits(&self, caller: &Caller, needed: Role) -> Result<(), Denied> {
        match caller.role {
            _ if self.is_unlicensed.load(Ordering::SeqCst) => Err(Denied::Licence),
            role if role < needed => Err(Denied::Forbidden),
            _ => Ok(()),
        }
    }

    fn admit_caller(&self, _: &Caller, _: Count) -> Result<(), Denied> {
        Ok(())
    }

    fn saw(&self, _: &Visit, sign: Sign) {
        self.signs.lock().expect("signs").push(sign);
    }
}

/// A world of five entities and two bodies that stands still.
pub struct Still;

impl View for Still {
    fn tick(&self) -> u64 {
        7
    }

    fn digest(&self) -> u64 {
        0xabc
    }

    fn nodes(&self, behind: Option<i64>, limit: usize) -> (Vec<Node>, bool) {
        let ids: Vec<i64> = (-2..=5).filter(|id| *id != 0 && behind.is_none_or(|behind| *id > behind)).collect();
        let node = |id: &i64| Node {
            id: *id,
            parent: None,
            kind: "ship".into(),
            name: String::new(),
            components: vec!["Motion"],
        };
        (ids.iter().take(limit).map(node).collect(), ids.len() > limit)
    }

    fn bodies(&self, behind: Option<i64>, limit: usize) -> (Vec<WorldBody>, bool) {
        let (nodes, has_more) = self.nodes(behind, limit);
        let body = |node: Node| WorldBody {
            id: node.id,
            name: node.name,
            kind: node.kind,
            mass_kg: 1e3,
            cell: [1, 2, 3],
            offset_m: [0.5; 3],
            velocity_m_s: [0.0; 3],
            radius_m: 1.0,
        };
        (nodes.into_iter().map(body).collect(), has_more)
    }

    fn entity(&self, id: u64) -> Option<Entity> {
        let fields = vec![
            ("velocity_m_s", FieldValue::Numbers(vec![1.0, 2.0, 3.0])),
            ("cell", FieldValue::Wholes(vec![1, -2, 3])),
            ("count", FieldValue::Whole(-1)),
            ("large", FieldValue::Large(u64::MAX)),
        ];
        (1..=5).contains(&id).then(|| Entity {
            id,
            kind: "ship".into(),
            components: vec![Component { name: "Motion", fields }],
        })
    }
}

#[async_trait]
impl World for Still {
    fn status(&self) -> WorldStatus {
        WorldStatus {
            world: "still".into(),
            tick: 7,
            digest: 0xabc,
            durable_tick: 6,
            rate_hz: 90,
            time_factor_quarters: 4,
            players: 2,
            entities: 5,
            turns: (3, 0, 100),
            pace: Pace { turn_ticks: 3, turn_cost_us: 250, input_delay_turns: 2, roll_backs: 0 },
            control: ControlState::default(),
        }
    }

    fn peers(&self) -> Vec<Peer> {
        let link = Link { round_trip_us: 1500, loss: 0.25, redundancy: 2, relays: false };
        vec![
            Peer { player: Some(1), ship: Some(3), key: Some("ab".repeat(32)), link: Some(link) },
            Peer { player: Some(2), ship: None, key: None, link: None },
        ]
    }

    fn digest_at(&self, tick: u64) -> Option<u64> {
        (tick == 7).then_some(0xabc)
    }

    async fn view(&self, tick: Option<u64>) -> Result<Arc<dyn View>, WorldError> {
        if tick.is_none_or(|tick| tick == 7) { Ok(Arc::new(Self)) } else { Err(WorldError::NotKept) }
    }

    async fn check(&self, _: &[Order]) -> Result<(), WorldError> {
        Ok(())
    }

    async fn order(&self, _: Vec<Order>, _: Duration) -> Result<Receipt, WorldError> {
        Err(WorldError::Over)
    }

    async fn control(&self, _: Control, _: Duration) -> Result<Receipt, WorldError> {
        Err(WorldError::Over)
    }
}

/// Nothing was set.
pub struct NoSettings;

impl Settings for NoSettings {
    fn all(&self) -> Vec<Setting> {
        Vec::new()
    }
}

/// Stores that are down, and say so in words that nobody outside may read.
pub struct Down;

/// What [`Down`] says.
pub const SECRET: &str =
    "connection to /run/postgresql failed: SELECT * FROM accounts at 10.1.2.3 (tokio_postgres::Error)";

#[async_trait]
impl Accounts for Down {
    async fn by_name(&self, _: &str) -> Result<Option<Account>, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn by_person(&self, _: Person) -> Result<Option<Account>, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn list(&self, _: Option<Person>, _: usize) -> Result<(Vec<Account>, bool), AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn create(&self, _: &NewAccount) -> Result<Account, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn update(&self, _: &Account) -> Result<Account, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn sign_ins(&self, _: Moment) -> Result<Vec<StoredSignIn>, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn put_sign_in(&self, _: &StoredSignIn) -> Result<u64, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn licence(&self) -> Result<u32, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn publish_licence(&self, _: u32) -> Result<(), AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }
}

/// An audit log that is down like the stores, or holds what comes.
#[derive(Default)]
pub struct Notes {
    is_open: AtomicBool,
    acts: Mutex<Vec<Act>>,
}

impl Notes {
    pub fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    pub fn shut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }

    /// What the acts were about.
    pub fn subjects(&self) -> Vec<String> {
        self.acts.lock().expect("acts").iter().map(|act| act.subject.clone()).collect()
    }

    /// How many of them did not come about.
    pub fn failures(&self) -> usize {
        self.acts.lock().expect("acts").iter().filter(|act| act.outcome == Outcome::Failed).count()
    }
}

#[async_trait]
impl AuditLog for Notes {
    async fn record(&self, act: Act) -> Result<u64, AuditError> {
        if !self.is_open.load(Ordering::SeqCst) {
            return Err(AuditError::Unavailable(SECRET.into()));
        }
        let mut acts = self.acts.lock().expect("acts");
        acts.push(act);
        Ok(acts.len() as u64)
    }

    async fn page(&self, _: Reading, _: usize) -> Result<(Vec<Entry>, bool), AuditError> {
        Err(AuditError::Unavailable(SECRET.into()))
    }

    async fn verify(&self) -> Result<u64, AuditError> {
        Err(AuditError::Unavailable(SECRET.into()))
    }
}

fn no_people<T>() -> Result<T, PeopleError> {
    Err(PeopleError::Unavailable(SECRET.into()))
}

#[async_trait]
impl People for Down {
    async fn read(&self, _: Person) -> Result<Kept, PeopleError> {
        no_people()
    }

    async fn export(&self, _: Person) -> Result<String, PeopleError> {
        no_people()
    }

    async fn erase(&self, _: Person) -> Result<Erased, PeopleError> {
        no_people()
    }

    fn purposes(&self) -> &'static [Purpose] {
        &[]
    }

    async fn said(&self, _: Person, _: &Purpose) -> Result<Vec<Said>, PeopleError> {
        no_people()
    }

    async fn say(&self, _: Person, _: &Purpose, _: bool) -> Result<(), PeopleError> {
        no_people()
    }

    async fn keep_contact(&self, _: Person, _: &str) -> Result<(), PeopleError> {
        no_people()
    }
}

/// Parts as a test sets them.
#[derive(Default)]
pub struct Parts(pub Mutex<Vec<Part>>);

impl Health for Parts {
    fn parts(&self) -> Vec<Part> {
        self.0.lock().expect("parts").clone()
    }
}

/// An essential part in this condition.
pub fn essential(condition: Condition) -> Part {
    let (name, reason) = ("world", "late");
    Part { name, condition, reason, why: SECRET.into(), checked: Moment(5), needs: &[], is_essential: true }
}
