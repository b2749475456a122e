//! From linear light to what a screen shows. Must never read anything but light and its blur.

use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::descriptor_set::WriteDescriptorSet;
use vulkano::format::Format;
use vulkano::image::sampler::Sampler;
use vulkano::image::view::ImageView;

use super::shader;
use crate::gpu::{Drawing, Gpu, GpuError, Pass, PassBuilder};

/// The pipeline.
pub(crate) struct ToneMap {
    pass: Pass,
}

impl ToneMap {
    /// Makes the pass for pictures of that format.
    pub(crate) fn new(gpu: &Gpu, views: u32, format: Format) -> Result<Self, GpuError> {
        let pass = PassBuilder { name: "tone mapping", spirv: shader!("tonemap"), format, ..Default::default() };
        Ok(Self { pass: pass.build(gpu, views)? })
    }

    /// Maps `colour` and its blur into the image that is drawn into.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        frame: &Subbuffer<[u8]>,
        [colour, bloom]: [&Arc<ImageView>; 2],
        sampler: &Arc<Sampler>,
    ) -> Result<(), GpuError> {
        let set = self.pass.bind(
            gpu,
            [
                WriteDescriptorSet::buffer(0, frame.clone()),
                WriteDescriptorSet::image_view_sampler(1, colour.clone(), sampler.clone()),
                WriteDescriptorSet::image_view_sampler(2, bloom.clone(), sampler.clone()),
            ],
        )?;
        to.draw(&self.pass, set, 6, 1)
    }
}
