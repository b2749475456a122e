//! A deployment in a temporary folder: a store, a store of keys, a vault; and people in it whose every field is marked.

use std::path::PathBuf;
use std::sync::Arc;

use persistence::people::{Act, Deal, MasterKey, People, Profile, Question, Vault};
use persistence::{
    Batch, Change, Discovery, Embedded, Hash, Inventory, Item, Key, Millis, Name, PersonId, Place, Record, Rev, Store,
    Text, Tick, Token,
};
use persistence_testkit::records;
use tempfile::TempDir;

pub const NOW: Millis = Millis(1_800_000_000_000);

pub struct Rig {
    pub folder: TempDir,
    pub store: Arc<dyn Store>,
    pub keys: Arc<dyn Store>,
    pub master: MasterKey,
    pub people: People,
}

impl Rig {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let master = MasterKey::random().expect("random numbers");
        Self::open(folder, master).await
    }

    pub async fn open(folder: TempDir, master: MasterKey) -> Self {
        let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).expect("a store"));
        let (store, keys): (Arc<dyn Store>, Arc<dyn Store>) = (open("main.redb"), open("keys.redb"));
        let people = over(&store, &keys, &master).await;
        Self { folder, store, keys, master, people }
    }

    /// Closes both files, does something to the folder, and opens them again.
    pub async fn reopened(self, between: impl FnOnce(&std::path::Path)) -> Self {
        let Self { folder, master, .. } = { self };
        between(folder.path());
        Self::open(folder, master).await
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn get(&self, key: Key) -> Option<Record> {
        self.store.get(&key).await.expect("the store answers")
    }

    pub async fn put(&self, records: impl IntoIterator<Item = Record>) {
        self.store.commit(&Batch::put(records).expect("random numbers")).await.expect("the store takes it");
    }

    pub async fn remove(&self, key: Key) {
        let batch = Batch::new(vec![Change::Remove(key, None)]).expect("random numbers");
        self.store.commit(&batch).await.expect("the store takes it");
    }

    pub async fn person(&self, called: &str) -> PersonId {
        let profile = Profile { name: called.to_owned(), ..Profile::default() };
        self.people.create(&profile, NOW).await.expect("a person")
    }

    /// A world with a snapshot and a segment.
    pub async fn world(&self, name: &str) -> Name {
        let world = records::world(name);
        let (id, epoch) = (world.id.clone(), world.epoch);
        let contents = [
            Record::World(world),
            Record::Snapshot(records::snapshot(name, 90, 1000)),
            Record::Segment(records::segment(name, 90, 45, 500)),
        ];
        // The fence looks for the world before the batch.
        let [world, snapshot, segment] = contents;
        self.put([world]).await;
        let batch = Batch::put([snapshot, segment]).expect("random numbers").fenced(id.clone(), epoch);
        self.store.commit(&batch).await.expect("the store takes it");
        id
    }

    /// All records, from one moment for each store.
    pub async fn all(&self) -> Vec<Record> {
        let mut all = Vec::new();
        for store in [&self.store, &self.keys] {
            let mut copy = store.copy(&persistence::Kind::ALL).await.expect("the store answers");
            while let Some(record) = copy.recv().await {
                all.push(record.expect("a sound record"));
            }
        }
        all
    }
}

pub async fn over(store: &Arc<dyn Store>, keys: &Arc<dyn Store>, master: &MasterKey) -> People {
    let vault = Vault::open(Arc::clone(keys), master.clone()).await.expect("a vault");
    People::new(Arc::clone(store), Arc::new(vault))
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub fn item(kind: &str, count: u64, data: &[u8]) -> Item {
    Item { kind: name(kind), count, data: data.to_vec() }
}

/// What is said in the open of a person, and what only sealed.
pub struct Marks {
    pub open: Vec<String>,
    pub sealed: Vec<String>,
}

/// Marks of a person; `who` is two capital letters.
pub fn marks(who: &str) -> Marks {
    let all = |names: &[&str]| names.iter().map(|name| format!("{who}-sentinel-{name}")).collect();
    Marks {
        open: all(&["place", "kind", "data", "method", "purpose", "wording", "found", "where"]),
        sealed: all(&[
            "name",
            "contact",
            "locale",
            "profile-key",
            "field",
            "value",
            "login",
            "secret",
            "from",
            "seat-key",
            "details",
        ]),
    }
}

/// Somebody with a record of each kind that speaks of people, every field of which is marked. In the world `w`, which has
/// to be there; `other` trades with them.
pub async fn fill(rig: &Rig, who: &str, number: u32, other: Option<PersonId>) -> PersonId {
    let mark = |name: &str| format!("{who}-sentinel-{name}");
    let profile = Profile {
        name: mark("name"),
        contact: mark("contact"),
        locale: mark("locale"),
        public_key: mark("profile-key").into_bytes(),
        extra: [(mark("field"), mark("value"))].into(),
    };
    let people = &rig.people;
    let person = people.create(&profile, NOW).await.expect("a person");
    let place = Place {
        world: name(&mark("place")),
        tick: Tick(i64::MAX as u64),
        cell: [i64::MIN, -1, i64::MAX],
        offset_m: [-0.0, 0.1 + 0.2, f64::MIN_POSITIVE],
    };
    people.save(person, |player, _| player.place = Some(place.clone())).await.expect("a save");
    let items = vec![item(&mark("kind"), i64::MAX as u64, mark("data").as_bytes()), item("ore", 9, &[])];
    let login = people.credential(person, &mark("login"), name(&mark("method")), mark("secret").as_bytes()).await;
    let expires = Millis(NOW.0 + 1000);
    let sign_in = people.sign_in(person, NOW, expires, Hash([9; 32]), &mark("from")).await.expect("a sign-in");
    rig.put([
        Record::Inventory(Inventory { person, rev: Rev::FIRST, items }),
        Record::Credential(login.expect("a credential")),
        Record::SignIn(sign_in),
        Record::Discovery(Discovery {
            person,
            what: name(&mark("found")),
            world: name(&mark("where")),
            tick: Tick(9),
            at: NOW,
        }),
    ])
    .await;
    let purpose = name(&mark("purpose"));
    let question = Question { purpose, version: 3, wording: Text(mark("wording")) };
    people.give(person, &question, NOW).await.expect("a consent");
    people.withdraw(person, &question, NOW).await.expect("a consent");
    let seat = people.seat(&name("w"), number, person, mark("seat-key").as_bytes()).await.expect("a seat");
    let batch = Batch::put([Record::Seat(seat)]).expect("random numbers").fenced(name("w"), persistence::Epoch(1));
    rig.store.commit(&batch).await.expect("the store takes it");
    for (subject, details) in [(Text("w".to_owned()), mark("details")), (Act::on(person), String::new())] {
        let (action, outcome) = (name("player.move"), name("done"));
        let act = Act { at: NOW, actor: Some(person), action, subject, outcome, details };
        people.record(&act).await.expect("an entry");
    }
    if let Some(other) = other {
        let (gives, takes) = (vec![item("ore", 2, &[])], vec![item("ore", 1, &[])]);
        let deal = Deal { id: Token([number as u8; 16]), from: person, to: other, gives, takes };
        people.trade(&deal, NOW).await.expect("a trade");
        let (action, outcome) = (name("player.ban"), name("done"));
        let (subject, details) = (Act::on(other), mark("details"));
        people
            .record(&Act { at: NOW, actor: Some(person), action, subject, outcome, details })
            .await
            .expect("an entry");
    }
    person
}
