//! Images that are drawn into. One layer per eye; the same views serve one eye and two. Must never be resized: make
//! new ones.

use std::ops::Range;
use std::sync::Arc;

use vulkano::format::Format;
use vulkano::image::view::{ImageView, ImageViewCreateInfo, ImageViewType};
use vulkano::image::{Image, ImageCreateInfo, ImageSubresourceRange, ImageType, ImageUsage};
use vulkano::memory::allocator::AllocationCreateInfo;

use super::device::Gpu;
use super::error::{Doing, GpuError};

/// Linear light, in units of a white wall in the camera's sunlight.
pub(crate) const COLOUR: Format = Format::R16G16B16A16_SFLOAT;
/// Reversed: 1 at the near plane, 0 at infinity.
pub(crate) const DEPTH: Format = Format::D32_SFLOAT;
/// Pictures that leave the renderer; those of windows have a format of their own.
pub(crate) const OUTPUT: Format = Format::R8G8B8A8_SRGB;

/// Most levels of blur.
const BLOOM_LEVELS: u32 = 7;

/// What one renderer draws into before a picture leaves it.
pub(crate) struct Targets {
    /// Linear light.
    pub colour: Arc<ImageView>,
    /// Reversed depth.
    pub depth: Arc<ImageView>,
    /// Light and depth of each eye by itself.
    pub eyes: Vec<[Arc<ImageView>; 2]>,
    /// Blurred light, each level half as large as the one before.
    pub bloom: Vec<Arc<ImageView>>,
}

impl Targets {
    /// Images of `drawn` pixels for `views` eyes.
    pub(crate) fn new(gpu: &Gpu, drawn: [u32; 2], views: u32) -> Result<Self, GpuError> {
        check(gpu, drawn)?;
        let attachment = ImageUsage::COLOR_ATTACHMENT | ImageUsage::SAMPLED | ImageUsage::TRANSFER_SRC;
        let halves = (1..=BLOOM_LEVELS).map(|level| drawn.map(|edge| edge >> level));
        let bloom = halves.take_while(|[w, h]| *w >= 4 && *h >= 4);
        let colour = layered(gpu, COLOUR, attachment, drawn, views)?;
        let depth = layered(gpu, DEPTH, ImageUsage::DEPTH_STENCIL_ATTACHMENT | ImageUsage::TRANSFER_SRC, drawn, views)?;
        let eye = |eye| Ok([layer(colour.image(), eye)?, layer(depth.image(), eye)?]);
        Ok(Self {
            eyes: (0..views).map(eye).collect::<Result<_, _>>()?,
            colour,
            depth,
            bloom: bloom.map(|half| layered(gpu, COLOUR, attachment, half, views)).collect::<Result<_, _>>()?,
        })
    }
}

/// A finished picture: an image with a layer per eye.
pub(crate) struct Output {
    /// All eyes.
    pub all: Arc<ImageView>,
    /// Each eye by itself.
    pub eyes: Vec<Arc<ImageView>>,
}

impl Output {
    /// A picture of `size` pixels that can be read back.
    pub(crate) fn new(gpu: &Gpu, format: Format, size: [u32; 2], views: u32) -> Result<Self, GpuError> {
        check(gpu, size)?;
        let usage = ImageUsage::COLOR_ATTACHMENT | ImageUsage::TRANSFER_SRC;
        Self::of(layered(gpu, format, usage, size, views)?.image())
    }

    /// Somebody else's image, with a layer per eye.
    pub(crate) fn of(image: &Arc<Image>) -> Result<Self, GpuError> {
        let layers = image.array_layers();
        let eyes = (0..layers).map(|eye| layer(image, eye));
        Ok(Self { all: view(image, ImageViewType::Dim2dArray, 0..layers)?, eyes: eyes.collect::<Result<_, _>>()? })
    }
}

/// One eye's layer of an image.
fn layer(image: &Arc<Image>, eye: u32) -> Result<Arc<ImageView>, GpuError> {
    view(image, ImageViewType::Dim2d, eye..eye + 1)
}

fn view(image: &Arc<Image>, view_type: ImageViewType, layers: Range<u32>) -> Result<Arc<ImageView>, GpuError> {
    let whole = ImageViewCreateInfo::from_image(image);
    let subresource_range = ImageSubresourceRange { array_layers: layers, ..whole.subresource_range.clone() };
    let info = ImageViewCreateInfo { view_type, subresource_range, ..whole };
    ImageView::new(image.clone(), info).doing("making a view of an image")
}

/// Whether pictures of that size can be drawn.
fn check(gpu: &Gpu, [width, height]: [u32; 2]) -> Result<(), GpuError> {
    let most = gpu.size_max();
    let fine = (1..=most).contains(&width) && (1..=most).contains(&height);
    fine.then_some(()).ok_or(GpuError::Size { width, height, most })
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
