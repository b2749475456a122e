//! The pass graph, top to bottom: what is drawn in which order, and what each pass reads. Must never hold state of its
//! own.

use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::command_buffer::PrimaryAutoCommandBuffer;
use vulkano::format::Format;
use vulkano::image::sampler::{Filter, Sampler, SamplerAddressMode, SamplerCreateInfo, SamplerMipmapMode};

use crate::bodies::map;
use crate::gpu::target::{Output, Targets};
use crate::gpu::{Doing, Drawing, Gpu, GpuError, Timer, Uploads, Work};
use crate::hud::layout::View;
use crate::hud::paint::Overlay;
use crate::hud::{self, Front};
use crate::passes::bloom::Bloom;
use crate::passes::bodies::{self, Bodies};
use crate::passes::cockpit::CockpitPass;
use crate::passes::frame::{FrameData, Shared, glow_table};
use crate::passes::lattice::{self, Lattice, LatticeData};
use crate::passes::lines::{self, Lines, PointData};
use crate::passes::overlay::OverlayPass;
use crate::passes::sky::Sky;
use crate::passes::things::{self, Lists, Things};
use crate::passes::tonemap::ToneMap;
use crate::scene::Scene;
use crate::sky::catalogue;
use crate::text::Text;

/// All passes.
pub(crate) struct Passes {
    cockpit: CockpitPass,
    sky: Sky,
    bodies: Bodies,
    pub things: Things,
    lines: Lines,
    lattice: Lattice,
    bloom: Bloom,
    tone_map: ToneMap,
    overlay: OverlayPass,
    /// Colours of black bodies.
    glow: Subbuffer<[u8]>,
    /// Between texels, and around the Earth.
    around: Arc<Sampler>,
    /// Between texels, held at the edges.
    held: Arc<Sampler>,
}

impl Passes {
    /// Makes all passes for so many eyes and pictures of that format.
    pub(crate) fn new(gpu: &Gpu, views: u32, format: Format) -> Result<Self, GpuError> {
        let stars = catalogue::decode(catalogue::HIPPARCOS).doing("reading the star catalogue")?;
        // Of the scene; 0 is one by one.
        let at_once = if gpu.eyes_apart() { 0 } else { views };
        Ok(Self {
            cockpit: CockpitPass::new(gpu, at_once)?,
            sky: Sky::new(gpu, at_once, stars)?,
            bodies: Bodies::new(gpu, at_once, map::upload(gpu)?)?,
            things: Things::new(gpu, at_once)?,
            lines: Lines::new(gpu, at_once)?,
            lattice: Lattice::new(gpu, at_once)?,
            bloom: Bloom::new(gpu, views)?,
            tone_map: ToneMap::new(gpu, views, format)?,
            overlay: OverlayPass::new(gpu, format)?,
            glow: glow_table(gpu)?,
            around: sampler(gpu, SamplerAddressMode::Repeat)?,
            held: sampler(gpu, SamplerAddressMode::ClampToEdge)?,
        })
    }
}

/// What is kept from frame to frame, so that no memory is asked for.
pub(crate) struct Kept {
    pub uploads: Uploads,
    pub packed: Packed,
    pub text: Text,
    /// A list for each eye.
    pub overlays: [Overlay; 2],
    /// What the last frame asked of the device; without the triangles that the device counts.
    pub work: Work,
}

impl Kept {
    /// Nothing yet.
    pub(crate) fn new(gpu: &Gpu) -> Self {
        Self {
            uploads: Uploads::new(gpu),
            packed: Packed::default(),
            text: Text::new(),
            overlays: [Overlay::default(), Overlay::default()],
            work: Work::default(),
        }
    }

    /// Fills the lists of all eyes.
    fn paint(&mut self, front: &Front<'_>, scene: &Scene, output: &Output) {
        let [width, height, _] = output.all.image().extent();
        let zoom = front.style.zoom;
        self.text.begin_frame();
        for (view, overlay) in self.overlays.iter_mut().enumerate() {
            overlay.clear();
            let field = scene.camera.eye(view).field;
            let view = match output.eyes.len() {
                1 if view == 0 => View::screen(width, height, (field.up.atan() - field.down.atan()) as f32, zoom),
                1 => continue,
                _ => {
                    let tangents = [field.left, field.right, field.up, field.down].map(|t| t as f32);
                    View::eye(width, height, tangents, zoom)
                }
            };
            hud::paint(front, &view, &front.style.palette, &mut self.text, overlay);
        }
    }
}

/// One frame: what is drawn, with what, into what.
pub(crate) struct Frame<'a> {
    pub gpu: &'a Gpu,
    pub scene: &'a Scene,
    pub front: &'a Front<'a>,
    pub targets: &'a Targets,
    pub output: &'a Output,
    /// Drawn pixels along an edge for each of the output.
    pub scale: f64,
    pub timer: Option<&'a Timer>,
}

/// A scene as the device takes it; kept from frame to frame, so that no memory is asked for.
#[derive(Default)]
pub(crate) struct Packed {
    bodies: bodies::Packed,
    things: things::Packed,
    lines: Vec<PointData>,
    lattice: Option<LatticeData>,
}

impl Packed {
    fn fill(&mut self, scene: &Scene, data: &FrameData, scale: f64) {
        bodies::pack(scene, data, &mut self.bodies);
        things::pack(scene, data, things::GROUP, &mut self.things);
        lines::pack(scene, scale, &mut self.lines);
        self.lattice = lattice::pack(scene, scale);
    }
}

/// Records a frame.
///
/// The cockpit comes first: it hides what is behind it, so that nothing has to be drawn there. The sky follows and not, as
/// is usual, behind what is there already: limbs are smooth and air is clear, so both must be blended over the stars.
/// Bodies follow from far to near, each over those behind it; they leave their depth. Meshes come after them, since a body
/// could not be blended under a ship that is there already. What is only added or blended and leaves no depth comes last:
/// lines, then light.
pub(crate) fn record(
    frame: &Frame<'_>,
    passes: &mut Passes,
    kept: &mut Kept,
) -> Result<Arc<PrimaryAutoCommandBuffer>, GpuError> {
    let Frame { gpu, scene, front, targets, output, .. } = *frame;
    // Extract.
    let [width, height, _] = targets.colour.image().extent();
    let data = FrameData::new(scene, [width, height], frame.scale).with(front.comfort);
    kept.packed.fill(scene, &data, frame.scale);
    kept.paint(front, scene, output);
    let Kept { uploads, packed, text, overlays, work } = kept;
    let shared = Shared { frame: uploads.put(&[data])?, glow: passes.glow.clone() };

    let mut drawing = Drawing::begin(gpu, targets.colour.image().array_layers())?;
    drawing.start(frame.timer)?;
    passes.overlay.take_glyphs(&mut drawing, uploads, text.atlas())?;

    // Cull.
    let veils = uploads.put(&packed.bodies.veils)?;
    let lists = passes.things.cull(gpu, &mut drawing, uploads, [&shared.frame, &veils], &packed.things)?;

    // The scene.
    if gpu.eyes_apart() {
        for (eye, images) in targets.eyes.iter().enumerate() {
            packed.bodies.take_eye(eye);
            let shared = Shared { frame: uploads.put(&[data.of_eye(eye)])?, glow: shared.glow.clone() };
            drawing.anew_onto_eye(images)?;
            draw_scene(frame, passes, (uploads, packed, &data), &mut drawing, &shared, lists.as_ref())?;
        }
    } else {
        drawing.onto(&targets.colour, Some(&targets.depth), true)?;
        draw_scene(frame, passes, (uploads, packed, &data), &mut drawing, &shared, lists.as_ref())?;
    }

    // Bloom.
    let blurred = targets.bloom.first().unwrap_or(&targets.colour);
    passes.bloom.draw(gpu, &mut drawing, &targets.colour, &targets.bloom, &passes.held)?;

    // Tone mapping.
    drawing.onto(&output.all, None, true)?;
    passes.tone_map.draw(gpu, &mut drawing, (&shared.frame, frame.scale), [&targets.colour, blurred], &passes.held)?;
    drawing.end()?;

    // Head-up display and menus.
    for (overlay, image) in overlays.iter().enumerate().zip(&output.eyes) {
        passes.overlay.draw(gpu, &mut drawing, uploads, &shared.frame, overlay, image)?;
    }
    drawing.stop(frame.timer)?;
    let (commands, asked) = drawing.finish()?;
    *work = asked;
    Ok(commands)
}

/// Draws what is not of the screen, from far to near, as [`record`] says.
fn draw_scene(
    frame: &Frame<'_>,
    passes: &mut Passes,
    (uploads, packed, data): (&Uploads, &Packed, &FrameData),
    drawing: &mut Drawing,
    shared: &Shared,
    lists: Option<&Lists>,
) -> Result<(), GpuError> {
    let Frame { gpu, scene, .. } = *frame;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);

    // Cockpit.
    if let Some(cockpit) = &scene.cockpit {
        passes.cockpit.draw(gpu, drawing, uploads, &shared.frame, (scene, data, cockpit))?;
    }

    // Sky.
    if scene.options.milky_way {
        passes.sky.draw_galaxy(gpu, drawing, shared)?;
    }
    passes.sky.draw_stars(gpu, drawing, shared, (scene.years, scene.options.stars))?;
    if !packed.bodies.spots.is_empty() {
        let spots = uploads.put(&packed.bodies.spots)?;
        passes.sky.draw_spots(gpu, drawing, shared, &spots, count(packed.bodies.spots.len()))?;
    }

    // Bodies.
    if !packed.bodies.discs.is_empty() {
        let discs = uploads.put(&packed.bodies.discs)?;
        passes.bodies.draw(gpu, drawing, shared, (&packed.bodies, &discs), &passes.around)?;
    }

    // Ships, rocks, lines, and what glows.
    if let Some(lists) = lists {
        passes.things.draw_solid(gpu, drawing, shared, lists)?;
    }
    if let Some(lattice) = &packed.lattice {
        passes.lattice.draw(gpu, drawing, uploads, &shared.frame, lattice)?;
    }
    if !packed.lines.is_empty() {
        let points = uploads.put(&packed.lines)?;
        passes.lines.draw(gpu, drawing, [&shared.frame, &points], count(packed.lines.len()))?;
    }
    if let Some(lists) = lists {
        passes.things.draw_glow(gpu, drawing, shared, lists)?;
    }
    drawing.end()
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
