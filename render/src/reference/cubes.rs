//! The plainest way to draw many things: one cube for each, all of them, every time. Only for measurements: nothing is
//! to be drawn like this.

use std::sync::Arc;

use crate::gpu::target::Targets;
use crate::gpu::{Depth, Drawing, Gpu, GpuError, Pass, PassBuilder, Uploads};
use crate::passes::frame::FrameData;
use crate::passes::shader;
use crate::passes::things::{self, Packed};
use crate::scene::Scene;

/// Vertices of a cube without shared corners.
const CUBE: u32 = 36;

/// Draws a cube for each thing of a scene into images like those of a [`crate::Renderer`].
pub struct Cubes {
    gpu: Arc<Gpu>,
    size: [u32; 2],
    targets: Targets,
    pass: Pass,
    uploads: Uploads,
    packed: Packed,
}

impl Cubes {
    /// For pictures of that size, one for each of `views` eyes.
    ///
    /// # Errors
    /// A size that the device cannot draw, or a failure of the driver.
    pub fn new(gpu: Arc<Gpu>, size: [u32; 2], views: u32) -> Result<Self, GpuError> {
        let pass = PassBuilder {
            name: "cubes",
            spirv: shader!("cubes"),
            depth: Depth::Write,
            two_sided: false,
            ..Default::default()
        };
        let (pass, targets) = (pass.build(&gpu, views)?, Targets::new(&gpu, size, views)?);
        Ok(Self { targets, pass, uploads: Uploads::new(&gpu), packed: Packed::default(), gpu, size })
    }

    /// Draws the cubes and waits for them.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn draw(&mut self, scene: &Scene) -> Result<(), GpuError> {
        let Self { gpu, targets, pass, uploads, packed, size } = self;
        let data = FrameData::new(scene, *size, 1.0);
        things::pack(scene, &data, things::GROUP, packed);
        let (frame, list) = (uploads.put(&[data])?, uploads.put(packed.things())?);
        let mut drawing = Drawing::begin(gpu, targets.colour.image().array_layers())?;
        drawing.onto(&targets.colour, Some(&targets.depth), true)?;
        let count = u32::try_from(packed.things().len()).unwrap_or(u32::MAX);
        drawing.draw(pass, pass.bind_buffers(gpu, &[&frame, &list])?, CUBE, count)?;
        drawing.end()?;
        let (commands, _) = drawing.finish()?;
        gpu.run(commands, "drawing a frame")
    }
}
