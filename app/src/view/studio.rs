//! Pictures of a world: a renderer, the world's stage and its instruments together. Must never choose what is looked at.

use std::sync::Arc;

use glam::DQuat;
use render::extract::{Blasts, Show, Stage};
use render::hud::Front;
use render::renderer::Format;
use render::scene::Options;
use render::{Camera, Gpu, GpuError, GpuOptions, Picture, Renderer, Scene};
use sim::frame_view::FrameView;
use sim::{Position, Scenario};

use super::camera::View;
use super::instruments::{Aim, Instruments};
use crate::exit::Failure;

/// Between the eyes of a pair, metres: the mean of adults (Dodgson 2004, "Variation and extrema of human interpupillary
/// distance").
const EYES_APART_M: f64 = 0.063;
/// Drawn pixels along each edge of one of the picture, unless asked otherwise: a picture may take its time.
pub const SAMPLES: u8 = 2;

/// Draws moments of one world, all of one size.
pub struct Studio {
    stage: Stage,
    instruments: Instruments,
    renderer: Renderer,
    scene: Scene,
    device: String,
    aspect: f64,
    stereo: bool,
    /// Whether the lattice of spacetime is drawn.
    pub lattice: bool,
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

    /// Says so if instruments are to be shown and the camera belongs to no ship, or what they aim at is not there in the
    /// first of the pictures.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(self, view: &View, first: &FrameView) -> Result<(), String> {
        match self {
            Self::Hud(_) if view.ship.is_none() => {
                Err("--hud shows a ship's instruments: it needs a cockpit or a chase camera".to_owned())
            }
            Self::Hud(Some(Aim::Thing(id))) if first.ids.binary_search(&id).is_err() => {
                Err(format!("there is nothing with the number {id} at tick {}", first.tick.0))
            }
            _ => Ok(()),
        }
    }
}

impl Studio {
    /// A studio for pictures of `size` pixels, each drawn as `samples` by `samples`; for two eyes with `stereo`, side by
    /// side.
    ///
    /// # Errors
    /// [`Failure::Machine`] where there is no graphics device: the sentence says what to install.
    pub fn open(scenario: &Scenario, size: [u32; 2], samples: u8, stereo: bool) -> Result<Self, Failure> {
        let gpu = Gpu::open(GpuOptions::default()).map_err(cannot_draw)?;
        let device = gpu.name().to_owned();
        let format = Format { size, views: if stereo { 2 } else { 1 }, scale: f64::from(samples) };
        let renderer = Renderer::new(Arc::new(gpu), format).map_err(cannot_draw)?;
        let aspect = f64::from(size[0]) / f64::from(size[1]);
        let (stage, instruments) = (Stage::new(scenario), Instruments::new(scenario));
        let scene = Scene::empty(Camera::one(Position::ORIGIN, DQuat::IDENTITY, 1.0, aspect));
        Ok(Self { stage, instruments, renderer, scene, device, aspect, stereo, lattice: false })
    }

    /// What draws.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The picture at `fraction` of the way from the previous tick of a view (0) to its current one (1), with the
    /// explosions so far. Instruments come with the lines of the ways that ships take.
    ///
    /// # Errors
    /// [`Failure::Machine`] if the device fails.
    pub fn picture(
        &mut self,
        (frame, fraction): (&FrameView, f64),
        blasts: &Blasts,
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
        let front = Front { values: values.as_ref(), ..Front::default() };
        let lines = values.is_some();
        let show = Show {
            ride: view.ride,
            inside: view.ship.filter(|_| view.inside),
            cockpit: view.cockpit,
            own: view.ship.filter(|_| lines),
            orbits: lines,
            blasts: Some(blasts),
            options: Options { lattice: self.lattice, ..Options::default() },
        };
        self.stage.fill(frame, fraction, camera, &show, &mut self.scene);
        let pictures = self.renderer.pictures(&self.scene, &front).map_err(cannot_draw)?;
        Ok(Picture::beside(&pictures))
    }
}

/// The graphics device failed; the error says what to do.
fn cannot_draw(error: GpuError) -> Failure {
    Failure::Machine(error.to_string())
}
