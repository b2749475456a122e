//! The recordings of a service that has no world: what is on the disk at the start, and what goes on at the same time.

use std::sync::mpsc::channel;

use api::clock::Moment;
use bytes::Bytes;
use sim::{InputFrame, Scenario, Simulation};

use super::*;
use crate::record::{Options, Recorder};

/// The first state.
const FIRST: Span = Span { from_tick: None, to_tick: None, every: 1 };

fn limits(folder: &Path) -> Limits {
    Limits { folder: folder.join("recordings"), count: 2, bytes: 1 << 30, file_bytes: 1 << 30, free_bytes: 0 }
}

fn library(limits: Limits) -> Library {
    Library::open(limits, Arc::default()).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    crate::serve::ask::runtime().unwrap().block_on(future)
}

fn drawn() -> TimedId {
    TimedId::draw(Moment(7)).unwrap()
}

/// A recording of a few ticks.
fn recorded(folder: &Path) -> Bytes {
    let (path, scenario) = (folder.join("made.strec"), Scenario::parse("name = \"small\"\n").unwrap());
    let mut simulation = Simulation::new(&scenario);
    let mut recorder = Recorder::create(&path, &scenario, &simulation, Options::default(), &[]).unwrap();
    for _ in 0..30 {
        simulation.step(&InputFrame::default());
        recorder.push(&InputFrame::default(), simulation.digest().total, &simulation).unwrap();
    }
    recorder.finish(&simulation).unwrap();
    std::fs::read(path).unwrap().into()
}

async fn taken_in(library: &Library, bytes: Bytes) -> Result<Recording, RecordingError> {
    let mut incoming = library.take_in(drawn(), Person(1), None).await?;
    incoming.write(bytes).await?;
    incoming.keep().await
}

#[test]
fn a_file_that_cannot_be_read_is_listed_takes_room_and_can_be_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path());
    let (id, file) = (drawn(), recorded(folder.path()));
    std::fs::create_dir(&limits.folder).unwrap();
    let path = limits.folder.join(format!("{id}.strec"));
    std::fs::write(&path, [0xaa; 5000]).unwrap();
    for _ in 0..2 {
        let library = library(Limits { bytes: 5000, ..limits.clone() });
        let shown = library.get(id).unwrap();
        assert_eq!((shown.state, shown.bytes), (Wholeness::Incomplete, 5000));
        assert!(shown.why.is_some_and(|why| !why.is_empty() && !why.contains('/')));
        assert!(matches!(run(taken_in(&library, file.clone())), Err(RecordingError::Conflict(_))), "it takes room");
        assert!(matches!(run(library.states(id, FIRST)), Err(RecordingError::Refused(_))));
    }
    let library = library(limits);
    run(library.remove(id)).unwrap();
    assert!(!path.exists() && run(taken_in(&library, file)).is_ok());
}

#[test]
fn nothing_is_taken_in_where_the_disk_is_nearly_full() {
    let folder = tempfile::tempdir().unwrap();
    let (file, limits) = (recorded(folder.path()), limits(folder.path()));
    match run(taken_in(&library(Limits { free_bytes: u64::MAX, ..limits.clone() }), file.clone())) {
        Err(RecordingError::Conflict(why)) => assert!(why.contains("recordings.free_mb_min"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(std::fs::read_dir(&limits.folder).unwrap().count(), 0);
    assert!(run(taken_in(&library(limits), file)).is_ok());
}

/// A folder that can be on a disk of which nothing is free from one moment to the next.
pub(super) fn onto_a_full_disk(folder: &Path) {
    // Nothing is free where files are what the system says of itself.
    std::fs::rename(folder, folder.with_extension("before")).unwrap();
    std::os::unix::fs::symlink("/proc", folder).unwrap();
}

#[test]
fn what_comes_while_the_disk_fills_up_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { free_bytes: 1, ..limits(folder.path()) };
    let library = library(limits.clone());
    let refused = run(async {
        let mut incoming = library.take_in(drawn(), Person(1), None).await.unwrap();
        let piece = Bytes::from(vec![7; 300_000]);
        incoming.write(piece.clone()).await.unwrap();
        onto_a_full_disk(&limits.folder);
        incoming.write(piece).await
    });
    assert!(matches!(refused, Err(RecordingError::Conflict(why)) if why.contains("recordings.free_mb_min")));
}

#[test]
fn what_is_taken_away_while_somebody_looks_is_not_kept_open() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(limits(folder.path()));
    let id = run(taken_in(&library, recorded(folder.path()))).unwrap().id;
    let is_open = || {
        let open =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
        open.into_iter().any(|path| path.to_string_lossy().contains(&id.to_string()))
    };
    run(library.states(id, FIRST)).unwrap();
    assert!(is_open(), "it is kept open for who looks next");
    // The cursor is out, as it is while somebody looks: then it comes back.
    let shelf = Arc::clone(&library.shelf);
    let seen = library.look(id, move |looking, file| {
        looking.forget(id);
        let seen = looking.states(id, file, FIRST);
        shelf.remove(id).unwrap();
        seen
    });
    assert_eq!(run(seen).unwrap().states.len(), 1);
    assert!(!is_open());
}

#[test]
fn whoever_looks_does_not_wait_for_what_is_brought_along() {
    let folder = tempfile::tempdir().unwrap();
    let (library, file) = (library(limits(folder.path())), recorded(folder.path()));
    run(async {
        let id = taken_in(&library, file.clone()).await.unwrap().id;
        let (go_on, waits) = channel::<()>();
        // Another large file is being examined.
        library.examining.spawn(move || waits.recv().unwrap_or_default());
        let second = taken_in(&library, file);
        let mut second = std::pin::pin!(second);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
        assert!(early.is_err(), "it is examined by the same thread");
        assert_eq!(library.states(id, FIRST).await.unwrap().states.len(), 1);
        go_on.send(()).unwrap();
        assert_eq!(second.await.unwrap().state, Wholeness::Complete);
    });
}
