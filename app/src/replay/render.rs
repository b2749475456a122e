//! `spacetime replay render`: a recording as a video, as single pictures, or as one sheet of moments. Must never start
//! another program: video leaves on standard output for a player or an encoder to take.

mod frames;
pub mod sheet;
mod y4m;

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::json;

use super::Recording;
use super::film::Film;
use crate::cli::RenderArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::progress::Progress;
use crate::view::camera::{CameraSpec, View};
use crate::view::instruments::Instruments;
use crate::view::studio::{Display, Studio};
use frames::Frames;

/// Size of a video's picture unless another is asked for.
const SIZE: [u32; 2] = [1280, 720];
/// Moments on a contact sheet unless another number is asked for.
pub const MOMENTS: u32 = 5;
/// What stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Runs `spacetime replay render`.
///
/// # Errors
/// [`Failure`] for what cannot be read, drawn or written.
pub fn command(args: &RenderArgs, progress: Progress) -> Result<Outcome, Failure> {
    match (&args.out, &args.contact_sheet) {
        (_, Some(png)) => contact_sheet(args, png, progress),
        (Some(out), None) => video(args, out, progress),
        (None, None) => Err(Failure::Misused("--out or --contact-sheet says what to write".to_owned())),
    }
}

/// The ticks that were asked for, or all.
fn span(args: &RenderArgs, recording: &Recording) -> Result<(u64, u64), Failure> {
    let ticks = recording.reader.ticks();
    let (from, to) = (args.from.unwrap_or(ticks.start), args.to.unwrap_or(ticks.end));
    recording.check_tick(from)?;
    recording.check_tick(to)?;
    if to < from {
        return Err(Failure::Misused(format!("--to {to} is before --from {from}")));
    }
    Ok((from, to))
}

fn contact_sheet(args: &RenderArgs, png: &Path, progress: Progress) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(&args.file)?;
    let (from, to) = span(args, &recording)?;
    let mut plan = sheet::Plan::new(from, to, args.moments.unwrap_or(MOMENTS), args.camera.clone());
    plan.cell = args.size.unwrap_or(plan.cell);
    plan.samples = args.samples;
    plan.hud = args.hud;
    plan.target.clone_from(&args.target);
    let drawn = sheet::draw(&mut recording, plan, png, progress)?;
    if args.json {
        output::print_json(&drawn)?;
    } else {
        output::print(&drawn.describe())?;
    }
    drawn.outcome?;
    recording.fine()
}

fn video(args: &RenderArgs, out: &Path, progress: Progress) -> Result<Outcome, Failure> {
    let stream = out == Path::new(STANDARD_OUTPUT);
    if stream {
        refuse(args, io::stdout().is_terminal())?;
    }
    let mut recording = Recording::open(&args.file)?;
    let (from, to) = span(args, &recording)?;
    let size = args.size.unwrap_or(SIZE);
    let scenario = recording.scenario.clone();
    let display = Display::new(&Instruments::new(&scenario), args.hud, args.target.as_deref());
    let display = display.map_err(Failure::Misused)?;
    let step = f64::from(scenario.tick_rate_hz) * args.speed / f64::from(args.fps);
    // The last frame is at or before the last tick; a rounding error must not cost it.
    let count = ((to - from) as f64 / step + 1e-9).floor() as u64 + 1;
    if args.camera.len() > 1 {
        let why = "a video has one camera; a contact sheet may have several";
        return Err(Failure::Misused(why.to_owned()));
    }
    let mut camera = Held::new(args.camera.first().cloned().unwrap_or_else(CameraSpec::chase));
    let mut film = Film::start(&mut recording, from)?;
    if let Some(frame) = film.at(from) {
        display.check(camera.at(&scenario, &frame, 1.0)?, &frame).map_err(Failure::Misused)?;
    }
    let mut frames = if stream { Frames::stream(args.fps) } else { Frames::folder(out)? };
    let mut studio = Studio::open(&scenario, size, args.samples, args.stereo)?;
    let bar = progress.steps("drawing", count, "frames");
    for number in 0..count {
        let moment = (from as f64 + number as f64 * step).min(to as f64);
        let Some((frame, fraction)) = film.between(moment) else { break };
        let view = camera.at(&scenario, &frame, fraction)?;
        let picture = studio.picture((&frame, fraction), film.blasts(), view, display)?;
        if frames.put(&picture)? == ControlFlow::Break(()) {
            break;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    frames.end()?;
    let drawn = frames.count();
    let tell = json!({
        "out": out, "frames": drawn, "from": from, "to": to, "fps": args.fps,
        "width": size[0] * if args.stereo { 2 } else { 1 }, "height": size[1], "device": studio.device(),
        "exact": film.departed_at().is_none(),
    });
    match (stream, args.json) {
        // Standard output is taken.
        (true, _) => {}
        (false, true) => output::print_json(&tell)?,
        (false, false) => {
            let (path, device) = (out.display(), studio.device());
            output::print(&format!(
                "{path}: {} pictures of ticks {from} to {to}, drawn by {device}\n",
                grouped(drawn)
            ))?;
        }
    }
    match film.end()? {
        Outcome::Fine => recording.fine(),
        other => Ok(other),
    }
}

/// What cannot go to standard output.
fn refuse(args: &RenderArgs, terminal: bool) -> Result<(), Failure> {
    if terminal {
        return Err(Failure::Misused(
            "video is not for a terminal: send it on to a player, as in `| mpv -`, or into a file".to_owned(),
        ));
    }
    if args.json {
        return Err(Failure::Misused("--json and video cannot both go to standard output".to_owned()));
    }
    Ok(())
}

/// A camera that stays where it was when its ship is gone.
struct Held {
    spec: CameraSpec,
    last: Option<View>,
}

impl Held {
    fn new(spec: CameraSpec) -> Self {
        Self { spec, last: None }
    }

    fn at(
        &mut self,
        scenario: &sim::Scenario,
        frame: &sim::frame_view::FrameView,
        fraction: f64,
    ) -> Result<&View, Failure> {
        match (self.spec.resolve(&scenario.bodies, frame, fraction), &mut self.last) {
            (Ok(view), last) => Ok(last.insert(view)),
            (Err(_), Some(view)) => Ok(view),
            (Err(sentence), None) => Err(Failure::Misused(sentence)),
        }
    }
}
