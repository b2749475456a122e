//! Writes a running simulation to a recording file. Must never buffer whole segments itself: what the codec
//! has written must reach the system at once, so that a killed process loses the open segment at most.

use std::fs::File;
use std::path::{Path, PathBuf};

use sim::recording::{Fork, Header, Writer, Written};
use sim::{InputFrame, Scenario, Simulation};

use crate::exit::Failure;
use crate::output;

/// A recording that is being written.
pub struct Recorder {
    writer: Writer<File>,
    path: PathBuf,
    last_keyframe: u64,
}

/// How a recording is made; the default is what most want.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Ticks between keyframes; ten seconds if not given.
    pub keyframe_ticks: Option<u32>,
    /// Where it was forked from.
    pub fork: Option<Fork>,
}

impl Recorder {
    /// Begins a recording with the state that `simulation` is in. `inputs` are files not to be overwritten.
    ///
    /// # Errors
    /// [`Failure::Unwritable`], or [`Failure::Misused`] for an output that is also an input.
    pub fn create(
        path: &Path,
        scenario: &Scenario,
        simulation: &Simulation,
        options: Options,
        inputs: &[&Path],
    ) -> Result<Self, Failure> {
        Self::begin(path, scenario, simulation.tick().0, &simulation.snapshot(), options, inputs)
    }

    /// Begins a recording with the state at `first_tick`, as a snapshot.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn begin(
        path: &Path,
        scenario: &Scenario,
        first_tick: u64,
        snapshot: &[u8],
        options: Options,
        inputs: &[&Path],
    ) -> Result<Self, Failure> {
        let mut header = Header::new(
            crate::BUILD_ID,
            &scenario.name,
            &scenario.text,
            scenario.tick_rate_hz,
            scenario.seed,
            sim::schema_hash(),
        );
        if let Some(ticks) = options.keyframe_ticks {
            header.keyframe_ticks = ticks;
        }
        header.first_tick = first_tick;
        if let Some(fork) = options.fork {
            header = header.forked(fork);
        }
        let last_keyframe = header.first_tick;
        let file = output::create(path, inputs)?;
        let writer = Writer::new(file, header, snapshot).map_err(|e| Failure::unwritable(path, e))?;
        Ok(Self { writer, path: path.to_owned(), last_keyframe })
    }

    /// Adds the frame that was just stepped, the digest after it, and a keyframe where one is due.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn push(&mut self, frame: &InputFrame, digest: u64, simulation: &Simulation) -> Result<(), Failure> {
        self.add(frame, digest)?;
        if self.writer.wants_keyframe() { self.add_keyframe(&simulation.snapshot()) } else { Ok(()) }
    }

    /// Adds the frame of the next tick and the digest after it.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn add(&mut self, frame: &InputFrame, digest: u64) -> Result<(), Failure> {
        self.writer.push(frame, digest).map_err(|e| Failure::unwritable(&self.path, e))
    }

    /// Adds a keyframe: the state at [`Self::next_tick`], as a snapshot.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn add_keyframe(&mut self, snapshot: &[u8]) -> Result<(), Failure> {
        self.last_keyframe = self.writer.next_tick();
        self.writer.keyframe(snapshot).map_err(|e| Failure::unwritable(&self.path, e))
    }

    /// Writes what was added since the last segment.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|e| Failure::unwritable(&self.path, e))
    }

    /// The tick of the next frame.
    #[must_use]
    pub fn next_tick(&self) -> u64 {
        self.writer.next_tick()
    }

    /// Bytes that are written whole.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.writer.written().bytes
    }

    /// The tick behind the last one that is written whole.
    #[must_use]
    pub fn written_to(&self) -> u64 {
        self.writer.header().first_tick + self.writer.written().ticks
    }

    /// Ticks in a whole segment.
    #[must_use]
    pub fn segment_ticks(&self) -> u64 {
        u64::from(self.writer.header().segment_ticks)
    }

    /// Ends the recording with a keyframe of the last state, so that whatever went wrong in it can be placed.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn finish(mut self, simulation: &Simulation) -> Result<Written, Failure> {
        if self.writer.next_tick() > self.last_keyframe {
            self.add_keyframe(&simulation.snapshot())?;
        }
        self.close()
    }

    /// Ends the recording as it is.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn close(self) -> Result<Written, Failure> {
        let written = self.writer.written();
        let path = self.path;
        let file = self.writer.finish().map_err(|e| Failure::unwritable(&path, e))?;
        // Some files (a pipe, /dev/null) cannot be synchronised; what was written is written.
        if let Err(error) = file.sync_all() {
            tracing::debug!(%error, "recording not synchronised");
        }
        Ok(written)
    }
}
