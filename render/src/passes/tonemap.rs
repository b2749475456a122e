//! From linear light to what a screen shows. Must never read anything but light and its blur.

use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::descriptor_set::WriteDescriptorSet;
use vulkano::format::Format;
use vulkano::image::sampler::Sampler;
use vulkano::image::view::ImageView;

use super::shader;
use crate::gpu::{Drawing, Gpu, GpuError, Pass, PassBuilder};

/// Pipelines for one drawn pixel or less per pixel of the picture, and for several.
pub(crate) struct ToneMap {
    one: Pass,
    many: Pass,
}

/// Drawn pixels along an edge of one of the picture's from which on it has several.
const SEVERAL: f64 = 1.5;

impl ToneMap {
    /// Makes the passes for pictures of that format.
    pub(crate) fn new(gpu: &Gpu, views: u32, format: Format) -> Result<Self, GpuError> {
        let pass = |fragment| {
            let entries = ["vertex_main", fragment];
            let builder =
                PassBuilder { name: "tone mapping", spirv: shader!("tonemap"), entries, format, ..Default::default() };
            builder.build(gpu, views)
        };
        Ok(Self { one: pass("fragment_one")?, many: pass("fragment_many")? })
    }

    /// Maps `colour` and its blur into the image that is drawn into; `scale` drawn pixels along an edge become one.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        (frame, scale): (&Subbuffer<[u8]>, f64),
        [colour, bloom]: [&Arc<ImageView>; 2],
        sampler: &Arc<Sampler>,
    ) -> Result<(), GpuError> {
        let pass = if scale < SEVERAL { &self.one } else { &self.many };
        let set = pass.bind(
            gpu,
            [
                WriteDescriptorSet::buffer(0, frame.clone()),
                WriteDescriptorSet::image_view_sampler(1, colour.clone(), sampler.clone()),
                WriteDescriptorSet::image_view_sampler(2, bloom.clone(), sampler.clone()),
            ],
        )?;
        to.draw(pass, set, 6, 1)
    }
}
