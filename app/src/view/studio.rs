//! Pictures of a world: a renderer, the world's stage and its instruments together. Must never choose what is looked at.

use std::sync::Arc;

use render::extract::Stage;
use render::hud::Front;
use render::renderer::Format;
use render::{Camera, Gpu, GpuError, GpuOptions, Picture, Renderer};
use sim::Scenario;
use sim::frame_view::FrameView;

use super::camera::View;
use super::instruments::{Aim, Instruments};
use crate::exit::Failure;

/// Between the eyes of a pair, metres: the mean of adults (Dodgson 2004, "Variation and extrema of human interpupillary
/// distance").
const EYES_APART_M: f64 = 0.063;
/// Samples along each edge of a pixel: a picture may take its time.
const SAMPLES: u32 = 2;

/// Draws moments of one world, all of one size.
pub struct Studio {
    stage: Stage,
    instruments: Instruments,
    renderer: Renderer,
    device: String,
    aspect: f64,
    stereo: bool,
}

/// Whether a ship's instruments are shown, and what they aim at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// Nothing but the scene.
    Clean,
    /// The head-up display of the camera's ship, if it has one.
    Hud(Option<Aim>),
}

impl Display {
    /// What a person asked for.
    ///
    /// # Errors
    /// A sentence: there is nothing of that name.
    pub fn new(instruments: &Instruments, hud: bool, target: Option<&str>) -> Result<Self, String> {
        if !hud {
            return Ok(Self::Clean);
        }
        let Some(name) = target else { return Ok(Self::Hud(None)) };
        let aim = instruments.aim(name).ok_or_else(|| {
            let names: Vec<&str> = instruments.names().collect();
            format!("there is nothing called `{name}`; there are {}, and ships by their numbers", names.join(", "))
        })?;
        Ok(Self::Hud(Some(aim)))
    }

    /// Says so if instruments are to be shown and the camera belongs to no ship.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(self, view: &View) -> Result<(), String> {
        if self != Self::Clean && view.ship.is_none() {
            return Err("--hud shows a ship's instruments: it needs a cockpit or a chase camera".to_owned());
        }
        Ok(())
    }
}

impl Studio {
    /// A studio for pictures of `size` pixels; for two eyes with `stereo`, side by side.
    ///
    /// # Errors
    /// [`Failure::Machine`] where there is no graphics device: the sentence says what to install.
    pub fn open(scenario: &Scenario, size: [u32; 2], stereo: bool) -> Result<Self, Failure> {
        let gpu = Gpu::open(GpuOptions::default()).map_err(cannot_draw)?;
        let device = gpu.name().to_owned();
        let format = Format { size, views: if stereo { 2 } else { 1 }, samples: SAMPLES };
        let renderer = Renderer::new(Arc::new(gpu), format).map_err(cannot_draw)?;
        let aspect = f64::from(size[0]) / f64::from(size[1]);
        let (stage, instruments) = (Stage::new(scenario), Instruments::new(scenario));
        Ok(Self { stage, instruments, renderer, device, aspect, stereo })
    }

    /// What draws.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The picture at `fraction` of the way from the previous tick of a view (0) to its current one (1).
    ///
    /// # Errors
    /// [`Failure::Machine`] if the device fails.
    pub fn picture(
        &mut self,
        frame: &FrameView,
        fraction: f64,
        view: &View,
        display: Display,
    ) -> Result<Picture, Failure> {
        let mut camera = Camera::one(view.position, view.icrf_from_camera, view.vertical_rad, self.aspect);
        if self.stereo {
            camera = camera.two(EYES_APART_M);
        }
        let values = match (display, view.ship) {
            (Display::Hud(aim), Some(ship)) => self.instruments.read(frame, fraction, ship, aim, &camera),
            _ => None,
        };
        let _front = Front { values: values.as_ref(), ..Front::default() };
        let scene = self.stage.scene(frame, fraction, camera, render::scene::Options::default());
        let pictures = self.renderer.pictures(&scene).map_err(cannot_draw)?;
        Ok(Picture::beside(&pictures))
    }
}

/// The graphics device failed; the error says what to do.
fn cannot_draw(error: GpuError) -> Failure {
    Failure::Machine(error.to_string())
}
