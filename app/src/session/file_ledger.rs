//! The session's recording, as a ledger: a file for each world that is installed, the first one by the name that was
//! given. Must never write over a recording that it goes on from.

use std::path::PathBuf;

use netcode::protocol::signed::SignedEntries;
use sim::recording::Fork;

use super::ledger::Ledger;
use super::recorder::{SessionRecorder, Status};
use super::signed::Origin;
use super::world::{Played, SimWorld};
use crate::record;
use crate::replay::Recording;

/// Records to files.
pub(super) struct FileLedger {
    /// Where to; nothing is recorded if not given.
    base: Option<PathBuf>,
    options: record::Options,
    recorder: Option<SessionRecorder>,
    /// Recordings that were begun, the last one last.
    recorded: Vec<PathBuf>,
    failure: Option<String>,
    parts: u32,
}

impl FileLedger {
    pub(super) fn new(base: Option<PathBuf>, options: record::Options) -> Self {
        Self { base, options, recorder: None, recorded: Vec::new(), failure: None, parts: 0 }
    }

    /// Where the recording that is written now goes.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.recorder.as_ref().and(self.recorded.last())
    }

    /// How the recording is doing, if there is one now.
    pub(super) fn status(&self) -> Option<Status> {
        self.recorder.as_ref().map(SessionRecorder::status)
    }

    /// Why there is no recording any more, or none of all, although there should be one.
    pub(super) fn failure(&self) -> Option<String> {
        let stopped = || self.recorder.as_ref().and_then(|recorder| recorder.status().stopped);
        self.failure.clone().or_else(stopped)
    }

    /// Recordings that were written, and what went wrong.
    pub(super) fn finish(mut self) -> (Vec<PathBuf>, Option<String>) {
        self.ended(None);
        (self.recorded, self.failure)
    }

    /// Begins a recording with the state that was installed.
    fn begin(&mut self, turn: u64, world: &SimWorld, snapshot: &[u8]) {
        let Some(base) = &self.base else { return };
        self.parts += 1;
        let path = if self.parts == 1 {
            base.clone()
        } else {
            let stem = base.file_stem().unwrap_or_default().to_string_lossy();
            base.with_file_name(format!("{stem}-{}.strec", self.parts))
        };
        let simulation = world.simulation();
        // Only the first part goes on from where the recording that was resumed ended.
        let fork = self.options.fork.clone().filter(|fork| fork.tick == simulation.tick().0);
        let options = record::Options { fork, ..self.options.clone() };
        let tick = simulation.tick().0;
        let origin = Origin { turn, tick, ticks_per_turn: world.ticks_per_turn() };
        match SessionRecorder::begin(&path, simulation.scenario(), tick, snapshot, options, origin) {
            Ok(recorder) => {
                self.recorder = Some(recorder);
                self.recorded.push(path);
            }
            Err(failure) => self.note_failure(&failure.to_string()),
        }
    }

    fn note_failure(&mut self, sentence: &str) {
        tracing::error!("{sentence}");
        let earlier = self.failure.take().map_or(String::new(), |earlier| format!("{earlier}; "));
        self.failure = Some(earlier + sentence);
    }
}

impl Ledger for FileLedger {
    fn installed(&mut self, turn: u64, world: &SimWorld, snapshot: &[u8]) {
        self.begin(turn, world, snapshot);
    }

    fn played(&mut self, played: &Played) {
        if let Some(recorder) = &mut self.recorder {
            recorder.push(played);
        }
    }

    fn signed(&mut self, entries: &SignedEntries) {
        if let Some(recorder) = &mut self.recorder {
            recorder.signed(Box::new(entries.clone()));
        }
    }

    fn ended(&mut self, last: Option<Vec<u8>>) {
        let Some(mut recorder) = self.recorder.take() else { return };
        if let Some(snapshot) = last {
            recorder.keyframe(snapshot);
        }
        if let Err(failure) = recorder.finish() {
            self.note_failure(&failure.to_string());
        }
    }

    /// The next recording says which one it goes on from.
    fn forked(&mut self, turn: u64, world: &SimWorld, snapshot: &[u8]) {
        let Some(mut recorder) = self.recorder.take() else { return };
        let path = recorder.status().path;
        recorder.keyframe(snapshot.to_vec());
        let finished = recorder.finish().map(drop);
        match finished.and_then(|()| Recording::open(&path)) {
            Ok(original) => {
                let identity = original.reader.identity();
                let simulation = world.simulation();
                let (tick, digest) = (simulation.tick().0, simulation.digest().total);
                self.options.fork = Some(Fork { identity, tick, digest });
                self.begin(turn, world, snapshot);
            }
            Err(failure) => self.note_failure(&failure.to_string()),
        }
    }
}
