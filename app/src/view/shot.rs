//! `spacetime shot`: one picture of a world, without a window.

use std::sync::Arc;

use render::renderer::Format;
use render::{Camera, Gpu, GpuError, GpuOptions, Picture, Renderer};
use serde_json::json;

use super::world::Moment;
use crate::cli::ShotArgs;
use crate::exit::{Failure, Outcome};
use crate::output;

/// Between the eyes of a pair, metres: the mean of adults (Dodgson 2004, "Variation and extrema of human interpupillary
/// distance").
const EYES_APART_M: f64 = 0.063;
/// Drawn pixels along each edge of one of the picture: a single picture may take its time.
const SCALE: f64 = 2.0;

/// Runs `spacetime shot`.
///
/// # Errors
/// [`Failure`] for a world or a camera that is not there, a machine that cannot draw, and a file that cannot be written.
pub fn command(args: &ShotArgs) -> Result<Outcome, Failure> {
    let moment = Moment::of(&args.world, args.tick)?;
    let stage = render::extract::Stage::new(&moment.scenario);
    let view = args.camera.resolve(stage.bodies(), &moment.frame, 1.0).map_err(Failure::Misused)?;
    let [width, height] = args.size;
    let mut camera =
        Camera::one(view.position, view.icrf_from_camera, view.vertical_rad, f64::from(width) / f64::from(height));
    if args.stereo {
        camera = camera.two(EYES_APART_M);
    }
    let scene = stage.scene(&moment.frame, 1.0, camera, render::scene::Options::default());
    let gpu = Gpu::open(GpuOptions::default()).map_err(cannot_draw)?;
    let device = gpu.name().to_owned();
    let format = Format { size: args.size, views: if args.stereo { 2 } else { 1 }, scale: SCALE };
    let mut renderer = Renderer::new(Arc::new(gpu), format).map_err(cannot_draw)?;
    let pictures = renderer.pictures(&scene, &render::hud::Front::default()).map_err(cannot_draw)?;
    let picture = Picture::beside(&pictures);
    // The input may be a file, and must not be written over.
    let out = output::create(&args.out, &[std::path::Path::new(&args.world)])?;
    picture.write_png(out).map_err(|e| Failure::unwritable(&args.out, e))?;
    let tick = moment.frame.tick.0;
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

/// The graphics device failed; the error says what to do.
fn cannot_draw(error: GpuError) -> Failure {
    Failure::Machine(error.to_string())
}
