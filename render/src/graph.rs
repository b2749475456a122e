//! The pass graph, top to bottom: what is drawn in which order, and what each pass reads. Must never hold state of its
//! own.

use std::sync::Arc;

use vulkano::command_buffer::PrimaryAutoCommandBuffer;
use vulkano::image::sampler::Sampler;

use crate::gpu::target::Targets;
use crate::gpu::{Drawing, Gpu, GpuError, Uploads};
use crate::passes::bloom::Bloom;
use crate::passes::bodies::{Bodies, Packed, pack};
use crate::passes::frame::FrameData;
use crate::passes::sky::Sky;
use crate::passes::tonemap::ToneMap;
use crate::scene::Scene;

/// All passes.
pub(crate) struct Passes {
    pub sky: Sky,
    pub bodies: Bodies,
    pub bloom: Bloom,
    pub tone_map: ToneMap,
    /// Between texels, and around the Earth.
    pub around: Arc<Sampler>,
    /// Between texels, held at the edges.
    pub held: Arc<Sampler>,
}

/// Records a frame.
///
/// The sky comes first and not, as is usual, behind what is there already: limbs are smooth and air is clear, so both
/// must be blended over the stars. Bodies follow from far to near, each over those behind it.
pub(crate) fn record(
    gpu: &Gpu,
    passes: &mut Passes,
    targets: &Targets,
    uploads: &Uploads,
    packed: &mut Packed,
    scene: &Scene,
    samples: u32,
) -> Result<Arc<PrimaryAutoCommandBuffer>, GpuError> {
    // Extract.
    let [width, height, _] = targets.colour.image().extent();
    let data = FrameData::new(scene, [width, height], samples);
    pack(scene, &data, packed);
    let frame = uploads.put(&[data])?;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);

    let mut drawing = Drawing::begin(gpu, targets.colour.image().array_layers())?;
    drawing.onto(&targets.colour, Some(&targets.depth), true)?;

    // Sky.
    if scene.options.milky_way {
        passes.sky.draw_galaxy(gpu, &mut drawing, &frame)?;
    }
    passes.sky.draw_stars(gpu, &mut drawing, &frame, scene.years)?;
    if !packed.spots.is_empty() {
        let spots = uploads.put(&packed.spots)?;
        passes.sky.draw_spots(gpu, &mut drawing, &frame, &spots, count(packed.spots.len()))?;
    }

    // Bodies.
    if !packed.discs.is_empty() {
        let discs = uploads.put(&packed.discs)?;
        passes.bodies.draw(gpu, &mut drawing, [&frame, &discs], count(packed.discs.len()), &passes.around)?;
    }
    drawing.end()?;

    // Bloom.
    let blurred = targets.bloom.first().unwrap_or(&targets.colour);
    passes.bloom.draw(gpu, &mut drawing, &targets.colour, &targets.bloom, &passes.held)?;

    // Tone mapping.
    drawing.onto(&targets.output, None, true)?;
    passes.tone_map.draw(gpu, &mut drawing, &frame, [&targets.colour, blurred], &passes.held)?;
    drawing.end()?;
    drawing.finish()
}
