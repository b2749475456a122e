//! Orbits and other lines in space. Must never hide anything: they are hidden by what is nearer, and leave depth alone.

use bytemuck::{Pod, Zeroable};
use vulkano::buffer::Subbuffer;

use super::shader;
use crate::gpu::{Blend, Depth, Drawing, Gpu, GpuError, Pass, PassBuilder};
use crate::scene::Scene;

/// `Point` of `shaders/lines.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct PointData {
    place: [f32; 3],
    half_px: f32,
    colour: [f32; 4],
}

/// The pipeline.
pub(crate) struct Lines {
    pass: Pass,
}

impl Lines {
    /// Makes the pass.
    pub(crate) fn new(gpu: &Gpu, views: u32) -> Result<Self, GpuError> {
        let pass = PassBuilder {
            name: "lines",
            spirv: shader!("lines"),
            blend: Blend::Cover,
            depth: Depth::Test,
            ..Default::default()
        };
        Ok(Self { pass: pass.build(gpu, views)? })
    }

    /// Draws lines through `count` points.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        [frame, points]: [&Subbuffer<[u8]>; 2],
        count: u32,
    ) -> Result<(), GpuError> {
        to.draw(&self.pass, self.pass.bind_buffers(gpu, &[frame, points])?, 6, count.saturating_sub(1))
    }
}

/// Fills `packed` with the scene's lines; `scale` pixels that are drawn along an edge become one of the
/// finished picture.
pub(crate) fn pack(scene: &Scene, scale: f64, packed: &mut Vec<PointData>) {
    packed.clear();
    let camera = scene.camera.position;
    let lines = &scene.things.lines;
    let mut points = lines.points.iter();
    for run in &lines.runs {
        let half_px = 0.5 * run.width_px.max(0.0) * scale as f32;
        let last = run.points.saturating_sub(1);
        packed.extend(points.by_ref().take(run.points).enumerate().map(|(at, point)| {
            let share = at as f32 / last.max(1) as f32;
            let opacity = run.opacity[0] + (run.opacity[1] - run.opacity[0]) * share;
            let [r, g, b] = run.colour;
            PointData {
                place: point.minus(camera).as_vec3().to_array(),
                half_px: if at == last { 0.0 } else { half_px },
                colour: [r, g, b, opacity.clamp(0.0, 1.0)],
            }
        }));
    }
}
