//! The map of the Earth's land: read from the fixture, halved level by level, and brought to the device. Must never be
//! asked for the ground's height: it has none.

use std::sync::Arc;

use vulkano::buffer::{Buffer, BufferCreateInfo, BufferUsage};
use vulkano::command_buffer::{AutoCommandBufferBuilder, BufferImageCopy, CommandBufferUsage, CopyBufferToImageInfo};
use vulkano::format::Format;
use vulkano::image::view::ImageView;
use vulkano::image::{Image, ImageCreateInfo, ImageType, ImageUsage};
use vulkano::memory::allocator::{AllocationCreateInfo, MemoryTypeFilter};

use crate::gpu::{Doing, Gpu, GpuError};

/// See `fixtures/earth/README.md`.
const LAND: &[u8] = include_bytes!("../../../fixtures/earth/land.png");

/// A grey picture.
struct Level {
    size: [usize; 2],
    texels: Vec<u8>,
}

/// The map as it is in the fixture.
fn decode(bytes: &[u8]) -> Result<Level, png::DecodingError> {
    let mut reader = png::Decoder::new(bytes).read_info()?;
    let mut texels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut texels)?;
    texels.truncate(info.buffer_size());
    Ok(Level { size: [info.width as usize, info.height as usize], texels })
}

impl Level {
    /// Half as large, each texel the average of four.
    fn halved(&self) -> Self {
        let size = self.size.map(|edge| edge / 2);
        let at = |x: usize, y: usize| u32::from(self.texels[y * self.size[0] + x]);
        let average = |x: usize, y: usize| {
            let (x, y) = (2 * x, 2 * y);
            ((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4) as u8
        };
        let texels = (0..size[0] * size[1]).map(|i| average(i % size[0], i / size[0])).collect();
        Self { size, texels }
    }
}

/// The map on the device, with all its levels down to two texels.
pub(crate) fn upload(gpu: &Gpu) -> Result<Arc<ImageView>, GpuError> {
    let mut levels = vec![decode(LAND).doing("reading the map of the Earth")?];
    while let Some(level) = levels.last().filter(|level| level.size[1] >= 2) {
        levels.push(level.halved());
    }
    let doing = "bringing the map of the Earth to the device";
    let [width, height] = levels[0].size.map(|edge| edge as u32);
    let info = ImageCreateInfo {
        image_type: ImageType::Dim2d,
        format: Format::R8_UNORM,
        extent: [width, height, 1],
        mip_levels: levels.len() as u32,
        usage: ImageUsage::SAMPLED | ImageUsage::TRANSFER_DST,
        ..ImageCreateInfo::default()
    };
    let image = Image::new(gpu.memory.clone(), info, AllocationCreateInfo::default()).doing(doing)?;
    let mut regions = Vec::new();
    let mut buffer_offset = 0;
    for (level, mip_level) in levels.iter().zip(0..) {
        let mut image_subresource = image.subresource_layers();
        image_subresource.mip_level = mip_level;
        let image_extent = [level.size[0] as u32, level.size[1] as u32, 1];
        regions.push(BufferImageCopy { buffer_offset, image_subresource, image_extent, ..BufferImageCopy::default() });
        // Copies begin at multiples of four bytes.
        buffer_offset += (level.texels.len() as u64).next_multiple_of(4);
    }
    let padded = levels.iter().flat_map(|level| {
        let padding = level.texels.len().next_multiple_of(4) - level.texels.len();
        level.texels.iter().copied().chain(std::iter::repeat_n(0, padding))
    });
    let bytes: Vec<u8> = padded.collect();
    let buffer = Buffer::from_iter(
        gpu.memory.clone(),
        BufferCreateInfo { usage: BufferUsage::TRANSFER_SRC, ..BufferCreateInfo::default() },
        AllocationCreateInfo {
            memory_type_filter: MemoryTypeFilter::PREFER_HOST | MemoryTypeFilter::HOST_SEQUENTIAL_WRITE,
            ..AllocationCreateInfo::default()
        },
        bytes,
    )
    .doing(doing)?;
    let family = gpu.queue.queue_family_index();
    let mut commands =
        AutoCommandBufferBuilder::primary(gpu.commands.clone(), family, CommandBufferUsage::OneTimeSubmit)
            .doing(doing)?;
    let copy =
        CopyBufferToImageInfo { regions: regions.into(), ..CopyBufferToImageInfo::buffer_image(buffer, image.clone()) };
    commands.copy_buffer_to_image(copy).doing(doing)?;
    gpu.run(commands.build().doing(doing)?, doing)?;
    ImageView::new_default(image).doing(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continents_are_where_they_are() {
        let map = decode(LAND).unwrap();
        assert_eq!((map.size, map.texels.len()), ([2048, 1024], 2048 * 1024));
        let land = |latitude: f64, longitude: f64| {
            let x = ((longitude + 180.0) / 360.0 * 2048.0) as usize;
            let y = ((90.0 - latitude) / 180.0 * 1024.0) as usize;
            map.texels[y * 2048 + x] > 127
        };
        for (latitude, longitude) in [(48.0, 10.0), (-25.0, 135.0), (-5.0, -60.0), (-80.0, 0.0), (20.0, 10.0)] {
            assert!(land(latitude, longitude), "{latitude} {longitude}");
        }
        for (latitude, longitude) in [(0.0, -30.0), (30.0, -160.0), (-40.0, 80.0), (85.0, 0.0), (20.0, 38.5)] {
            assert!(!land(latitude, longitude), "{latitude} {longitude}");
        }
    }
}
