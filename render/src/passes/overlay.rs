//! Flat shapes and text over the finished picture, eye by eye. Must never know what they mean.

use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::descriptor_set::WriteDescriptorSet;
use vulkano::format::Format;
use vulkano::image::sampler::{Filter, Sampler, SamplerCreateInfo};
use vulkano::image::view::ImageView;
use vulkano::image::{Image, ImageCreateInfo, ImageType, ImageUsage};
use vulkano::memory::allocator::AllocationCreateInfo;

use super::shader;
use crate::gpu::{Blend, Doing, Drawing, Gpu, GpuError, Pass, PassBuilder, Uploads};
use crate::hud::paint::Overlay;
use crate::text::Atlas;

/// The pipeline and the device's copy of the glyphs.
pub(crate) struct OverlayPass {
    pass: Pass,
    atlas: Arc<ImageView>,
    nearest: Arc<Sampler>,
    /// Whether the copy has been written at all.
    blank: bool,
}

impl OverlayPass {
    /// Makes the pass for pictures of that format.
    pub(crate) fn new(gpu: &Gpu, format: Format) -> Result<Self, GpuError> {
        let spirv = shader!("overlay");
        let pass = PassBuilder { name: "overlay", spirv, format, blend: Blend::Cover, ..Default::default() };
        let [width, height] = Atlas::MOST_SIZE.map(u32::from);
        let info = ImageCreateInfo {
            image_type: ImageType::Dim2d,
            format: Format::R8_UNORM,
            extent: [width, height, 1],
            usage: ImageUsage::SAMPLED | ImageUsage::TRANSFER_DST,
            ..ImageCreateInfo::default()
        };
        let doing = "making room for glyphs";
        let image = Image::new(gpu.memory.clone(), info, AllocationCreateInfo::default()).doing(doing)?;
        let nearest =
            SamplerCreateInfo { mag_filter: Filter::Nearest, min_filter: Filter::Nearest, ..Default::default() };
        Ok(Self {
            pass: pass.build(gpu, 0)?,
            atlas: ImageView::new_default(image).doing(doing)?,
            nearest: Sampler::new(gpu.device.clone(), nearest).doing(doing)?,
            blank: true,
        })
    }

    /// Copies glyphs that are new. Not while a pass is drawing.
    pub(crate) fn take_glyphs(
        &mut self,
        to: &mut Drawing,
        uploads: &Uploads,
        atlas: &mut Atlas,
    ) -> Result<(), GpuError> {
        let [width, height] = Atlas::MOST_SIZE.map(usize::from);
        if std::mem::take(&mut self.blank) {
            to.copy_rows(uploads.put(&vec![0u8; width * height])?, &self.atlas, 0)?;
        }
        let Some((first, end)) = atlas.take_changed() else { return Ok(()) };
        let rows = atlas.texels().get(usize::from(first) * width..usize::from(end) * width).unwrap_or_default();
        if rows.is_empty() {
            return Ok(());
        }
        to.copy_rows(uploads.put(rows)?, &self.atlas, u32::from(first))
    }

    /// Draws a list over one eye's picture.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        uploads: &Uploads,
        frame: &Subbuffer<[u8]>,
        (eye, overlay): (usize, &Overlay),
        onto: &Arc<ImageView>,
    ) -> Result<(), GpuError> {
        if overlay.indices.is_empty() {
            return Ok(());
        }
        let [width, height, _] = onto.image().extent();
        let set = self.pass.bind(
            gpu,
            [
                WriteDescriptorSet::buffer(0, uploads.put(&overlay.vertices)?),
                WriteDescriptorSet::buffer(1, uploads.put(&overlay.indices)?),
                WriteDescriptorSet::image_view_sampler(2, self.atlas.clone(), self.nearest.clone()),
                WriteDescriptorSet::buffer(4, uploads.put(&[[width as f32, height as f32, eye as f32, 0.0]])?),
                WriteDescriptorSet::buffer(5, frame.clone()),
            ],
        )?;
        to.onto_eye(onto)?;
        to.draw(&self.pass, set, u32::try_from(overlay.indices.len()).unwrap_or(u32::MAX), 1)?;
        to.end()
    }
}
