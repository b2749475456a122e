//! Draws scenes: owns the passes, the images and what is kept between frames. Must never change a scene.

use std::sync::Arc;

use vulkano::command_buffer::PrimaryAutoCommandBuffer;
use vulkano::format::Format as Texels;

use crate::gpu::readback::{f32_from_f16, read};
use crate::gpu::target::{OUTPUT, Output, Targets};
use crate::gpu::{Gpu, GpuError, Timer, Work};
use crate::graph::{self, Frame, Kept, Passes};
use crate::hud::Front;
use crate::passes::things::Counts;
use crate::picture::Picture;
use crate::scene::Scene;

/// The size and quality of pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Pixels across and down.
    pub size: [u32; 2],
    /// Eyes: 1 or 2.
    pub views: u32,
    /// Pixels that are drawn along each edge of one of the picture's, 0.25 to 4.
    pub scale: f64,
}

impl Format {
    /// With what is out of range brought inside.
    fn checked(self) -> Self {
        let scale = if self.scale.is_finite() { self.scale.clamp(0.25, 4.0) } else { 1.0 };
        Self { views: self.views.clamp(1, 2), scale, ..self }
    }

    /// Pixels that are drawn.
    fn drawn(&self) -> [u32; 2] {
        self.size.map(|edge| (f64::from(edge) * self.scale).round().max(1.0) as u32)
    }
}

/// Draws pictures of one format on one device.
pub struct Renderer {
    gpu: Arc<Gpu>,
    format: Format,
    /// What pictures are made of.
    texels: Texels,
    targets: Targets,
    passes: Passes,
    kept: Kept,
    /// Where pictures are drawn that go into no window.
    output: Option<Output>,
    /// All images have been drawn into: vulkano takes what is recorded for done, and would never make one ready again
    /// whose first frame is let go.
    is_warm: bool,
}

impl Renderer {
    /// A renderer for pictures of that format.
    ///
    /// # Errors
    /// A size that the device cannot draw, or a failure of the driver.
    pub fn new(gpu: Arc<Gpu>, format: Format) -> Result<Self, GpuError> {
        Self::onto(gpu, format, OUTPUT)
    }

    /// A renderer whose pictures are made of those texels.
    pub(crate) fn onto(gpu: Arc<Gpu>, format: Format, texels: Texels) -> Result<Self, GpuError> {
        let format = format.checked();
        let targets = Targets::new(&gpu, format.drawn(), format.views)?;
        let passes = Passes::new(&gpu, format.views, texels)?;
        let kept = Kept::new(&gpu);
        Ok(Self { targets, passes, kept, gpu, format, texels, output: None, is_warm: false })
    }

    /// The format of the pictures.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Changes size and scale; the number of eyes stays.
    ///
    /// # Errors
    /// A size that the device cannot draw, or a failure of the driver. The format is then the one before.
    pub fn resize(&mut self, size: [u32; 2], scale: f64) -> Result<(), GpuError> {
        let format = Format { size, scale, ..self.format }.checked();
        if format.drawn() != self.format.drawn() {
            self.targets = Targets::new(&self.gpu, format.drawn(), format.views)?;
            self.is_warm = false;
        }
        if format.size != self.format.size {
            self.output = None;
            self.is_warm = false;
        }
        self.format = format;
        Ok(())
    }

    /// Records a frame into an image of the renderer's texels.
    pub(crate) fn record(
        &mut self,
        scene: &Scene,
        front: &Front<'_>,
        output: &Output,
        timer: Option<&Timer>,
    ) -> Result<Arc<PrimaryAutoCommandBuffer>, GpuError> {
        let (gpu, targets, scale) = (&*self.gpu, &self.targets, self.format.scale);
        let frame = Frame { gpu, scene, front, targets, output, scale, timer };
        graph::record(&frame, &mut self.passes, &mut self.kept)
    }

    /// Records a frame and lets it go: for measuring what a frame asks of the processor. The first one is drawn.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn record_only(&mut self, scene: &Scene, front: &Front<'_>) -> Result<(), GpuError> {
        if !self.is_warm {
            return self.draw(scene, front);
        }
        let output = self.output()?;
        let recorded = self.record(scene, front, &output, None);
        self.output = Some(output);
        // Its copies of glyphs are never made: the next frame has to make them.
        self.kept.text.atlas().change_all();
        recorded.map(drop)
    }

    /// Takes the image that pictures are drawn into.
    fn output(&mut self) -> Result<Output, GpuError> {
        let Format { size, views, .. } = self.format;
        self.output.take().map_or_else(
            || {
                self.is_warm = false;
                Output::new(&self.gpu, self.texels, size, views)
            },
            Ok,
        )
    }

    /// Draws a scene and what lies before it, and waits for it.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn draw(&mut self, scene: &Scene, front: &Front<'_>) -> Result<(), GpuError> {
        let output = self.output()?;
        let commands = self.record(scene, front, &output, None)?;
        self.output = Some(output);
        self.gpu.run(commands, "drawing a frame")?;
        self.is_warm = true;
        Ok(())
    }

    /// Draws a scene and what lies before it, and gives back a picture for each eye.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn pictures(&mut self, scene: &Scene, front: &Front<'_>) -> Result<Vec<Picture>, GpuError> {
        self.draw(scene, front)?;
        let Some(output) = &self.output else { return Ok(Vec::new()) };
        let mut bytes: Vec<u8> = read(&self.gpu, &output.all, 4)?;
        if matches!(self.texels, Texels::B8G8R8A8_SRGB | Texels::B8G8R8A8_UNORM) {
            bytes.chunks_exact_mut(4).for_each(|texel| texel.swap(0, 2));
        }
        let [width, height] = self.format.size;
        let one = 4 * width as usize * height as usize;
        Ok(bytes.chunks_exact(one).map(|rgba| Picture { width, height, rgba: rgba.to_vec() }).collect())
    }

    /// What the last frame, which must be done, asked of the device. Reads back what the device counted.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn work(&self) -> Result<Work, GpuError> {
        let Work { draws, triangles } = self.kept.work;
        Ok(Work { draws, triangles: triangles + self.passes.things.triangles(&self.gpu)? })
    }

    /// How many ships, rocks, rounds and explosions of the last scene were drawn, and why others were not.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn counts(&self) -> Result<Counts, GpuError> {
        self.passes.things.counts(&self.gpu)
    }

    /// The linear light of the last scene drawn: red, green, blue and coverage of each of the drawn pixels, eye after
    /// eye. For measurements; a picture is `scale` times finer here.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn light(&self) -> Result<Vec<[f32; 4]>, GpuError> {
        let halves: Vec<u16> = read(&self.gpu, &self.targets.colour, 4)?;
        Ok(halves.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]].map(f32_from_f16)).collect())
    }

    /// The reversed depth of the last scene drawn, ordered as [`Self::light`]: near plane over distance ahead, 0 for
    /// the sky.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn depth(&self) -> Result<Vec<f32>, GpuError> {
        read(&self.gpu, &self.targets.depth, 1)
    }
}
