//! `spacetime replay plot`: the picture of a recording. Decides what is in it; `picture` draws.

mod panels;
mod picture;

use std::io::BufWriter;
use std::path::Path;

use serde_json::json;

use super::{Recording, trajectories};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::progress::Progress;

/// Runs `spacetime replay plot`.
///
/// # Errors
/// [`Failure`] for what cannot be read and what cannot be written.
pub fn command(path: &Path, out: &Path, size: (u32, u32), json: bool, progress: Progress) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(path)?;
    let drawn = plot(&mut recording, out, size, progress)?;
    if json {
        output::print_json(&json!({
            "out": out.display().to_string(),
            "width": size.0,
            "height": size.1,
            "ticks": drawn.ticks,
            "ships_drawn": drawn.ships_drawn,
            "ships": drawn.ships,
            "disagreeing_ticks": drawn.disagreeing,
        }))?;
    } else {
        output::print(&format!(
            "{}: {} ships over {} ticks\n",
            out.display(),
            drawn.ships_drawn,
            grouped(drawn.ticks)
        ))?;
    }
    if drawn.disagreeing > 0 {
        let ticks = grouped(drawn.disagreeing);
        return Ok(Outcome::Different(format!("{}: the digests of {ticks} ticks do not agree", path.display())));
    }
    recording.fine()
}

/// What a picture shows.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Ticks of the recording.
    pub ticks: u64,
    /// Ships in it.
    pub ships: usize,
    /// Ships in the picture.
    pub ships_drawn: usize,
    /// Ticks whose digest is not the recorded one.
    pub disagreeing: u64,
}

/// Draws a recording and writes the picture.
///
/// # Errors
/// [`Failure`] for what cannot be read and what cannot be written.
pub fn plot(recording: &mut Recording, out: &Path, size: (u32, u32), progress: Progress) -> Result<Drawn, Failure> {
    // Before the work, so that a wrong path is said at once.
    let file = output::create(out, &[&recording.path])?;
    let ticks = recording.reader.ticks();
    let bar = progress.ticks("drawing", ticks.end - ticks.start);
    let flight = trajectories::collect(recording, &bar)?;
    bar.finish_and_clear();
    let title = super::shown(&recording.scenario.name);
    let picture = panels::compose(&flight, &title, &super::shown(&recording.scenario.description), size)
        .map_err(|e| Failure::unwritable(out, e))?;
    write_png(BufWriter::new(file), size, &picture).map_err(|e| Failure::unwritable(out, e))?;
    let range = |a: &trajectories::Agreement| if a.agrees == Some(false) { a.to - a.from + 1 } else { 0 };
    Ok(Drawn {
        ticks: ticks.end - ticks.start,
        ships: flight.ships_total,
        ships_drawn: flight.ships.len(),
        disagreeing: flight.agreement.iter().map(range).sum(),
    })
}

fn write_png(out: impl std::io::Write, size: (u32, u32), rgb: &[u8]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()
}
