//! Draws scenes: owns the passes, the images and what is kept between frames. Must never change a scene.

use std::sync::Arc;

use vulkano::command_buffer::PrimaryCommandBufferAbstract;
use vulkano::image::sampler::{Filter, Sampler, SamplerAddressMode, SamplerCreateInfo, SamplerMipmapMode};
use vulkano::sync::GpuFuture;

use crate::bodies::map;
use crate::gpu::readback::{f32_from_f16, read};
use crate::gpu::target::Targets;
use crate::gpu::{Doing, Gpu, GpuError, Uploads};
use crate::graph::{self, Packed, Passes};
use crate::passes::bloom::Bloom;
use crate::passes::bodies::Bodies;
use crate::passes::lines::Lines;
use crate::passes::sky::Sky;
use crate::passes::things::{Counts, Things};
use crate::passes::tonemap::ToneMap;
use crate::picture::Picture;
use crate::scene::Scene;
use crate::sky::catalogue;

/// The size and quality of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Pixels across and down.
    pub size: [u32; 2],
    /// Eyes: 1 or 2.
    pub views: u32,
    /// Samples along each edge of a pixel, 1 to 4.
    pub samples: u32,
}

/// Draws pictures of one format on one device.
pub struct Renderer {
    gpu: Arc<Gpu>,
    format: Format,
    targets: Targets,
    passes: Passes,
    uploads: Uploads,
    packed: Packed,
}

impl Renderer {
    /// A renderer for pictures of that format.
    ///
    /// # Errors
    /// A size that the device cannot draw, or a failure of the driver.
    pub fn new(gpu: Arc<Gpu>, format: Format) -> Result<Self, GpuError> {
        let views = format.views.clamp(1, 2);
        let samples = format.samples.clamp(1, 4);
        let format = Format { views, samples, ..format };
        let drawn = format.size.map(|edge| edge.saturating_mul(samples));
        let stars = catalogue::decode(catalogue::HIPPARCOS).doing("reading the star catalogue")?;
        let passes = Passes {
            sky: Sky::new(&gpu, views, stars)?,
            bodies: Bodies::new(&gpu, views, map::upload(&gpu)?)?,
            things: Things::new(&gpu, views)?,
            lines: Lines::new(&gpu, views)?,
            bloom: Bloom::new(&gpu, views)?,
            tone_map: ToneMap::new(&gpu, views)?,
            around: sampler(&gpu, SamplerAddressMode::Repeat)?,
            held: sampler(&gpu, SamplerAddressMode::ClampToEdge)?,
        };
        let targets = Targets::new(&gpu, format.size, drawn, views)?;
        Ok(Self { targets, passes, uploads: Uploads::new(&gpu), packed: Packed::default(), gpu, format })
    }

    /// The format of the pictures.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Draws a scene and waits for it.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn draw(&mut self, scene: &Scene) -> Result<(), GpuError> {
        let Self { gpu, targets, passes, uploads, packed, format } = self;
        let commands = graph::record(gpu, passes, targets, uploads, packed, scene, format.samples)?;
        let running = commands.execute(gpu.queue.clone()).doing("submitting a frame")?;
        running.then_signal_fence_and_flush().doing("submitting a frame")?.wait(None).doing("drawing a frame")
    }

    /// Draws a scene and gives back a picture for each eye.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn pictures(&mut self, scene: &Scene) -> Result<Vec<Picture>, GpuError> {
        self.draw(scene)?;
        let [width, height] = self.format.size;
        let bytes: Vec<u8> = read(&self.gpu, &self.targets.output, 4)?;
        let one = 4 * width as usize * height as usize;
        Ok(bytes.chunks_exact(one).map(|rgba| Picture { width, height, rgba: rgba.to_vec() }).collect())
    }

    /// How many ships, rocks, rounds and explosions of the last scene were drawn, and why others were not.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn counts(&self) -> Result<Counts, GpuError> {
        self.passes.things.counts(&self.gpu)
    }

    /// The linear light of the last scene drawn: red, green, blue and coverage of each of the drawn pixels, eye after
    /// eye. For measurements; a picture is `samples` times finer here.
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

fn sampler(gpu: &Gpu, across: SamplerAddressMode) -> Result<Arc<Sampler>, GpuError> {
    let edge = SamplerAddressMode::ClampToEdge;
    let info = SamplerCreateInfo {
        mag_filter: Filter::Linear,
        min_filter: Filter::Linear,
        mipmap_mode: SamplerMipmapMode::Linear,
        address_mode: [across, edge, edge],
        lod: 0.0..=16.0,
        ..SamplerCreateInfo::default()
    };
    Sampler::new(gpu.device.clone(), info).doing("making a sampler")
}
