//! Images that are drawn into. One layer per eye; the same views serve one eye and two. Must never be resized: make
//! new ones.

use std::sync::Arc;

use vulkano::format::Format;
use vulkano::image::view::{ImageView, ImageViewCreateInfo, ImageViewType};
use vulkano::image::{Image, ImageCreateInfo, ImageType, ImageUsage};
use vulkano::memory::allocator::AllocationCreateInfo;

use super::device::Gpu;
use super::error::{Doing, GpuError};

/// Linear light, in units of a white wall in the camera's sunlight.
pub(crate) const COLOUR: Format = Format::R16G16B16A16_SFLOAT;
/// Reversed: 1 at the near plane, 0 at infinity.
pub(crate) const DEPTH: Format = Format::D32_SFLOAT;
/// What leaves the renderer.
pub(crate) const OUTPUT: Format = Format::R8G8B8A8_SRGB;

/// Most levels of blur.
const BLOOM_LEVELS: u32 = 7;

/// All images of one renderer.
pub(crate) struct Targets {
    /// Linear light.
    pub colour: Arc<ImageView>,
    /// Reversed depth.
    pub depth: Arc<ImageView>,
    /// Blurred light, each level half as large as the one before.
    pub bloom: Vec<Arc<ImageView>>,
    /// Tone-mapped.
    pub output: Arc<ImageView>,
}

impl Targets {
    /// Images for an output of `size` pixels, drawn at `drawn` pixels, for `views` eyes.
    pub(crate) fn new(gpu: &Gpu, size: [u32; 2], drawn: [u32; 2], views: u32) -> Result<Self, GpuError> {
        let most = gpu.size_max();
        for [width, height] in [size, drawn] {
            if !(1..=most).contains(&width) || !(1..=most).contains(&height) {
                return Err(GpuError::Size { width, height, most });
            }
        }
        let attachment = ImageUsage::COLOR_ATTACHMENT | ImageUsage::SAMPLED | ImageUsage::TRANSFER_SRC;
        let halves = (1..=BLOOM_LEVELS).map(|level| drawn.map(|edge| edge >> level));
        let bloom = halves.take_while(|[w, h]| *w >= 4 && *h >= 4);
        Ok(Self {
            colour: layered(gpu, COLOUR, attachment, drawn, views)?,
            depth: layered(gpu, DEPTH, ImageUsage::DEPTH_STENCIL_ATTACHMENT | ImageUsage::TRANSFER_SRC, drawn, views)?,
            bloom: bloom.map(|half| layered(gpu, COLOUR, attachment, half, views)).collect::<Result<_, _>>()?,
            output: layered(gpu, OUTPUT, ImageUsage::COLOR_ATTACHMENT | ImageUsage::TRANSFER_SRC, size, views)?,
        })
    }
}

/// An image with a layer per eye.
fn layered(
    gpu: &Gpu,
    format: Format,
    usage: ImageUsage,
    size: [u32; 2],
    views: u32,
) -> Result<Arc<ImageView>, GpuError> {
    let info = ImageCreateInfo {
        image_type: ImageType::Dim2d,
        format,
        extent: [size[0], size[1], 1],
        array_layers: views,
        usage,
        ..ImageCreateInfo::default()
    };
    let image = Image::new(gpu.memory.clone(), info, AllocationCreateInfo::default()).doing("making an image")?;
    let view = ImageViewCreateInfo { view_type: ImageViewType::Dim2dArray, ..ImageViewCreateInfo::from_image(&image) };
    ImageView::new(image, view).doing("making a view of an image")
}
