//! Computing on the device, and draws whose numbers the device has computed. Must never bring a number back within a
//! frame.

use std::sync::Arc;

use vulkano::buffer::allocator::{SubbufferAllocator, SubbufferAllocatorCreateInfo};
use vulkano::buffer::{BufferUsage, Subbuffer};
use vulkano::command_buffer::{DrawIndexedIndirectCommand, DrawIndirectCommand};
use vulkano::descriptor_set::{DescriptorSet, WriteDescriptorSet};
use vulkano::memory::allocator::MemoryTypeFilter;
use vulkano::pipeline::compute::ComputePipelineCreateInfo;
use vulkano::pipeline::layout::PipelineDescriptorSetLayoutCreateInfo;
use vulkano::pipeline::{ComputePipeline, Pipeline, PipelineBindPoint, PipelineLayout, PipelineShaderStageCreateInfo};

use super::device::Gpu;
use super::error::{Doing, GpuError};
use super::pipeline::{Drawing, Pass, module};

/// Buffers that only the device reads and writes, for one frame each.
pub(crate) struct Scratch {
    pool: SubbufferAllocator,
}

impl Scratch {
    /// A pool that grows to what a frame needs.
    pub(crate) fn new(gpu: &Gpu) -> Self {
        let info = SubbufferAllocatorCreateInfo {
            buffer_usage: BufferUsage::STORAGE_BUFFER | BufferUsage::INDIRECT_BUFFER | BufferUsage::TRANSFER_SRC,
            memory_type_filter: MemoryTypeFilter::PREFER_DEVICE,
            ..SubbufferAllocatorCreateInfo::default()
        };
        Self { pool: SubbufferAllocator::new(gpu.memory.clone(), info) }
    }

    /// Room for so many bytes, at least one.
    pub(crate) fn bytes(&self, count: usize) -> Result<Subbuffer<[u8]>, GpuError> {
        self.pool.allocate_slice::<u8>(count as u64).doing("making room for a frame's lists")
    }
}

/// A pipeline that computes.
pub(crate) struct Compute {
    name: &'static str,
    pipeline: Arc<ComputePipeline>,
}

impl Compute {
    /// Makes the pipeline from SPIR-V of the build and the name of its entry point.
    pub(crate) fn new(gpu: &Gpu, name: &'static str, spirv: &[u8], entry: &str) -> Result<Self, GpuError> {
        let doing = || format!("making the pass \"{name}\"");
        let module = module(gpu, spirv, name)?;
        let why = || format!("its shader has no entry point {entry}");
        let entry = module.entry_point(entry).ok_or_else(|| GpuError::Failed { doing: doing(), why: why() })?;
        let stage = PipelineShaderStageCreateInfo::new(entry);
        let layout = PipelineDescriptorSetLayoutCreateInfo::from_stages([&stage])
            .into_pipeline_layout_create_info(gpu.device.clone())
            .doing(doing())?;
        let layout = PipelineLayout::new(gpu.device.clone(), layout).doing(doing())?;
        let info = ComputePipelineCreateInfo::stage_layout(stage, layout);
        let pipeline = ComputePipeline::new(gpu.device.clone(), None, info).doing(doing())?;
        Ok(Self { name, pipeline })
    }

    /// What it reads and writes, with the bindings.
    pub(crate) fn bind(&self, gpu: &Gpu, buffers: &[(u32, &Subbuffer<[u8]>)]) -> Result<Arc<DescriptorSet>, GpuError> {
        let doing = || format!("binding what the pass \"{}\" reads", self.name);
        let layout = self.pipeline.layout().set_layouts().first();
        let why = || "it reads nothing".to_owned();
        let layout = layout.ok_or_else(|| GpuError::Failed { doing: doing(), why: why() })?;
        let writes = buffers.iter().map(|(binding, buffer)| WriteDescriptorSet::buffer(*binding, (*buffer).clone()));
        DescriptorSet::new(gpu.descriptors.clone(), layout.clone(), writes, []).doing(doing())
    }
}

impl Drawing {
    /// Runs so many groups of threads; not between [`Self::onto`] and [`Self::end`].
    pub(crate) fn compute(&mut self, pass: &Compute, set: Arc<DescriptorSet>, groups: u32) -> Result<(), GpuError> {
        let doing = || format!("recording the pass \"{}\"", pass.name);
        let layout = pass.pipeline.layout().clone();
        self.commands
            .bind_pipeline_compute(pass.pipeline.clone())
            .doing(doing())?
            .bind_descriptor_sets(PipelineBindPoint::Compute, layout, 0, set)
            .doing(doing())?;
        #[expect(
            unsafe_code,
            reason = "the driver trusts the shaders' indices; naga's bounds checks hold them in range"
        )]
        let run = unsafe { self.commands.dispatch([groups, 1, 1]) };
        run.doing(doing()).map(|_| ())
    }

    fn take(&mut self, pass: &Pass, set: Arc<DescriptorSet>) -> Result<(), GpuError> {
        let doing = || format!("recording the pass \"{}\"", pass.name);
        let layout = pass.pipeline.layout().clone();
        self.commands
            .bind_pipeline_graphics(pass.pipeline.clone())
            .doing(doing())?
            .bind_descriptor_sets(PipelineBindPoint::Graphics, layout, 0, set)
            .doing(doing())
            .map(|_| ())
    }

    /// Draws as often and as much as `draws` says: commands of Vulkan without indices.
    pub(crate) fn draw_counted(
        &mut self,
        pass: &Pass,
        set: Arc<DescriptorSet>,
        draws: Subbuffer<[DrawIndirectCommand]>,
    ) -> Result<(), GpuError> {
        self.take(pass, set)?;
        self.work.draws += u32::try_from(draws.len()).unwrap_or(u32::MAX);
        #[expect(
            unsafe_code,
            reason = "what the device counted is in range: it is made of the lists that the shaders read"
        )]
        let drawn = unsafe { self.commands.draw_indirect(draws) };
        drawn.doing(format!("recording the pass \"{}\"", pass.name)).map(|_| ())
    }

    /// As [`Self::draw_counted`], with vertices that triangles share.
    pub(crate) fn draw_meshes(
        &mut self,
        pass: &Pass,
        set: Arc<DescriptorSet>,
        indices: &Subbuffer<[u32]>,
        draws: Subbuffer<[DrawIndexedIndirectCommand]>,
    ) -> Result<(), GpuError> {
        self.take(pass, set)?;
        self.work.draws += u32::try_from(draws.len()).unwrap_or(u32::MAX);
        let doing = || format!("recording the pass \"{}\"", pass.name);
        self.commands.bind_index_buffer(indices.clone()).doing(doing())?;
        #[expect(
            unsafe_code,
            reason = "what the device counted is in range: it is made of the lists that the shaders read"
        )]
        let drawn = unsafe { self.commands.draw_indexed_indirect(draws) };
        drawn.doing(doing()).map(|_| ())
    }
}
