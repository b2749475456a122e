//! People, as an operator meets them: who joined is listed, handed out and erased by the running service; what is past its
//! period goes by itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use persistence::people::{Act, MasterKey, People, PersonExport, Vault};
use persistence::{
    Batch, Change, Consent, Embedded, Hash, Item, Key, Kind, Millis, Name, PersonId, Query, Record, Rev, Scope, Seal,
    Segment, SignIn, Snapshot, Store, Text, Tick, Token, Trade, World,
};
use serde_json::{Value, json};

use crate::process::{Home, PATIENCE, digests, text};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// Asks until the answer fits.
fn until(home: &Home, args: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = home.told(args);
        if fits(&told) {
            return told;
        }
        assert!(Instant::now() < deadline, "{args}: {told}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// An export as it is wherever it is written.
fn same(home: &Home, export: &PersonExport, folder: &Path) {
    let printed = home.run("person export --player 1");
    let printed = PersonExport::from_json(&printed.stdout).expect("an export");
    // The first is written down itself by now.
    assert_eq!((&printed.seats, printed.audit.len()), (&export.seats, export.audit.len() + 1));
    assert_eq!(printed.audit[0].action, "person.export");
    home.told(&format!("person export --player 1 --csv {} --json", folder.display()));
    assert_eq!(mode(folder), 0o700);
    let tables: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            path.file_name().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    let names = |wanted: &str| tables.iter().any(|name| name == wanted);
    assert!(names("about.csv") && names("seats.csv") && !names("profile.csv"), "{tables:?}");
}

#[test]
fn who_joined_is_listed_handed_out_and_erased() {
    let home = Home::new();
    home.refused("person list", "so it must run for that; `spacetime serve` starts it");
    let mut service = home.serving();
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    let mut peer = home.join("peer.key", &invite);
    assert_eq!(peer.event("active")["player"], 1);
    let listed = until(&home, "person list --json", |told| told["people"][0]["seats"][0]["here"] == true);
    let person = listed["people"][0]["person"].as_str().expect("a number").to_owned();
    assert_eq!(listed["people"][0]["seats"], json!([{ "world": "main", "player": 1, "banned": false, "here": true }]));
    assert!(text(&home.run("person list").stdout).contains("1 in main (here)"));

    let file = home.path("one.json");
    home.told(&format!("person export {person} --json-file {} --json", file.display()));
    assert_eq!(mode(&file), 0o600);
    let export = PersonExport::from_json(&std::fs::read(&file).expect("a file")).expect("an export");
    assert_eq!((export.person.to_string(), export.seats[0].number), (person.clone(), 1));
    assert_eq!(export.seats[0].public_key.len(), 32);
    same(&home, &export, &home.path("one"));
    // Nothing is written over, nothing is asked for where there is no place, and nothing is left of what failed.
    for place in [format!("--json-file {}", file.display()), format!("--csv {}", home.path("one").display())] {
        home.refused(&format!("person export {person} {place}"), "nothing is written over");
    }
    home.refused(&format!("person export {person} --json-file /no/such/folder/f"), "there is no such file");
    home.refused(&format!("person export 12 --json-file {}", home.path("none").display()), "there is no person 12");
    home.refused(&format!("person export 12 --csv {}", home.path("none").display()), "there is no person 12");
    assert!(!home.path("none").exists());
    home.refused("person export --player 9", "nobody has the number 9 in the world main");
    home.refused("person export --player 1 --world other", "nobody has the number 1 in the world other");
    home.refused("person export 0", "invalid value");

    home.refused(&format!("person erase {person}"), "--yes-erase");
    home.refused("person erase 12 --yes-erase", "there is no person 12");
    let erased = home.told(&format!("person erase {person} --yes-erase --json"));
    assert_eq!((&erased["blanked_seats"], &erased["erased_before_ms"]), (&1.into(), &Value::Null), "{erased}");
    home.refused(&format!("person export {person}"), "or they were erased");
    assert!(text(&home.run(&format!("person erase {person} --yes-erase")).stdout).contains("is erased again"));
    // Three were handed out, and two erasures asked for and done.
    assert_eq!(home.told("db status --json")["records"]["audit"], 7);
    // They stay in the session, under their number.
    let listed = home.told("person list --json");
    assert_eq!(
        (&listed["people"][0]["erased"], &listed["people"][0]["seats"][0]["here"]),
        (&true.into(), &true.into())
    );
    peer.stops();
    service.stops();
    comes_back_as_somebody_else(&home, &person);
}

/// After a new start nobody knows the key any more, and the number stays taken.
fn comes_back_as_somebody_else(home: &Home, person: &str) {
    let mut service = home.serving();
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    let mut peer = home.join("peer.key", &invite);
    assert_eq!(peer.event("active")["player"], 2);
    let listed = until(home, "person list --json", |told| told["people"].as_array().is_some_and(|all| all.len() == 2));
    let others = listed["people"].as_array().into_iter().flatten().filter(|one| one["person"] != person);
    assert_eq!(others.map(|one| one["seats"][0]["player"].clone()).collect::<Vec<_>>(), [2]);
    peer.stops();
    service.stops();
}

/// The stores of a service that is not running.
struct Stores {
    main: Arc<dyn Store>,
    people: People,
}

async fn open(home: &Home) -> Stores {
    let open = |name: &str| Arc::new(Embedded::open(&home.service().join(name)).expect("a store")) as Arc<dyn Store>;
    let (main, keys) = (open("world.redb"), open("keys.redb"));
    let master = MasterKey::from_file(&home.service().join("master.key")).expect("a key");
    let vault = Vault::open(keys, master).await.expect("a vault");
    Stores { people: People::new(Arc::clone(&main), Arc::new(vault)), main }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn ago(period: Duration) -> Millis {
    Millis::of(SystemTime::now()).before(period)
}

/// One of each kind that has a period: an hour older than that, and an hour younger.
async fn seed_people(stores: &Stores) {
    let person = PersonId(5);
    let (refresh, private) = (Hash([0; 32]), Seal::default());
    let sign_in = |n: u8, expires| {
        let (id, created, seen, private) = (Token([n; 16]), Millis(1), Millis(1), private.clone());
        Record::SignIn(SignIn { id, rev: Rev::FIRST, person, created, seen, expires, revoked: false, refresh, private })
    };
    let consent = |purpose: &str, at| {
        let wording = Text("?".to_owned());
        Record::Consent(Consent { person, purpose: name(purpose), at, given: false, version: 1, wording })
    };
    let trade = |n: u8, at| {
        let gives = vec![Item { kind: name("ore"), count: 1, data: Vec::new() }];
        Record::Trade(Trade { id: Token([n; 16]), at, from: person, to: PersonId(6), gives, takes: Vec::new() })
    };
    let edges = |days: u32| [ago(DAY * days + HOUR), ago(DAY * days - HOUR)];
    let [signed_out, signed_in] = edges(30);
    let [long_ago, lately] = edges(1095);
    let records = [
        sign_in(1, signed_out),
        sign_in(2, signed_in),
        consent("outside", long_ago),
        consent("inside", lately),
        trade(1, long_ago),
        trade(2, lately),
    ];
    stores.main.commit(&Batch::put(records).expect("random numbers")).await.expect("they are written");
    for at in edges(90) {
        let (action, outcome) = (name("player.kick"), name("done"));
        let act = Act { at, actor: None, action, subject: Text::default(), outcome, details: String::new() };
        stores.people.record(&act).await.expect("it is written");
    }
}

async fn all(store: &dyn Store, world: &Name, kind: Kind) -> Vec<Record> {
    store.list(&Query::of(kind).within(Scope::World(world.clone())).first(100_000)).await.expect("a list").records
}

/// Makes the first two saves of a world, and the log up to the second, older than the log is kept; the third is not quite
/// so old. Gives their ticks.
async fn age(store: &dyn Store) -> [u64; 3] {
    let world = name("main");
    let Some(Record::World(record)) = store.get(&Key::World(world.clone())).await.expect("it reads") else {
        panic!("a world")
    };
    let aged = [ago(DAY * 40), ago(DAY * 30 + HOUR), ago(DAY * 30 - HOUR)];
    let saves = all(store, &world, Kind::Snapshot).await;
    let ticks: Vec<u64> =
        saves.iter().filter_map(|r| if let Record::Snapshot(save) = r { Some(save.tick.0) } else { None }).collect();
    let [first, second, third] = ticks[..3] else { panic!("three saves") };
    let mut changed = Vec::new();
    for (save, taken) in saves.into_iter().zip(aged) {
        let Record::Snapshot(save) = save else { continue };
        changed.push(Record::Snapshot(Snapshot { taken, ..save }.hashed()));
    }
    for piece in all(store, &world, Kind::Segment).await {
        let Record::Segment(piece) = piece else { continue };
        if piece.end() <= Tick(second) {
            changed.push(Record::Segment(Segment { written: aged[1], ..piece }.hashed()));
        }
    }
    // What is written once is not written over.
    let removed = changed.iter().map(|record| Change::Remove(record.key(), None)).collect();
    let written = changed.into_iter().map(Change::Put).collect();
    for changes in [removed, written] {
        let batch = Batch::new(changes).expect("random numbers").fenced(world.clone(), record.epoch);
        store.commit(&batch).await.expect("it is written");
    }
    // The same in a world that another service owns.
    let other = World { id: name("other"), rev: Rev::FIRST, ..record };
    store.commit(&Batch::put([Record::World(other.clone())]).expect("numbers")).await.expect("it is written");
    let theirs = [0, 100, 200].map(|tick| {
        let save = persistence_testkit::records::snapshot("other", tick, 10);
        Record::Snapshot(Snapshot { taken: Millis(tick), ..save }.hashed())
    });
    let batch = Batch::put(theirs).expect("numbers").fenced(other.id, other.epoch);
    store.commit(&batch).await.expect("it is written");
    [first, second, third]
}

#[test]
fn what_is_past_its_period_goes_by_itself() {
    let home = Home::new();
    let service = home.serving();
    for tick in [60, 120] {
        home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(tick));
        home.asked("save");
    }
    service.stops();
    let runtime = app::serve::ask::runtime().expect("a runtime");
    let [first, second, third] = runtime.block_on(async {
        let stores = open(&home).await;
        seed_people(&stores).await;
        age(&*stores.main).await
    });
    assert!(first < second && second < third);
    // The newest stay however old they are; the first is not among these.
    home.configure("[saves]\nkeep = 2\n");
    let service = home.serving();
    // One kind goes after the other; none goes further than to the newest.
    let counts = |told: &Value| ["sign_in", "consent", "trade", "audit"].map(|kind| told["records"][kind].as_u64());
    let told = until(&home, "db status --json", |told| counts(told).iter().all(|count| *count <= Some(1)));
    assert_eq!(counts(&told), [Some(1); 4]);
    let world = |name: &str| told["worlds"].as_array().and_then(|all| all.iter().find(|w| w["name"] == name)).cloned();
    assert_eq!(world("main").expect("it is there")["first_save"], second);
    assert_eq!(world("other").expect("it is there")["saves"], 3, "it is another one's");
    service.stops();
    // From there on everything is there still.
    let file = home.path("all.strec");
    let exported = home.told(&format!("db export --json {}", file.display()));
    assert_eq!((&exported["first_tick"], &exported["gap_until"]), (&second.into(), &Value::Null));
    let ticks: Vec<u64> = digests(&file).into_keys().collect();
    assert!(ticks[0] == second + 1 && ticks.contains(&third) && ticks.windows(2).all(|pair| pair[1] == pair[0] + 1));
    runtime.block_on(async {
        let stores = open(&home).await;
        assert_eq!(stores.people.verify(.., None).await.expect("it is sound").entries, 1);
        let left = stores.main.list(&Query::of(Kind::SignIn)).await.expect("a list").records;
        assert!(matches!(&left[..], [Record::SignIn(one)] if one.id == Token([2; 16])), "the younger one: {left:?}");
    });
}
