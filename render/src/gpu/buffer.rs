//! Buffers that the processor fills: those of one frame, and those that stay. Must never be written while in use: each
//! frame takes new ones from a pool.

use bytemuck::{NoUninit, cast_slice};
use vulkano::buffer::allocator::{SubbufferAllocator, SubbufferAllocatorCreateInfo};
use vulkano::buffer::{Buffer, BufferContents, BufferCreateInfo, BufferUsage, Subbuffer};
use vulkano::memory::allocator::{AllocationCreateInfo, MemoryTypeFilter};

use super::device::Gpu;
use super::error::{Doing, GpuError};

const FILLED_BY_HOST: MemoryTypeFilter = MemoryTypeFilter::PREFER_DEVICE.union(MemoryTypeFilter::HOST_SEQUENTIAL_WRITE);

/// Where a frame's data goes to the device.
pub(crate) struct Uploads {
    pool: SubbufferAllocator,
}

impl Uploads {
    /// A pool that grows to what a frame needs.
    pub(crate) fn new(gpu: &Gpu) -> Self {
        let info = SubbufferAllocatorCreateInfo {
            buffer_usage: BufferUsage::UNIFORM_BUFFER | BufferUsage::STORAGE_BUFFER | BufferUsage::TRANSFER_SRC,
            memory_type_filter: FILLED_BY_HOST,
            ..SubbufferAllocatorCreateInfo::default()
        };
        Self { pool: SubbufferAllocator::new(gpu.memory.clone(), info) }
    }

    /// A buffer with `values`, of which there must be at least one, for this frame.
    pub(crate) fn put<T: NoUninit>(&self, values: &[T]) -> Result<Subbuffer<[u8]>, GpuError> {
        let bytes: &[u8] = cast_slice(values);
        let buffer = self.pool.allocate_slice::<u8>(bytes.len() as u64).doing("making room for a frame's data")?;
        buffer.write().doing("writing a frame's data")?.copy_from_slice(bytes);
        Ok(buffer)
    }
}

/// A buffer with `values`, of which there must be at least one, that stays.
pub(crate) fn lasting<T: NoUninit>(gpu: &Gpu, values: &[T]) -> Result<Subbuffer<[u8]>, GpuError> {
    let bytes: &[u8] = cast_slice(values);
    filled(gpu, BufferUsage::STORAGE_BUFFER, bytes.iter().copied())
}

/// Indices of triangles, of which there must be at least one, that stay.
pub(crate) fn lasting_indices(gpu: &Gpu, indices: &[u32]) -> Result<Subbuffer<[u32]>, GpuError> {
    filled(gpu, BufferUsage::INDEX_BUFFER, indices.iter().copied())
}

fn filled<T: BufferContents>(
    gpu: &Gpu,
    usage: BufferUsage,
    values: impl ExactSizeIterator<Item = T>,
) -> Result<Subbuffer<[T]>, GpuError> {
    let info = BufferCreateInfo { usage, ..BufferCreateInfo::default() };
    let memory = AllocationCreateInfo { memory_type_filter: FILLED_BY_HOST, ..AllocationCreateInfo::default() };
    Buffer::from_iter(gpu.memory.clone(), info, memory, values).doing("making a buffer")
}
