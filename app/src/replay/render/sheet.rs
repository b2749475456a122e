//! A contact sheet: moments of a recording from left to right, cameras from top to bottom, so that one look shows what
//! happened. Must never hold back that a camera had nothing to look from: its cell says so.

mod canvas;

use std::path::{Path, PathBuf};

use render::hud::format;
use render::text::Weight;
use serde::Serialize;
use sim::Scenario;
use sim::frame_view::FrameView;

use super::super::film::Film;
use super::super::{Recording, shown};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::progress::Progress;
use crate::view::camera::CameraSpec;
use crate::view::instruments::Instruments;
use crate::view::studio::{Display, SAMPLES, Studio};
use canvas::{Canvas, FAINT, INK};

/// Pixels between and around the cells.
const GAP: u32 = 8;
/// Rows of pixels for the title.
const TITLE: u32 = 40;
/// Rows of pixels for the times over the cells.
const TIMES: u32 = 22;
/// Largest edge of a sheet: a picture beyond this is of no use to look at.
const EDGE_MAX: u32 = 16_384;

/// What a sheet is to show.
#[derive(Clone, Debug)]
pub struct Plan {
    ticks: Vec<u64>,
    cameras: Vec<CameraSpec>,
    /// Pixels across and down of each picture.
    pub cell: [u32; 2],
    /// Drawn pixels along each edge of one of the pictures.
    pub samples: u8,
    /// Whether instruments are shown.
    pub hud: bool,
    /// What they aim at.
    pub target: Option<String>,
}

/// What was drawn.
#[derive(Debug, Serialize)]
pub struct Drawn {
    /// The sheet.
    pub file: PathBuf,
    width: u32,
    height: u32,
    ticks: Vec<u64>,
    cameras: Vec<String>,
    device: String,
    exact: bool,
    /// Whether it shows what was recorded.
    #[serde(skip)]
    pub outcome: Result<Outcome, Failure>,
}

impl Plan {
    /// So many moments, evenly spread from the first to the last tick. Without cameras: from the first ship's cockpit,
    /// from behind it, and the body that it is near to.
    #[must_use]
    pub fn new(from: u64, to: u64, moments: u32, cameras: Vec<CameraSpec>) -> Self {
        let last = u64::from(moments.max(2) - 1);
        // In whole numbers, as ticks may be many.
        let tick = |number: u64| from + ((u128::from(to - from) * u128::from(number)) / u128::from(last)) as u64;
        let mut ticks: Vec<u64> = (0..u64::from(moments.max(1))).map(tick).collect();
        ticks.dedup();
        Self { ticks, cameras, cell: [320, 180], samples: SAMPLES, hud: false, target: None }
    }

    /// Width and height of the sheet.
    fn size(&self) -> Result<[u32; 2], Failure> {
        let across =
            |cells: usize, cell: u32| (cells as u32).saturating_mul(cell.saturating_add(GAP)).saturating_add(GAP);
        let width = across(self.ticks.len(), self.cell[0]);
        let height = across(self.cameras.len(), self.cell[1]).saturating_add(TITLE + TIMES);
        if width > EDGE_MAX || height > EDGE_MAX {
            return Err(Failure::Misused(format!(
                "the sheet would be {width}x{height} pixels; fewer moments or cameras, or a smaller --size, keep it \
                 within {EDGE_MAX}"
            )));
        }
        Ok([width, height])
    }

    /// Upper left corner of a cell.
    fn corner(&self, column: usize, row: usize) -> [u32; 2] {
        let [width, height] = self.cell.map(|edge| edge + GAP);
        [GAP + column as u32 * width, TITLE + TIMES + GAP + row as u32 * height]
    }
}

impl Drawn {
    /// For people.
    #[must_use]
    pub fn describe(&self) -> String {
        let (file, device) = (self.file.display(), &self.device);
        let (columns, rows) = (self.ticks.len(), self.cameras.len());
        format!("{file}: {columns} moments from {rows} cameras, drawn by {device}\n")
    }
}

/// Draws a recording's sheet and writes it.
///
/// # Errors
/// [`Failure`] for what cannot be read, drawn or written.
pub fn draw(recording: &mut Recording, mut plan: Plan, png: &Path, progress: Progress) -> Result<Drawn, Failure> {
    let scenario = recording.scenario.clone();
    let instruments = Instruments::new(&scenario);
    let display = Display::new(&instruments, plan.hud, plan.target.as_deref()).map_err(Failure::Misused)?;
    let title = format!("{}   {}", shown(&scenario.name), shown(&scenario.description));
    let (first, path) = (plan.ticks.first().copied().unwrap_or(0), recording.path.clone());
    let mut film = Film::start(recording, first)?;
    let frame = film.at(first).ok_or_else(|| Failure::unreadable(&path, "its first tick cannot be read"))?;
    if plan.cameras.is_empty() {
        plan.cameras = usual(&instruments, &scenario, &frame)?;
    }
    let [width, height] = plan.size()?;
    let mut studio = Studio::open(&scenario, plan.cell, plan.samples, false)?;
    let mut canvas = Canvas::new(width, height);
    canvas.write(&title, [GAP, 27], [width - GAP, 19], Weight::Bold, INK);
    let bar = progress.steps("drawing", plan.ticks.len() as u64, "moments");
    let mut refused: Vec<Option<String>> = plan.cameras.iter().map(|_| None).collect();
    let mut seen = vec![false; plan.cameras.len()];
    for (column, &tick) in plan.ticks.iter().enumerate() {
        let Some(frame) = film.at(tick) else { break };
        let [left, _] = plan.corner(column, 0);
        let end = left + plan.cell[0];
        canvas.write(&moment(&scenario, &frame), [left, TITLE + TIMES - 1], [end, 13], Weight::Medium, INK);
        for (row, camera) in plan.cameras.iter().enumerate() {
            let at = plan.corner(column, row);
            match camera.resolve(&scenario.bodies, &frame, 1.0) {
                Ok(view) => {
                    canvas.put(&studio.picture((&frame, 1.0), film.blasts(), &view, display)?, at);
                    seen[row] = true;
                }
                Err(sentence) => {
                    canvas.blank(at, plan.cell);
                    canvas.write(
                        &sentence,
                        [at[0] + 8, at[1] + 20],
                        [at[0] + plan.cell[0] - 8, 12],
                        Weight::Medium,
                        FAINT,
                    );
                    refused[row] = Some(sentence);
                }
            }
            if column == 0 {
                canvas.plate(camera.text(), [at[0], at[1] + plan.cell[1]], plan.cell[0]);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    // A camera that never saw anything was asked for wrongly.
    if let Some(sentence) = refused.into_iter().zip(seen).find_map(|(sentence, seen)| sentence.filter(|_| !seen)) {
        return Err(Failure::Misused(sentence));
    }
    let out = output::create(png, &[&path])?;
    canvas.picture().write_png(std::io::BufWriter::new(out)).map_err(|e| Failure::unwritable(png, e))?;
    Ok(Drawn {
        file: png.to_owned(),
        width,
        height,
        ticks: plan.ticks,
        cameras: plan.cameras.iter().map(|camera| camera.text().to_owned()).collect(),
        device: studio.device().to_owned(),
        exact: film.departed_at().is_none(),
        outcome: film.end(),
    })
}

/// A tick and its simulated time.
fn moment(scenario: &Scenario, frame: &FrameView) -> String {
    let time = format::elapsed(frame.time.seconds(scenario.tick_rate_hz));
    format!("tick {}   {}", output::grouped(frame.tick.0), time.as_str())
}

/// The cameras of a sheet where none are named.
fn usual(instruments: &Instruments, scenario: &Scenario, frame: &FrameView) -> Result<Vec<CameraSpec>, Failure> {
    let ship = frame.ids.iter().zip(&frame.kinds).find(|(_, kind)| **kind == sim::Kind::Ship).map(|(id, _)| *id);
    let body = match ship {
        Some(ship) => instruments.around(frame, ship),
        None => scenario.bodies.first().map(|body| body.name.as_str()),
    };
    let mut wanted = Vec::new();
    if ship.is_some() {
        wanted.extend(["cockpit".to_owned(), "chase".to_owned()]);
    }
    wanted.extend(body.map(|name| format!("body:{name}")));
    if wanted.is_empty() {
        return Err(Failure::Misused("there is neither a ship nor a body to look at".to_owned()));
    }
    wanted.iter().map(|text| CameraSpec::parse(text).map_err(Failure::Misused)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_from_the_first_to_the_last_tick() {
        let ticks = |from, to, moments| Plan::new(from, to, moments, Vec::new()).ticks;
        assert_eq!(ticks(0, 400, 5), [0, 100, 200, 300, 400]);
        assert_eq!(ticks(10, 20, 4), [10, 13, 16, 20]);
        assert_eq!(ticks(7, 7, 6), [7]);
        assert_eq!(ticks(7, 9, 1), [7]);
        assert_eq!(ticks(0, 1 << 60, 3), [0, 1 << 59, 1 << 60]);
    }

    #[test]
    fn a_sheet_that_nobody_could_look_at_is_refused() {
        let mut plan = Plan::new(0, 400, 24, vec![CameraSpec::chase()]);
        assert_eq!(plan.size().unwrap(), [24 * 328 + 8, 180 + 16 + TITLE + TIMES]);
        plan.cell = [1280, 720];
        assert!(matches!(plan.size(), Err(Failure::Misused(_))));
    }
}
