//! A fleet's service: everything that lasts is on two PostgreSQL clusters, and its own disk may be lost at any moment. And
//! keys that are missing where there should be some: the service says so and makes none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use persistence::people::{MasterKey, People};
use persistence::{Batch, Embedded, Epoch, Name, PersonId, Record, Store};
use persistence_testkit::cluster::{Cluster, PASSWORD};
use serde_json::Value;

use crate::process::{Home, Process, digests, text};

/// What a fleet has once: two clusters, and secrets that come from outside.
struct Fleet {
    worlds: Cluster,
    keys: Cluster,
    outside: Home,
}

impl Fleet {
    fn start() -> Self {
        let outside = Home::new();
        std::fs::create_dir_all(outside.path("config/spacetime")).expect("a folder");
        std::fs::write(outside.path("password"), PASSWORD).expect("it is written");
        MasterKey::create(&outside.path("master")).expect("a key");
        let made = outside.told(&format!("key --json --identity {}", outside.path("identity").display()));
        assert_eq!(made["made"], true);
        let fleet = Self { worlds: Cluster::start(&[]), keys: Cluster::start(&[]), outside };
        let owner = fleet.member_as("spacetime_owner", &fleet.keys);
        for prepare in ["db prepare --json", "db prepare --keys --json"] {
            let applied = owner.told(prepare);
            assert!(applied["applied"].as_array().is_some_and(|applied| !applied.is_empty()), "{prepare}: {applied}");
        }
        fleet
    }

    /// An empty home with nothing but the configuration.
    fn member(&self) -> Home {
        self.member_as("spacetime_app", &self.keys)
    }

    fn member_as(&self, role: &str, keys: &Cluster) -> Home {
        let home = Home::new();
        home.configure(&self.configuration(role, keys));
        home
    }

    fn configuration(&self, role: &str, keys: &Cluster) -> String {
        let shown = |name: &str| self.outside.path(name).display().to_string();
        let postgres = |cluster: &Cluster| {
            format!(
                "url = {:?}\npassword_file = {:?}\nroot_certificate = {:?}\nconnect_ms = 500\n",
                cluster.url(role),
                shown("password"),
                cluster.root_certificate().display()
            )
        };
        format!(
            "[store]\nkind = \"postgres\"\n[store.postgres]\n{}[keys]\nkind = \"postgres\"\nmaster_key_file = {:?}\n\
             [keys.postgres]\n{}[session]\nidentity_file = {:?}\n",
            postgres(&self.worlds),
            shown("master"),
            postgres(keys),
            shown("identity"),
        )
    }

    /// A member whose configuration says something else in one place.
    fn changed(&self, from: &str, to: &str) -> Home {
        let (home, text) = (Home::new(), self.configuration("spacetime_app", &self.keys));
        assert!(text.contains(from), "{from} is not in: {text}");
        home.configure(&text.replace(from, to));
        home
    }
}

/// What is in a service's folder, but the note of which server was seen.
fn made(home: &Home) -> Vec<String> {
    let found = std::fs::read_dir(home.service()).into_iter().flatten().map(|entry| entry.expect("an entry"));
    let mut names: Vec<String> = found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.ends_with("postgres-seen"));
    names.sort();
    names
}

/// Waits for what a part of the start says of itself.
fn part(process: &mut Process, part: &str, state: &str) -> Value {
    process.hears(&format!("{part} {state}"), |value| {
        value["event"] == "start" && value["part"] == part && value["state"] == state
    })
}

fn joins(home: &Home, service: &mut Process, identity: &Path) -> (Process, u64) {
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    let mut peer = home.join(&identity.display().to_string(), &invite);
    let number = peer.event("active")["player"].as_u64().expect("a number");
    (peer, number)
}

/// A service that waits for both of its clusters, then serves two peers, the second one while the keys are out of reach.
/// What it told of durable ticks, and its peers' numbers with their identities.
fn first_life(fleet: &mut Fleet) -> (Vec<Value>, Vec<(PathBuf, u64)>) {
    let home = fleet.member();
    fleet.worlds.stop();
    fleet.keys.stop();
    let mut service = home.serve("");
    part(&mut service, "store", "waiting");
    std::thread::park_timeout(Duration::from_secs(2));
    fleet.worlds.restart();
    part(&mut service, "keys", "waiting");
    assert_eq!(made(&home), [""; 0], "nothing is made while keys may be missing");
    fleet.keys.restart();
    let after = |value: &Value| value["after_ms"].as_u64().expect("a time");
    let (store, keys) = (part(&mut service, "store", "ready"), part(&mut service, "keys", "ready"));
    let (began, world) = (part(&mut service, "keys", "starting"), part(&mut service, "world", "starting"));
    assert!(after(&store) >= 2000, "it was not there before: {store}");
    assert!(
        after(&began) >= after(&store) && after(&world) >= after(&keys),
        "who depends on it waits: {began} {world}"
    );
    let (first, second) = (fleet.outside.path("first.key"), fleet.outside.path("second.key"));
    let (first_peer, first_number) = joins(&home, &mut service, &first);
    fleet.worlds.await_that("SELECT count(*) = 1 FROM spacetime.seats");
    fleet.keys.kill();
    home.status_until("to miss the keys", |status| status["health"]["parts"]["keys"]["state"] == "degraded");
    let (second_peer, second_number) = joins(&home, &mut service, &second);
    // It is tried every 500 ms.
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let seats = fleet.worlds.sql("SELECT count(*) FROM spacetime.seats");
        assert_eq!(seats, "1", "nobody is written down without a key");
        std::thread::park_timeout(Duration::from_millis(200));
    }
    fleet.keys.restart();
    fleet.worlds.await_that("SELECT count(*) = 2 FROM spacetime.seats");
    home.status_until("to have the keys", |status| status["health"]["parts"]["keys"]["state"] == "well");
    let mut told = Vec::new();
    for _ in 0..5 {
        let last = told.last().map_or(0, |mark: &Value| mark["tick"].as_u64().unwrap_or(0));
        let status = home.status_until("more", |status| status["durable"]["tick"].as_u64() > Some(last));
        assert_eq!(status["health"]["parts"]["store"]["state"], "well", "{status}");
        told.push(status["durable"].clone());
    }
    service.crashes();
    first_peer.crashes();
    second_peer.crashes();
    (told, vec![(first, first_number), (second, second_number)])
}

#[test]
fn a_service_that_lost_its_disk_goes_on_from_its_last_durable_tick_with_everybody_in_their_place() {
    let mut fleet = Fleet::start();
    let (told, peers) = first_life(&mut fleet);
    assert_eq!(peers.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [1, 2]);
    let home = fleet.member();
    let mut service = home.serving();
    let resumed = service.event("resumed");
    let last = told.last().expect("ticks")["tick"].as_u64().expect("a tick");
    assert!(resumed["tick"].as_u64() >= Some(last), "{last} was durable: {resumed}");
    // The other way round: numbers are known, not given anew.
    let mut back = Vec::new();
    for (identity, number) in peers.iter().rev() {
        let (peer, found) = joins(&home, &mut service, identity);
        assert_eq!(found, *number);
        back.push(peer);
    }
    let key = fleet.outside.told(&format!("key --json --identity {}", fleet.outside.path("identity").display()));
    assert_eq!(key["made"], false, "the service is who it was: {key}");
    assert_eq!(
        made(&home),
        ["api-keys", "control.socket", "position-main", "recordings"],
        "neither people's keys nor an identity were made"
    );
    back.into_iter().for_each(Process::crashes);
    service.stops();
    let file = home.path("all.strec");
    home.told(&format!("db export --json {}", file.display()));
    let log = digests(&file);
    for mark in told.iter().chain([&resumed]) {
        let tick = mark["tick"].as_u64().expect("a tick");
        assert_eq!(log.get(&tick).map(String::as_str), mark["digest"].as_str(), "tick {tick}");
    }
    refuses_without_its_keys(&fleet);
}

/// On a fleet with people: whatever of the keys is missing or in a wrong place is told in one sentence, and nothing is made.
fn refuses_without_its_keys(fleet: &Fleet) {
    let shown = |name: &str| fleet.outside.path(name).display().to_string();
    let refused = |home: &Home, what: &str| {
        home.refused("serve", what);
        assert_eq!(made(home), [""; 0], "{what}");
    };
    // No keys named at all, as in a container that was started with half of its configuration.
    let home = fleet.changed("[keys]\nkind = \"postgres\"\nmaster_key_file", "[keys]\nmaster_key_file");
    refused(&home, "holds people, and there is no store of their keys at");
    let file = format!("master_key_file = {:?}\n", shown("master"));
    refused(&fleet.changed(&file, ""), "keys.kind is postgres, and there is no master key: name its file with");
    refused(&fleet.changed(&shown("master"), &shown("nowhere")), "nowhere: No such file");
    refused(&fleet.changed(&shown("identity"), &shown("nobody")), "there is no identity, which session.identity_file");
    MasterKey::create(&fleet.outside.path("other")).expect("a key");
    refused(&fleet.changed(&shown("master"), &shown("other")), "which was not given: give the service that one");
    // The keys among the worlds, and both the wrong way round.
    let both = fleet.member_as("spacetime_app", &fleet.worlds);
    refused(&both, "lead to one PostgreSQL server: give the keys one of their own");
    let [of_worlds, of_keys] = [&fleet.worlds, &fleet.keys].map(|cluster| cluster.port().to_string());
    let swapped = fleet.configuration("spacetime_app", &fleet.keys);
    let swapped = swapped.replace(&of_worlds, "PORT").replace(&of_keys, &of_worlds).replace("PORT", &of_keys);
    let [certificate, other] = [&fleet.worlds, &fleet.keys].map(|c| c.root_certificate().display().to_string());
    let swapped = swapped.replace(&certificate, "FILE").replace(&other, &certificate).replace("FILE", &other);
    let home = Home::new();
    home.configure(&swapped);
    refused(&home, "it is no store of");
    // One key is gone, then all of them.
    fleet.keys.sql("DELETE FROM spacetime.person_keys WHERE person = (SELECT min(person) FROM spacetime.person_keys)");
    refused(&fleet.member(), "lacks the keys of 1 of the people of the world main, such as person");
    let resigned = fleet.changed("[keys]\n", "[keys]\nlost = \"erase\"\n");
    resigned.serving().stops();
    assert_eq!(fleet.worlds.sql("SELECT count(*) FROM spacetime.seats WHERE private = ''"), "1", "whose key was lost");
    fleet.member().serving().stops();
    fleet.keys.sql("DELETE FROM spacetime.person_keys");
    refused(&fleet.member(), "holds people, and the PostgreSQL store of keys has none of their keys: bring");
    assert_eq!(fleet.keys.sql("SELECT count(*) FROM spacetime.person_keys"), "0", "and none was made");
}

/// Writes somebody into the world of a service that does not run.
fn seat_somebody(home: &Home) {
    app::serve::ask::runtime().expect("a runtime").block_on(async {
        let open =
            |name: &str| Arc::new(Embedded::open(&home.service().join(name)).expect("a store")) as Arc<dyn Store>;
        let (store, keys) = (open("world.redb"), open("keys.redb"));
        let master = MasterKey::from_file(&home.service().join("master.key")).expect("it is there");
        let people = People::open(Arc::clone(&store), keys, master).await.expect("both stores");
        let world = Name::new("main").expect("a name");
        let seat = people.seat(&world, 1, PersonId(7), &[1; 32]).await.expect("a seat");
        let batch = Batch::put([Record::Seat(seat)]).expect("a batch").fenced(world, Epoch(2));
        store.commit(&batch).await.expect("it is written");
    });
}

#[test]
fn keys_that_are_lost_are_not_made_anew() {
    let home = Home::new();
    home.serving().stops();
    let (keys, master) = (home.service().join("keys.redb"), home.service().join("master.key"));
    let aside = |path: &Path| path.with_extension("aside");
    // As long as there is nobody, nothing is lost with them.
    std::fs::remove_file(&keys).expect("it was there");
    home.serving().stops();
    seat_somebody(&home);
    let there = made(&home);
    assert_eq!(there, ["api-keys", "identity", "keys.redb", "master.key", "position-main", "recordings", "world.redb"]);
    let put = |from: &Path, to: &Path| std::fs::rename(from, to).expect("it is moved");
    put(&master, &aside(&master));
    home.refused("serve", "the master key around them is not at");
    put(&keys, &aside(&keys));
    for _ in 0..2 {
        home.refused("serve", "world.redb holds people, and there is no store of their keys at");
    }
    put(&aside(&master), &master);
    home.refused("serve", "holds people, and there is no store of their keys at");
    assert!(!keys.exists(), "no other one was made");
    // An empty one in its place, as a restore by halves leaves it.
    Embedded::open(&keys).expect("a store").close();
    home.refused("serve", "keys.redb has none of their keys: bring the store of keys and its master key");
    put(&aside(&keys), &keys);
    home.serving().stops();
    assert_eq!(made(&home), there);
    // What is missing is told to who only starts to use the service elsewhere, too.
    let elsewhere = Home::new();
    let store = home.service().join("world.redb");
    elsewhere.configure(&format!("[store]\npath = {:?}\n", store.display()));
    let out = elsewhere.run("serve");
    assert!(text(&out.stderr).contains("there is no store of their keys at"), "{}", text(&out.stderr));
    assert_eq!(made(&elsewhere), [""; 0]);
}
