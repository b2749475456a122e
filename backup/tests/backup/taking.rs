//! Backups that are taken while somebody writes, through a socket, into two folders, into a full one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backup::repository::{Repository, RepositoryError};
use backup::take::{TakeError, take};
use persistence::remote::{Control, bind, serve};
use persistence::{Batch, Embedded, Key, Millis, PersonId, Record, Store};
use persistence_testkit::records;

use crate::support::{NOW, Place, all, import, large_store, main_name, open, store_with_each, told, wait};

/// People whose things go round.
const PEOPLE: u64 = 8;
/// Things that each has at first.
const THINGS: u64 = 1000;

/// What somebody has.
fn count(record: &Record) -> u64 {
    let Record::Inventory(inventory) = record else { return 0 };
    inventory.items.iter().map(|item| item.count).sum()
}

/// Gives one thing to the next person, in one batch.
async fn trade(store: &dyn Store, round: u64) {
    let mut changed = Vec::new();
    for (person, gain) in [(1 + round % PEOPLE, -1), (1 + (round + 1) % PEOPLE, 1)] {
        let key = Key::Inventory(PersonId(person));
        let Some(Record::Inventory(mut inventory)) = store.get(&key).await.unwrap() else { panic!("an inventory") };
        inventory.rev = inventory.rev.next();
        inventory.items[0].count = inventory.items[0].count.checked_add_signed(gain).unwrap();
        changed.push(Record::Inventory(inventory));
    }
    store.commit(&Batch::put(changed).unwrap()).await.unwrap();
}

/// Whatever moment a copy is of, nothing is lost or made in it.
#[test]
fn a_backup_is_of_one_moment_while_others_write() {
    let place = Place::new();
    let store = open(&place.path("store"));
    wait(async {
        for person in 1..=PEOPLE {
            let mut inventory = records::inventory(person, 1, 1);
            inventory.items[0].count = THINGS;
            import(&*store, vec![Record::Inventory(inventory)]).await;
        }
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (store, is_over) = (Arc::clone(&store), Arc::clone(&is_over));
        move || {
            let mut rounds = 0;
            wait(async {
                while !is_over.load(Ordering::Relaxed) {
                    trade(&*store, rounds).await;
                    rounds += 1;
                }
            });
            rounds
        }
    });
    let repository = Repository::new(place.path("r1"));
    for minute in 0..6 {
        let now = Millis(NOW.0 + minute * 60_000);
        wait(async {
            let taken =
                take(&*store, &main_name(), &place.key(), now, std::slice::from_ref(&repository)).await.unwrap();
            assert!(taken.places[0].outcome.is_ok(), "{:?}", taken.places);
        });
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(writer.join().unwrap() > 0);
    let mut states = std::collections::BTreeSet::new();
    for entry in repository.list().unwrap() {
        let (mut reader, mut found) = (entry.open(&place.key()).unwrap(), Vec::new());
        while let Some(record) = reader.next_record().unwrap() {
            found.push(count(&record));
        }
        assert_eq!(found.iter().sum::<u64>(), PEOPLE * THINGS, "{found:?}");
        states.insert(found);
    }
    assert!(states.len() > 1, "nothing was written meanwhile");
}

/// A service that has this file.
struct Has(std::path::PathBuf);

#[async_trait::async_trait]
impl Control for Has {
    async fn ask(&self, question: &str) -> Result<String, String> {
        assert_eq!(question, "status");
        Ok(serde_json::json!({ "store": persistence::Embedded::place(&self.0) }).to_string())
    }
}

/// The service has the file open; its socket gives the copy, and the file is taken when nobody listens.
#[test]
fn a_running_service_is_asked_by_its_socket() {
    let place = Place::new();
    let written = store_with_each(&place.path("store"));
    let now = "now --store store --socket socket";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = open(&place.path("store"));
    let listener = runtime.block_on(bind(&place.path("socket"))).unwrap();
    let served =
        runtime.spawn(serve(listener, Arc::clone(&store) as Arc<dyn Store>, Arc::new(Has(place.path("store")))));
    let (code, _, error) = place.run("now --store store");
    assert_eq!(code, 2);
    assert!(error.contains("another process has the store open"), "{error}");
    place.must(now);
    // What was named is what is backed up, or nothing.
    store_with_each(&place.path("other"));
    let (code, _, error) = place.run("now --store other --socket socket");
    assert_eq!(code, 2);
    assert!(error.contains("has another store"), "{error}");
    served.abort();
    store.close();
    place.must(now);
    assert_eq!(place.backups("r1").len(), 2);
    place.must("restore latest --to restored --erasures-later");
    assert_eq!(wait(all(&*open(&place.path("restored")))), written);
    std::fs::remove_file(place.path("socket")).unwrap();
    let (code, _, error) = place.run("now --socket socket");
    assert_eq!(code, 2);
    assert!(error.contains("no service listens"), "{error}");
}

#[test]
fn a_folder_that_fails_does_not_stop_the_other() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    place.must("now --store store --repo2 r2");
    let names = |folder: &str| place.names(folder);
    assert_eq!((names("r1"), names("r1").len()), (names("r2"), 2), "the lock and one backup");
    let bytes = |folder: &str| std::fs::read(&place.backups(folder)[0]).unwrap();
    assert_eq!(bytes("r1"), bytes("r2"));
    // The first folder is none.
    std::fs::remove_dir_all(place.path("r1")).unwrap();
    std::fs::write(place.path("r1"), "").unwrap();
    let (code, out, error) = place.run("now --store store --repo2 r2");
    assert_eq!(code, 2, "{out}{error}");
    assert!(error.contains("not everywhere") && error.contains("r1"), "{error}");
    assert_eq!(place.backups("r2").len(), 2);
    // Nor is the second.
    std::fs::rename(place.path("r2"), place.path("r3")).unwrap();
    std::fs::write(place.path("r2"), "").unwrap();
    let (code, _, error) = place.run("now --store store --repo2 r2");
    assert_eq!(code, 2);
    assert!(error.contains("there is no backup"), "{error}");
    std::fs::remove_file(place.path("r1")).unwrap();
    let (code, _, error) = place.run("now --store store --repo2 r2");
    assert_eq!(code, 2);
    assert!(error.contains("not everywhere") && error.contains("r2"), "{error}");
    assert_eq!(place.backups("r1").len(), 1);
}

#[test]
fn two_runs_do_not_mix() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    let repository = Repository::new(place.path("r1"));
    let locked = repository.lock().unwrap();
    assert!(matches!(repository.lock().map(drop), Err(RepositoryError::Busy(_))));
    let (code, _, error) = place.run("now --store store");
    assert_eq!(code, 2);
    assert!(error.contains("in use by another run"), "{error}");
    drop(locked);
    place.must("now --store store");
}

/// A process that dies in the middle leaves no backup that is listed, and what it leaves the next one removes.
#[test]
fn a_run_that_is_cut_off_leaves_no_half_backup() {
    let place = Place::new();
    large_store(&place.path("store"), 24);
    let mut cut = 0;
    for trial in 0..12 {
        let mut child = place.command("now --store store").stdout(std::process::Stdio::null()).spawn().unwrap();
        // As soon as something of it is there, and a little later each time.
        let began = std::time::Instant::now();
        while place.names("r1").is_empty() && began.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        let _ = std::sync::mpsc::channel::<()>().1.recv_timeout(Duration::from_millis(trial * 9));
        child.kill().unwrap();
        child.wait().unwrap();
        cut += usize::from(place.names("r1").iter().any(|name| name.ends_with(".part")));
        for entry in Repository::new(place.path("r1")).list().unwrap() {
            entry.verify(&place.key()).unwrap();
        }
    }
    assert!(cut > 0, "no run was cut off in the middle");
    place.must("now --store store");
    assert!(place.names("r1").iter().all(|name| !name.ends_with(".part")), "{:?}", place.names("r1"));
}

/// A file system of its own that is full, where we may mount one; else a limit on the size of files.
struct Tiny<'a> {
    place: &'a Place,
    is_mounted: bool,
}

impl<'a> Tiny<'a> {
    fn new(place: &'a Place) -> Self {
        std::fs::create_dir(place.path("r1")).unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(place.path("r1"))
            .stderr(std::process::Stdio::null())
            .status();
        Self { place, is_mounted: mount.is_ok_and(|status| status.success()) }
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        if self.is_mounted {
            return self.place.run(line);
        }
        let script = "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"";
        let command = self.place.command(line);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
        told(&shell.current_dir(self.place.folder.path()).output().unwrap())
    }
}

impl Drop for Tiny<'_> {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = std::process::Command::new("umount").arg(self.place.path("r1")).status();
        }
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let place = Place::new();
    large_store(&place.path("store"), 2);
    let tiny = Tiny::new(&place);
    let (code, out, error) = tiny.run("now --store store");
    assert_eq!(code, 2, "{out}{error}");
    assert!(error.contains("there is no backup") && (error.contains("space") || error.contains("large")), "{error}");
    assert_eq!(place.names("r1"), [".lock"]);
    if tiny.is_mounted {
        let (code, _, error) = tiny.run("now --store store --repo2 r2");
        assert_eq!(code, 2);
        assert!(error.contains("not everywhere"), "{error}");
        assert_eq!(place.backups("r2").len(), 1);
    }
}

#[test]
fn a_store_that_fails_gives_no_backup() {
    let place = Place::new();
    let store = Embedded::open(&place.path("store")).unwrap();
    store.close();
    let repository = Repository::new(place.path("r1"));
    let taken = wait(take(&store, &main_name(), &place.key(), NOW, &[repository])).unwrap();
    assert!(matches!(taken.places[0].outcome, Err(TakeError::Store(_))), "{:?}", taken.places);
    assert_eq!(place.names("r1"), [".lock"]);
    let (code, _, error) = place.run("now --store nowhere");
    assert_eq!(code, 2);
    assert!(error.contains("no such file") && !place.path("nowhere").exists(), "{error}");
}
