//! The glow around what is bright. Must never change the picture itself: it leaves blurred light in images of its own.

use std::sync::Arc;

use vulkano::descriptor_set::WriteDescriptorSet;
use vulkano::image::sampler::Sampler;
use vulkano::image::view::ImageView;

use super::shader;
use crate::gpu::{Blend, Drawing, Gpu, GpuError, Pass, PassBuilder};

/// Pipelines from level to level, down and up.
pub(crate) struct Bloom {
    down: Pass,
    up: Pass,
}

impl Bloom {
    /// Makes the pass.
    pub(crate) fn new(gpu: &Gpu, views: u32) -> Result<Self, GpuError> {
        let pass = |name, fragment, blend| {
            let entries = ["vertex_main", fragment];
            PassBuilder { name, spirv: shader!("bloom"), entries, blend, ..Default::default() }.build(gpu, views)
        };
        Ok(Self {
            down: pass("bloom down", "fragment_down", Blend::Replace)?,
            up: pass("bloom up", "fragment_up", Blend::Add)?,
        })
    }

    /// Blurs `colour` into `levels`, the largest first, which has the sum of all at the end.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        colour: &Arc<ImageView>,
        levels: &[Arc<ImageView>],
        sampler: &Arc<Sampler>,
    ) -> Result<(), GpuError> {
        let mut step = |pass: &Pass, from: &Arc<ImageView>, into: &Arc<ImageView>, clear: bool| {
            let writes = [WriteDescriptorSet::image_view_sampler(0, from.clone(), sampler.clone())];
            to.onto(into, None, clear)?;
            to.draw(pass, pass.bind(gpu, writes)?, 6, 1)?;
            to.end()
        };
        let mut from = colour;
        for level in levels {
            step(&self.down, from, level, true)?;
            from = level;
        }
        for pair in levels.windows(2).rev() {
            step(&self.up, &pair[1], &pair[0], false)?;
        }
        Ok(())
    }
}
