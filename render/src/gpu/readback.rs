//! Brings images and buffers back from the device. Slow by nature (it waits): for pictures and tests, never for a frame on screen.

use std::sync::Arc;

use vulkano::ValidationError;
use vulkano::buffer::{Buffer, BufferContents, BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::command_buffer::{
    AutoCommandBufferBuilder, CommandBufferUsage, CopyBufferInfo, CopyImageToBufferInfo, PrimaryAutoCommandBuffer,
};
use vulkano::image::view::ImageView;
use vulkano::memory::allocator::{AllocationCreateInfo, MemoryTypeFilter};

use super::device::Gpu;
use super::error::{Doing, GpuError};

/// All texels of `view`, layer after layer, `per_texel` values each.
pub(crate) fn read<T: BufferContents + Copy>(
    gpu: &Gpu,
    view: &Arc<ImageView>,
    per_texel: u64,
) -> Result<Vec<T>, GpuError> {
    let image = view.image();
    let [width, height, _] = image.extent();
    let count = u64::from(width) * u64::from(height) * u64::from(image.array_layers()) * per_texel;
    copied(gpu, count, |commands, into| {
        commands.copy_image_to_buffer(CopyImageToBufferInfo::image_buffer(image.clone(), into)).map(|_| ())
    })
}

/// All values in a buffer.
pub(crate) fn read_buffer<T: BufferContents + Copy>(gpu: &Gpu, from: &Subbuffer<[u8]>) -> Result<Vec<T>, GpuError> {
    let count = from.size() / size_of::<T>() as u64;
    copied(gpu, count, |commands, into| commands.copy_buffer(CopyBufferInfo::buffers(from.clone(), into)).map(|_| ()))
}

/// What `copy` brings into a buffer for `count` values.
fn copied<T: BufferContents + Copy>(
    gpu: &Gpu,
    count: u64,
    copy: impl FnOnce(
        &mut AutoCommandBufferBuilder<PrimaryAutoCommandBuffer>,
        Subbuffer<[T]>,
    ) -> Result<(), Box<ValidationError>>,
) -> Result<Vec<T>, GpuError> {
    let buffer: Subbuffer<[T]> = Buffer::new_slice(
        gpu.memory.clone(),
        BufferCreateInfo { usage: BufferUsage::TRANSFER_DST, ..BufferCreateInfo::default() },
        AllocationCreateInfo {
            memory_type_filter: MemoryTypeFilter::PREFER_HOST | MemoryTypeFilter::HOST_RANDOM_ACCESS,
            ..AllocationCreateInfo::default()
        },
        count,
    )
    .doing("making a buffer for a copy")?;
    let mut commands = AutoCommandBufferBuilder::primary(
        gpu.commands.clone(),
        gpu.queue.queue_family_index(),
        CommandBufferUsage::OneTimeSubmit,
    )
    .doing("recording a copy")?;
    copy(&mut commands, buffer.clone()).doing("recording a copy")?;
    let commands = commands.build().doing("recording a copy")?;
    gpu.run(commands, "copying from the device")?;
    let values = buffer.read().doing("reading a copy")?;
    Ok(values.to_vec())
}

/// A 16-bit float as f32.
pub(crate) fn f32_from_f16(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, (bits >> 10) & 31, u32::from(bits & 1023));
    let size = match exponent {
        0 => fraction as f32 * (0.5f32).powi(24),
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(((u32::from(exponent) + 112) << 23) | fraction << 13),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_are_read_exactly() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(f32_from_f16(bits), value);
        }
        assert!(f32_from_f16(0x7c00).is_infinite() && f32_from_f16(0x7e00).is_nan());
    }
}
