//! Ships, rocks, rounds and explosions. One list goes to the device each frame; there, `shaders/cull.wgsl` chooses what of
//! it is drawn and how, and all draws take their numbers from what it wrote. Must never let the processor's work grow
//! with what is seen.
//!
//! Alternatives weighed: a pyramid of last frame's depth would hide things behind ships too, but lags a frame and differs
//! between the eyes; spheres of bodies hide most of what can be hidden in space, exactly. Atomic counters for places in
//! the lists would save two steps, but the order of lists, and with it of blended light, would differ from run to run.

mod geometry;
mod pack;
mod rocks;

pub(crate) use pack::{Packed, pack};

use std::ops::Range;

use vulkano::buffer::Subbuffer;
use vulkano::command_buffer::{DrawIndexedIndirectCommand, DrawIndirectCommand};
use vulkano::descriptor_set::WriteDescriptorSet;

use self::geometry::Geometry;
use super::frame::Shared;
use super::shader;
use crate::gpu::{
    Blend, Compute, Depth, Doing, Drawing, Gpu, GpuError, Pass, PassBuilder, Scratch, Uploads, lasting,
    lasting_indices, readback,
};
use crate::models::BUILT_IN;

/// Threads of a group.
pub(crate) const GROUP: usize = 64;
/// Ships and rocks; and the levels of detail of each.
const MODELS: usize = BUILT_IN.len() + rocks::SHAPES;
const LEVELS: usize = 3;
/// Buckets of `shaders/cull.wgsl`: those that are drawn, and all.
const DRAWN: usize = MODELS * LEVELS + 4;
const BUCKETS: usize = DRAWN + 3;
/// Where in the list of draws, in words, the parts of `shaders/cull.wgsl` begin.
const KINDS_AT: usize = MODELS * LEVELS * 5;
const JETS_AT: usize = KINDS_AT + 4 * 4;
const TOTALS_AT: usize = JETS_AT + BUILT_IN.len() * 8;
const BASES_AT: usize = TOTALS_AT + BUCKETS;
const WORDS: usize = BASES_AT + DRAWN;
/// Bytes of what falls on a thing.
const LIT: usize = 32;

// The shader's numbers.
const _: () = assert!(KINDS_AT == 135 && JETS_AT == 151 && TOTALS_AT == 191 && BASES_AT == 225 && BUCKETS <= GROUP);

/// How many things were drawn in which way, and why the others were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// For each model (ships in the order of [`BUILT_IN`], then shapes of rocks) and level of detail, the finest first.
    pub meshes: [[u32; LEVELS]; MODELS],
    /// Rocks as balls.
    pub balls: u32,
    /// Ships and rocks as spots of light.
    pub spots: u32,
    /// Rounds.
    pub rounds: u32,
    /// Explosions.
    pub blasts: u32,
    /// Outside of what any eye sees.
    pub outside: u32,
    /// Behind a body for every eye that would see them.
    pub hidden: u32,
    /// Too small.
    pub tiny: u32,
}

impl Counts {
    fn of(words: &[u32]) -> Self {
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        let mut meshes = [[0; LEVELS]; MODELS];
        for (at, count) in meshes.iter_mut().flatten().enumerate() {
            *count = word(at);
        }
        let kind = |at: usize| word(MODELS * LEVELS + at);
        let [balls, spots, rounds, blasts, outside, hidden, tiny] = [0, 1, 2, 3, 4, 5, 6].map(kind);
        Self { meshes, balls, spots, rounds, blasts, outside, hidden, tiny }
    }

    /// How many were drawn in any way.
    #[must_use]
    pub fn drawn(&self) -> u32 {
        self.meshes.iter().flatten().sum::<u32>() + self.balls + self.spots + self.rounds + self.blasts
    }

    /// How many were not drawn.
    #[must_use]
    pub fn culled(&self) -> u32 {
        self.outside + self.hidden + self.tiny
    }
}

/// A frame's lists on the device.
pub(crate) struct Lists {
    around: Subbuffer<[u8]>,
    things: Subbuffer<[u8]>,
    lit: Subbuffer<[u8]>,
    visible: Subbuffer<[u8]>,
    draws: Subbuffer<[u8]>,
}

/// Pipelines and meshes.
pub(crate) struct Things {
    steps: [Compute; 3],
    mesh: Pass,
    ball: Pass,
    jets: Pass,
    spot: Pass,
    streak: Pass,
    burst: Pass,
    vertices: Subbuffer<[u8]>,
    indices: Subbuffer<[u32]>,
    models: Subbuffer<[u8]>,
    jet_list: Subbuffer<[u8]>,
    scratch: Scratch,
    /// What the last frame drew.
    last: Option<Subbuffer<[u8]>>,
}

impl Things {
    /// Makes the passes and uploads all meshes.
    pub(crate) fn new(gpu: &Gpu, views: u32) -> Result<Self, GpuError> {
        let geometry = Geometry::new().doing("reading the built-in models")?;
        let step = |name, entry| Compute::new(gpu, name, shader!("cull"), entry);
        let glow = |name, spirv, vertex| {
            let entries = [vertex, "fragment_main"];
            PassBuilder { name, spirv, entries, blend: Blend::Add, depth: Depth::Test, ..Default::default() }
                .build(gpu, views)
        };
        let mesh = PassBuilder {
            name: "meshes",
            spirv: shader!("mesh"),
            depth: Depth::Write,
            two_sided: false,
            ..Default::default()
        };
        let ball = PassBuilder {
            name: "balls",
            spirv: shader!("ball"),
            blend: Blend::Cover,
            depth: Depth::Write,
            ..Default::default()
        };
        Ok(Self {
            steps: [step("cull: choose", "choose")?, step("cull: add up", "add_up")?, step("cull: gather", "gather")?],
            mesh: mesh.build(gpu, views)?,
            ball: ball.build(gpu, views)?,
            jets: glow("jets", shader!("jets"), "vertex_main")?,
            spot: glow("spots", shader!("glow"), "vertex_spot")?,
            streak: glow("rounds", shader!("glow"), "vertex_streak")?,
            burst: glow("explosions", shader!("glow"), "vertex_burst")?,
            vertices: lasting(gpu, &geometry.vertices)?,
            indices: lasting_indices(gpu, &geometry.indices)?,
            models: lasting(gpu, &geometry.models)?,
            jet_list: lasting(gpu, &geometry.jets)?,
            scratch: Scratch::new(gpu),
            last: None,
        })
    }

    /// Uploads a frame's things and lets the device choose; nothing where there are none. `veils` are bodies whose air
    /// or rings may be before them.
    pub(crate) fn cull(
        &mut self,
        gpu: &Gpu,
        to: &mut Drawing,
        uploads: &Uploads,
        [frame, veils]: [&Subbuffer<[u8]>; 2],
        packed: &Packed,
    ) -> Result<Option<Lists>, GpuError> {
        let count = packed.things().len();
        if count == 0 {
            self.last = None;
            return Ok(None);
        }
        let groups = count.div_ceil(GROUP);
        let lists = Lists {
            around: uploads.put(&[packed.around])?,
            things: uploads.put(packed.things())?,
            lit: self.scratch.bytes(count * LIT)?,
            visible: self.scratch.bytes(count * 4)?,
            draws: self.scratch.bytes(WORDS * 4)?,
        };
        let (buckets, counts) = (self.scratch.bytes(count * 4)?, self.scratch.bytes(groups * BUCKETS * 4)?);
        let (around, draws) = ((1, &lists.around), (7, &lists.draws));
        let [choose, add_up, gather] = &self.steps;
        let groups = u32::try_from(groups).unwrap_or(u32::MAX);
        let (things, models) = ((2, &lists.things), (3, &self.models));
        let own = [(4, &buckets), (5, &counts), (6, &lists.lit), (10, veils)];
        let set = choose.bind(gpu, &[[(0, frame), around, things, models], own].concat())?;
        to.compute(choose, set, groups)?;
        to.compute(add_up, add_up.bind(gpu, &[around, models, (5, &counts), draws])?, 1)?;
        let set = gather.bind(gpu, &[around, (4, &buckets), (5, &counts), draws, (8, &lists.visible)])?;
        to.compute(gather, set, groups)?;
        self.last = Some(lists.draws.clone());
        Ok(Some(lists))
    }

    /// Draws what hides what is behind it: meshes and balls.
    pub(crate) fn draw_solid(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        shared: &Shared,
        lists: &Lists,
    ) -> Result<(), GpuError> {
        let set = self.mesh.bind(gpu, lists.bindings(shared, self, &[0, 1, 2, 3, 4, 5, 6, 9], Some(&self.vertices)))?;
        let draws = lists.part(0..KINDS_AT).reinterpret::<[DrawIndexedIndirectCommand]>();
        to.draw_meshes(&self.mesh, set, &self.indices, draws)?;
        let set = self.ball.bind(gpu, lists.bindings(shared, self, &[0, 1, 2, 3, 4, 5, 9], None))?;
        to.draw_counted(&self.ball, set, lists.kind(0))
    }

    /// Adds what glows.
    pub(crate) fn draw_glow(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        shared: &Shared,
        lists: &Lists,
    ) -> Result<(), GpuError> {
        let set = self.jets.bind(gpu, lists.bindings(shared, self, &[0, 2, 3, 4, 6], Some(&self.jet_list)))?;
        to.draw_counted(&self.jets, set, lists.part(JETS_AT..TOTALS_AT).reinterpret())?;
        let set = self.spot.bind(gpu, lists.bindings(shared, self, &[0, 1, 2, 3, 4, 5, 9], None))?;
        to.draw_counted(&self.spot, set, lists.kind(1))?;
        for (pass, kind) in [(&self.streak, 2), (&self.burst, 3)] {
            let set = pass.bind(gpu, lists.bindings(shared, self, &[0, 2, 4], None))?;
            to.draw_counted(pass, set, lists.kind(kind))?;
        }
        Ok(())
    }

    /// Triangles that the last frame, which must be done, drew by the device's own count.
    pub(crate) fn triangles(&self, gpu: &Gpu) -> Result<u64, GpuError> {
        let Some(draws) = &self.last else { return Ok(0) };
        let words: Vec<u32> = readback::read_buffer(gpu, draws)?;
        let of = |words: &[u32], each: usize| -> u64 {
            words.chunks_exact(each).map(|draw| u64::from(draw[0] / 3) * u64::from(draw[1])).sum()
        };
        let part = |range: Range<usize>| words.get(range).unwrap_or_default();
        Ok(of(part(0..KINDS_AT), 5) + of(part(KINDS_AT..TOTALS_AT), 4))
    }

    /// What the last frame, which must be done, drew.
    pub(crate) fn counts(&self, gpu: &Gpu) -> Result<Counts, GpuError> {
        let Some(draws) = &self.last else { return Ok(Counts::default()) };
        let words: Vec<u32> = readback::read_buffer(gpu, draws)?;
        Ok(Counts::of(words.get(TOTALS_AT..BASES_AT).unwrap_or_default()))
    }
}

impl Lists {
    /// Some of the bindings of `shaders/drawn.wgsl`, and of what one shader has besides.
    fn bindings(
        &self,
        shared: &Shared,
        things: &Things,
        numbers: &[u32],
        own: Option<&Subbuffer<[u8]>>,
    ) -> Vec<WriteDescriptorSet> {
        let all = [&shared.frame, &self.around, &self.things, &things.models, &self.visible, &self.lit];
        let all = (0..).zip(all.into_iter().chain(own)).chain([(9, &shared.glow)]);
        all.filter(|(number, _)| numbers.contains(number))
            .map(|(number, buffer)| WriteDescriptorSet::buffer(number, buffer.clone()))
            .collect()
    }

    /// Part of the list of draws, in words.
    fn part(&self, words: Range<usize>) -> Subbuffer<[u8]> {
        self.draws.clone().slice(words.start as u64 * 4..words.end as u64 * 4)
    }

    /// The draw of what has no mesh, by number.
    fn kind(&self, number: usize) -> Subbuffer<[DrawIndirectCommand]> {
        self.part(KINDS_AT + number * 4..KINDS_AT + number * 4 + 4).reinterpret()
    }
}
