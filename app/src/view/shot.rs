//! `spacetime shot`: one picture of a world, without a window.

use serde_json::json;

use super::instruments::Instruments;
use super::studio::{Display, SAMPLES, Studio};
use super::world::Moment;
use crate::cli::ShotArgs;
use crate::exit::{Failure, Outcome};
use crate::output;

/// Runs `spacetime shot`.
///
/// # Errors
/// [`Failure`] for a world or a camera that is not there, a machine that cannot draw, and a file that cannot be written.
pub fn command(args: &ShotArgs) -> Result<Outcome, Failure> {
    let moment = Moment::of(&args.world, args.tick)?;
    let view = args.camera.resolve(&moment.scenario.bodies, &moment.frame, 1.0).map_err(Failure::Misused)?;
    let instruments = Instruments::new(&moment.scenario);
    let display = Display::new(&instruments, args.hud, args.target.as_deref()).map_err(Failure::Misused)?;
    display.check(&view, &moment.frame).map_err(Failure::Misused)?;
    let mut studio = Studio::open(&moment.scenario, args.size, SAMPLES, args.stereo)?;
    studio.lattice = args.lattice;
    let picture = studio.picture((&moment.frame, 1.0), &moment.blasts, &view, display)?;
    // The input may be a file, and must not be written over.
    let out = output::create(&args.out, &[std::path::Path::new(&args.world)])?;
    picture.write_png(out).map_err(|e| Failure::unwritable(&args.out, e))?;
    let (tick, device) = (moment.frame.tick.0, studio.device());
    if args.json {
        output::print_json(&json!({
            "file": args.out, "tick": tick, "width": picture.width, "height": picture.height, "device": device,
            "exact": moment.departed_at.is_none(),
        }))?;
    } else {
        output::print(&format!("{}: tick {tick}, drawn by {device}\n", args.out.display()))?;
    }
    match moment.departed_at {
        None => Ok(Outcome::Fine),
        Some(departed) => Ok(Outcome::Different(format!(
            "this build does not reproduce the recording: the digest of tick {departed} differs, so the picture may not \
             show what was recorded"
        ))),
    }
}
