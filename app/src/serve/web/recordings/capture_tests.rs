//! Captures by data: the session's side of them without a session.

use sim::recording::Reader;
use sim::{Scenario, Simulation};

use super::*;
use crate::serve::config::Recordings as Limits;
use crate::session::world::PlayedTick;
use api::clock::Moment;
use netcode::protocol::Turn;

/// A world with the session's side of its captures.
struct World {
    folder: tempfile::TempDir,
    desk: Arc<Desk>,
    ledger: CaptureLedger,
    simulation: Simulation,
}

impl World {
    fn new(file_bytes: u64) -> Self {
        Self::on_disk(file_bytes, 0)
    }

    /// The same where so much of the disk is to be left.
    fn on_disk(file_bytes: u64, free_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("recordings");
        let limits = Limits { folder: at, count: 3, bytes: 1 << 30, file_bytes, free_bytes };
        let shelf = Arc::new(Shelf::open(limits).unwrap());
        let desk = Arc::new(Desk::new(Arc::default(), shelf));
        let scenario = Scenario::parse("name = \"small\"\n").unwrap();
        let mut ledger = CaptureLedger::new(Arc::clone(&desk));
        ledger.scenario = Some(Arc::new(scenario.clone()));
        Self { folder, desk, ledger, simulation: Simulation::new(&scenario) }
    }

    /// Asks for a capture, and gives it the state that it begins with.
    fn start(&mut self, id: TimedId) -> Result<Recording, RecordingError> {
        self.started(id, || {})
    }

    fn started(&mut self, id: TimedId, before: impl FnOnce()) -> Result<Recording, RecordingError> {
        let desk = Arc::clone(&self.desk);
        let asking = std::thread::spawn(move || run(desk.start(shelf::empty(id))));
        while !self.ledger.wants_state() {
            if asking.is_finished() {
                return asking.join().unwrap();
            }
            std::thread::park_timeout(LOOK);
        }
        before();
        self.ledger.state(self.simulation.tick().0, 0, self.simulation.snapshot());
        asking.join().unwrap()
    }

    fn turn(&mut self) {
        let frame = InputFrame::default();
        let report = self.simulation.step(&frame);
        let tick = report.tick;
        self.ledger.played(&Played {
            turn: Turn(tick.0),
            ticks: vec![PlayedTick { frame, report, of_host: Vec::new() }],
            keyframe: None,
            orders: Vec::new(),
            control: Arc::default(),
            tick,
            of_host: None,
            waits: false,
            is_regular: true,
        });
        if self.ledger.wants_state() {
            self.ledger.state(tick.0, 0, self.simulation.snapshot());
        }
    }

    /// Goes on until the capture has ended by itself.
    fn until_ended(&mut self) -> Recording {
        for _ in 0..100_000 {
            self.turn();
            let begun = locked(&self.desk.begun).as_ref().map(|begun| begun.ended.clone());
            if begun.is_some_and(|ended| ended.borrow().is_some()) {
                return run(self.desk.stop()).unwrap();
            }
        }
        panic!("it does not end");
    }

    fn is_complete(&self, id: TimedId) -> bool {
        let file = std::fs::File::open(self.folder.path().join(format!("recordings/{id}.strec"))).unwrap();
        Reader::open(std::io::BufReader::new(file)).unwrap().check().unwrap().is_complete()
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    crate::serve::ask::runtime().unwrap().block_on(future)
}

fn drawn() -> TimedId {
    TimedId::draw(Moment(7)).unwrap()
}

#[test]
fn a_capture_that_is_as_large_as_it_may_be_ends_whole_and_says_so() {
    let (mut world, id) = (World::new(40_000), drawn());
    assert_eq!(world.start(id).unwrap().state, Wholeness::Live);
    let ended = world.until_ended();
    assert_eq!((ended.state, ended.bytes > 40_000), (Wholeness::Complete, true), "{ended:?}");
    assert!(ended.why.is_some_and(|why| why.contains("recordings.file_mb_max")));
    assert!(world.is_complete(id) && world.desk.capturing().is_none());
    // Told once; the next one begins though nothing is played.
    assert!(matches!(run(world.desk.stop()), Err(RecordingError::Conflict(_))));
    assert_eq!(world.start(drawn()).unwrap().first_tick, world.simulation.tick().0);
}

#[test]
fn a_log_that_goes_on_elsewhere_ends_a_capture_where_it_was() {
    let (mut world, id) = (World::new(1 << 30), drawn());
    world.start(id).unwrap();
    (0..100).for_each(|_| world.turn());
    let reached = world.simulation.tick().0;
    world.simulation.step(&InputFrame::default());
    let ended = world.until_ended();
    assert_eq!((ended.state, ended.last_tick), (Wholeness::Complete, reached));
    assert!(ended.why.is_some_and(|why| why.contains("from another tick")) && world.is_complete(id));
}

#[test]
fn a_disk_that_is_full_is_told_and_leaves_room_for_others() {
    let mut world = World::new(1 << 30);
    for _ in 0..5 {
        let id = drawn();
        let file = world.folder.path().join(format!("recordings/{id}.strec"));
        let full = || std::os::unix::fs::symlink("/dev/full", &file).unwrap();
        match world.started(id, full) {
            Err(RecordingError::Conflict(why)) => assert!(!why.contains('/') && !why.is_empty(), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(world.desk.shelf.get(id).is_none() && !file.exists());
    }
    world.start(drawn()).unwrap();
}

#[test]
fn of_a_disk_something_is_left() {
    let (mut world, id) = (World::on_disk(1 << 30, u64::MAX), drawn());
    match world.start(id) {
        Err(RecordingError::Conflict(why)) => assert!(why.contains("recordings.free_mb_min"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(world.desk.shelf.get(id).is_none());
    assert_eq!(std::fs::read_dir(world.folder.path().join("recordings")).unwrap().count(), 0);
}

#[test]
fn a_capture_ends_where_the_disk_fills_up() {
    let (mut world, id) = (World::on_disk(1 << 30, 1), drawn());
    world.start(id).unwrap();
    (0..100).for_each(|_| world.turn());
    crate::serve::web::recordings::tests::onto_a_full_disk(&world.folder.path().join("recordings"));
    let ended = world.until_ended();
    assert!(ended.why.as_ref().is_some_and(|why| why.contains("recordings.free_mb_min")), "{ended:?}");
}

#[test]
fn ended_with_its_service_it_is_whole() {
    let (mut world, id) = (World::new(1 << 30), drawn());
    world.start(id).unwrap();
    (0..200).for_each(|_| world.turn());
    let last = world.simulation.snapshot();
    world.ledger.ended(Some(last));
    run(world.desk.end(Duration::from_secs(20)));
    let kept = world.desk.shelf.get(id).unwrap();
    assert_eq!((kept.state, kept.last_tick), (Wholeness::Complete, world.simulation.tick().0));
    assert!(kept.why.is_some_and(|why| why.contains("the service ended")) && world.is_complete(id));
}
