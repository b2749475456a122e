//! The pass graph, top to bottom: what is drawn in which order, and what each pass reads. Must never hold state of its
//! own.

use std::sync::Arc;

use vulkano::command_buffer::PrimaryAutoCommandBuffer;
use vulkano::image::sampler::Sampler;

use crate::gpu::target::Targets;
use crate::gpu::{Drawing, Gpu, GpuError, Uploads};
use crate::passes::bloom::Bloom;
use crate::passes::bodies::{self, Bodies};
use crate::passes::frame::FrameData;
use crate::passes::lines::{self, Lines, PointData};
use crate::passes::sky::Sky;
use crate::passes::things::{self, Things};
use crate::passes::tonemap::ToneMap;
use crate::scene::Scene;

/// All passes.
pub(crate) struct Passes {
    pub sky: Sky,
    pub bodies: Bodies,
    pub things: Things,
    pub lines: Lines,
    pub bloom: Bloom,
    pub tone_map: ToneMap,
    /// Between texels, and around the Earth.
    pub around: Arc<Sampler>,
    /// Between texels, held at the edges.
    pub held: Arc<Sampler>,
}

/// A scene as the device takes it; kept from frame to frame, so that no memory is asked for.
#[derive(Default)]
pub(crate) struct Packed {
    bodies: bodies::Packed,
    things: things::Packed,
    lines: Vec<PointData>,
}

/// Records a frame.
///
/// The sky comes first and not, as is usual, behind what is there already: limbs are smooth and air is clear, so both
/// must be blended over the stars. Bodies follow from far to near, each over those behind it; they leave their depth.
/// Meshes come after them, since a body could not be blended under a ship that is there already. What is only added or
/// blended and leaves no depth comes last: lines, then light.
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
    bodies::pack(scene, &data, &mut packed.bodies);
    things::pack(scene, &data, things::GROUP, &mut packed.things);
    lines::pack(scene, samples, &mut packed.lines);
    let wider = FrameData::wider([width, height], gpu.viewport_max());
    let (frame, wide) = (uploads.put(&[data])?, uploads.put(&[data.widened(wider)])?);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);

    let mut drawing = Drawing::begin(gpu, targets.colour.image().array_layers())?;

    // Cull.
    let lists = passes.things.cull(gpu, &mut drawing, uploads, &frame, &packed.things)?;

    drawing.onto(&targets.colour, Some(&targets.depth), true)?;

    // Sky.
    if scene.options.milky_way {
        passes.sky.draw_galaxy(gpu, &mut drawing, &frame)?;
    }
    passes.sky.draw_stars(gpu, &mut drawing, &frame, scene.years)?;
    if !packed.bodies.spots.is_empty() {
        let spots = uploads.put(&packed.bodies.spots)?;
        passes.sky.draw_spots(gpu, &mut drawing, &frame, &spots, count(packed.bodies.spots.len()))?;
    }

    // Bodies.
    if !packed.bodies.discs.is_empty() {
        let discs = uploads.put(&packed.bodies.discs)?;
        passes.bodies.draw(gpu, &mut drawing, [&frame, &discs], count(packed.bodies.discs.len()), &passes.around)?;
    }

    // Ships, rocks, lines, and what glows.
    drawing.widen([width, height], wider)?;
    if let Some(lists) = &lists {
        passes.things.draw_solid(gpu, &mut drawing, &wide, lists)?;
    }
    if !packed.lines.is_empty() {
        let points = uploads.put(&packed.lines)?;
        passes.lines.draw(gpu, &mut drawing, [&wide, &points], count(packed.lines.len()))?;
    }
    if let Some(lists) = &lists {
        passes.things.draw_glow(gpu, &mut drawing, &wide, lists)?;
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
