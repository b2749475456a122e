//! What these tests share: a folder with a key, stores to back up, and the program. Must never leave anything behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use backup::key::BackupKey;
use persistence::{
    Batch, Change, Digest, Embedded, Epoch, Key, Millis, Name, Record, Segment, Snapshot, Store, Text, Tick, World,
};
use persistence_testkit::records::{self, name};
use sim::recording::{FORMAT_VERSION, pack_keyframe, pack_segment};
use sim::{Command as Order, InputFrame, Membership, PlayerId, Role, Scenario, Simulation};
use tempfile::TempDir;

/// A moment in 2026.
pub const NOW: Millis = Millis(1_795_435_489_000);
/// Ticks of a segment of [`fly`].
pub const SEGMENT_TICKS: u64 = 40;

/// A folder with two repositories and a key, not made yet but the key.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        std::fs::write(place.path("key"), "2a".repeat(32)).expect("a key file");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(place.path("key"), mode).expect("its mode");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn key(&self) -> BackupKey {
        BackupKey::from_file(&self.path("key")).expect("the key")
    }

    /// The program with the first repository and the key, in this folder.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spacetime-backup"));
        command
            .current_dir(self.folder.path())
            .args(["--repo", "r1", "--key-file", "key"])
            .args(line.split_whitespace());
        for name in ["SPACETIME_CONFIG", "SPACETIME_BACKUP_KEY", "SPACETIME_BACKUP_REPO", "SPACETIME_BACKUP_REPO2"] {
            command.env_remove(name);
        }
        command
    }

    /// Exit code, standard output, standard error.
    pub fn run(&self, line: &str) -> (i32, String, String) {
        told(&self.command(line).output().expect("the program starts"))
    }

    /// The same, which has to go well.
    pub fn must(&self, line: &str) -> String {
        let (code, out, error) = self.run(line);
        assert_eq!(code, 0, "{line}: {out}{error}");
        out
    }

    /// Names of the files in a folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(items) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let name = |item: std::io::Result<std::fs::DirEntry>| item.expect("an entry").file_name();
        let mut names: Vec<String> = items.map(|item| name(item).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Files of whole backups.
    pub fn backups(&self, folder: &str) -> Vec<PathBuf> {
        let names = self.names(folder).into_iter().filter(|name| name.ends_with(".stbackup"));
        names.map(|name| self.path(folder).join(name)).collect()
    }
}

pub fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Runs on a runtime of one thread.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// Writes records that may have any revision.
pub async fn import(store: &dyn Store, records: Vec<Record>) {
    for record in records {
        let world = record.key().world().cloned();
        let mut batch = Batch::new(vec![Change::Import(record)]).expect("random numbers");
        if let Some(world) = world {
            let Some(Record::World(found)) = store.get(&Key::World(world.clone())).await.expect("the world") else {
                panic!("a world for its parts")
            };
            batch = batch.fenced(world, found.epoch);
        }
        store.commit(&batch).await.expect("a record that fits");
    }
}

/// All records of a store that a backup has.
pub async fn all(store: &dyn Store) -> Vec<Record> {
    let mut copy = store.copy(&backup::archive::kinds()).await.expect("a copy");
    let mut records = Vec::new();
    while let Some(record) = copy.recv().await {
        records.push(record.expect("a record"));
    }
    records
}

/// A store with a record of each kind, among them a world that has no real log.
pub fn store_with_each(path: &Path) -> Vec<Record> {
    wait(async {
        let store = Embedded::open(path).expect("a store");
        import(&store, vec![Record::World(records::world("w"))]).await;
        import(&store, records::one_of_each()).await;
        let all = all(&store).await;
        store.close();
        all
    })
}

/// A store with so much in it that it takes its time: payloads that do not compress.
pub fn large_store(path: &Path, megabytes: u64) {
    wait(async {
        let store = Embedded::open(path).expect("a store");
        import(&store, vec![Record::World(records::world("w"))]).await;
        for tick in 0..megabytes {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&tick.to_le_bytes());
            let mut noise = records::snapshot("w", tick, 0);
            noise.payload = vec![0; 1 << 20];
            hasher.finalize_xof().fill(&mut noise.payload);
            import(&store, vec![Record::Snapshot(noise.hashed())]).await;
        }
        store.close();
    });
}

/// A flight with its digest after each tick.
pub struct Flight {
    pub frames: Vec<InputFrame>,
    pub digests: Vec<u64>,
}

/// Flies the world `flown` for some ticks into a store: a save at tick 0 and at every third segment's end.
pub async fn fly(store: &dyn Store, ticks: u64) -> Flight {
    let scenario = Scenario::parse(include_str!("../../../fixtures/scenarios/twin-paradox.toml")).expect("a scenario");
    let world = World {
        scenario: Text(scenario.text.to_string()),
        results_revision: u32::try_from(sim::RESULTS_REVISION).expect("a small number"),
        epoch: Epoch(3),
        ..records::world("flown")
    };
    import(store, vec![Record::World(world)]).await;
    let mut simulation = Simulation::new(&scenario);
    let mut flight = Flight { frames: Vec::new(), digests: Vec::new() };
    import(store, vec![save(&simulation)]).await;
    while simulation.tick().0 < ticks {
        let first = simulation.tick().0;
        for tick in first..(first + SEGMENT_TICKS).min(ticks) {
            let frame = frame(tick);
            flight.digests.push(simulation.step(&frame).digest.total);
            flight.frames.push(frame);
        }
        let at = usize::try_from(first).expect("a small number");
        let payload = pack_segment(&flight.frames[at..], &flight.digests[at..]).expect("a segment");
        let piece = Segment {
            digest: Digest(simulation.digest().total),
            ticks: u32::try_from(simulation.tick().0 - first).expect("a small number"),
            format: u32::from(FORMAT_VERSION),
            payload,
            ..records::segment("flown", first, 1, 0)
        };
        import(store, vec![Record::Segment(piece.hashed())]).await;
        if simulation.tick().0.is_multiple_of(3 * SEGMENT_TICKS) {
            import(store, vec![save(&simulation)]).await;
        }
    }
    flight
}

fn save(simulation: &Simulation) -> Record {
    let payload = pack_keyframe(&simulation.snapshot()).expect("a keyframe");
    let (digest, format) = (Digest(simulation.digest().total), u32::from(FORMAT_VERSION));
    let save = Snapshot { digest, format, payload, ..records::snapshot("flown", simulation.tick().0, 0) };
    Record::Snapshot(save.hashed())
}

/// The inputs of a tick: somebody joins and changes the time factor now and then.
fn frame(tick: u64) -> InputFrame {
    let mut frame = InputFrame::default();
    if tick == 0 {
        frame.membership.push(Membership::Join { player: PlayerId(1), role: Role::Operator });
    }
    if tick % 7 == 3 {
        frame.push(PlayerId(1), &Order::SetTimeFactor { quarters: 1 + (tick % 4) as u32 });
    }
    frame
}

/// The state of a world at a tick, from what a store has.
pub async fn resume(store: &dyn Store, world: &str, tick: u64) -> Simulation {
    let world = name(world);
    let Some(Record::World(found)) = store.get(&Key::World(world.clone())).await.expect("a store") else {
        panic!("no world")
    };
    let scenario = Scenario::parse(&found.scenario.0).expect("its scenario");
    let (mut simulation, mut pieces) = (Simulation::new(&scenario), Vec::new());
    for record in all(store).await {
        match record {
            Record::Snapshot(save) if save.world == world && save.tick <= Tick(tick) => {
                let bytes = sim::recording::unpack_keyframe(FORMAT_VERSION, &save.payload).expect("a keyframe");
                simulation = Simulation::restore(&scenario, &bytes).expect("a save");
            }
            Record::Segment(piece) if piece.world == world => pieces.push(piece),
            _ => {}
        }
    }
    for piece in pieces {
        let (frames, _) = sim::recording::unpack_segment(FORMAT_VERSION, piece.ticks, &piece.payload).expect("a log");
        for (at, frame) in (piece.first_tick.0..).zip(frames) {
            if at == simulation.tick().0 {
                simulation.step(&frame);
            }
        }
    }
    simulation
}

pub fn open(path: &Path) -> Arc<Embedded> {
    Arc::new(Embedded::open(path).expect("a store"))
}

pub fn main_name() -> Name {
    name("main")
}
