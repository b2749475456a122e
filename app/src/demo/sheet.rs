//! The demo's contact sheet: a row for each pilot, seen from behind. Must never make the demo fail: where nothing can draw,
//! it is left out, and a sentence says so.

use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::progress::Progress;
use crate::replay::Recording;
use crate::replay::render::MOMENTS;
use crate::replay::render::sheet::{self, Plan};
use crate::view::camera::CameraSpec;

/// The sheet, or why there is none.
pub type Sheet = Result<PathBuf, String>;

/// Draws the sheet of a recording in which the ships 1 to `pilots` are flown.
///
/// # Errors
/// [`Failure`] for a recording that cannot be read, and a picture that cannot be written.
pub fn draw(recording: &mut Recording, pilots: usize, png: &Path, progress: Progress) -> Result<Sheet, Failure> {
    let cameras = (1..=pilots).map(|ship| CameraSpec::parse(&format!("chase:{ship},distance=20")));
    let cameras = cameras.collect::<Result<Vec<_>, _>>().map_err(Failure::Misused)?;
    let plan = Plan::new(recording.reader.ticks().start, recording.last_tick(), MOMENTS, cameras);
    match sheet::draw(recording, plan, png, progress) {
        Ok(drawn) => Ok(Ok(drawn.file)),
        Err(Failure::Machine(sentence)) => Ok(Err(sentence)),
        Err(other) => Err(other),
    }
}
