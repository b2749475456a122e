//! Pipelines and the recording of draws. The one place with vulkano's calls that it cannot check by itself. Must never
//! know what is drawn.

use std::ops::Range;
use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::command_buffer::{
    AutoCommandBufferBuilder, BufferImageCopy, CommandBufferUsage, CopyBufferToImageInfo, PrimaryAutoCommandBuffer,
    RenderingAttachmentInfo, RenderingInfo,
};
use vulkano::descriptor_set::{DescriptorSet, WriteDescriptorSet};
use vulkano::format::Format;
use vulkano::image::view::ImageView;
use vulkano::pipeline::graphics::GraphicsPipelineCreateInfo;
use vulkano::pipeline::graphics::color_blend::{
    AttachmentBlend, BlendFactor, BlendOp, ColorBlendAttachmentState, ColorBlendState,
};
use vulkano::pipeline::graphics::depth_stencil::{CompareOp, DepthState, DepthStencilState};
use vulkano::pipeline::graphics::input_assembly::InputAssemblyState;
use vulkano::pipeline::graphics::multisample::MultisampleState;
use vulkano::pipeline::graphics::rasterization::{CullMode, RasterizationState};
use vulkano::pipeline::graphics::subpass::PipelineRenderingCreateInfo;
use vulkano::pipeline::graphics::vertex_input::VertexInputState;
use vulkano::pipeline::graphics::viewport::{Viewport, ViewportState};
use vulkano::pipeline::layout::PipelineDescriptorSetLayoutCreateInfo;
use vulkano::pipeline::{
    DynamicState, GraphicsPipeline, Pipeline, PipelineBindPoint, PipelineLayout, PipelineShaderStageCreateInfo,
};
use vulkano::render_pass::{AttachmentLoadOp, AttachmentStoreOp};
use vulkano::shader::spirv::bytes_to_words;
use vulkano::shader::{ShaderModule, ShaderModuleCreateInfo};
use vulkano::sync::PipelineStage;

use super::device::Gpu;
use super::error::{Doing, GpuError};
use super::target::{COLOUR, DEPTH};
use super::timer::Timer;

/// How what is drawn meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blend {
    /// Takes its place.
    Replace,
    /// Is added to it.
    Add,
    /// Covers as much of it as its alpha says; its colour is multiplied by alpha already.
    Cover,
}

/// What is done with depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// There is no depth image.
    None,
    /// Drawn where nothing is nearer, and leaves depth alone.
    Test,
    /// Drawn where nothing is nearer, and leaves its depth.
    Write,
}

/// What a pass is made of.
pub(crate) struct PassBuilder<'a> {
    /// For error messages.
    pub name: &'static str,
    /// SPIR-V from the build.
    pub spirv: &'a [u8],
    /// Names of the vertex and the fragment entry point.
    pub entries: [&'static str; 2],
    /// The image that is drawn into.
    pub format: Format,
    /// See [`Blend`].
    pub blend: Blend,
    /// See [`Depth`].
    pub depth: Depth,
    /// Whether triangles are seen from both sides; else from the side on which their corners run counter-clockwise.
    pub two_sided: bool,
}

impl Default for PassBuilder<'_> {
    fn default() -> Self {
        Self {
            name: "",
            spirv: &[],
            entries: ["vertex_main", "fragment_main"],
            format: COLOUR,
            blend: Blend::Replace,
            depth: Depth::None,
            two_sided: true,
        }
    }
}

/// One bit per eye.
fn view_mask(views: u32) -> u32 {
    (1 << views) - 1
}

/// A pipeline of triangles without vertex buffers: the shaders make their vertices from indices and storage buffers.
pub(crate) struct Pass {
    pub(super) name: &'static str,
    pub(super) pipeline: Arc<GraphicsPipeline>,
}

impl PassBuilder<'_> {
    /// Makes the pipeline for `views` eyes at once, or for one layer at a time where that is 0.
    pub(crate) fn build(self, gpu: &Gpu, views: u32) -> Result<Pass, GpuError> {
        let doing = || format!("making the pass \"{}\"", self.name);
        let module = module(gpu, self.spirv, self.name)?;
        let entry = |name: &str| {
            let why = || format!("its shader has no entry point {name}");
            module.entry_point(name).ok_or_else(|| GpuError::Failed { doing: doing(), why: why() })
        };
        let stages = [
            PipelineShaderStageCreateInfo::new(entry(self.entries[0])?),
            PipelineShaderStageCreateInfo::new(entry(self.entries[1])?),
        ];
        let layout = PipelineDescriptorSetLayoutCreateInfo::from_stages(&stages)
            .into_pipeline_layout_create_info(gpu.device.clone())
            .doing(doing())?;
        let layout = PipelineLayout::new(gpu.device.clone(), layout).doing(doing())?;
        let with_depth = self.depth != Depth::None;
        let attachment = ColorBlendAttachmentState { blend: equation(self.blend), ..Default::default() };
        let rendering = PipelineRenderingCreateInfo {
            view_mask: view_mask(views),
            color_attachment_formats: vec![Some(self.format)],
            depth_attachment_format: with_depth.then_some(DEPTH),
            ..PipelineRenderingCreateInfo::default()
        };
        let info = GraphicsPipelineCreateInfo {
            stages: stages.into_iter().collect(),
            vertex_input_state: Some(VertexInputState::default()),
            input_assembly_state: Some(InputAssemblyState::default()),
            viewport_state: Some(ViewportState::default()),
            rasterization_state: Some(RasterizationState {
                cull_mode: if self.two_sided { CullMode::None } else { CullMode::Back },
                ..RasterizationState::default()
            }),
            multisample_state: Some(MultisampleState::default()),
            depth_stencil_state: with_depth
                .then(|| DepthStencilState { depth: Some(test(self.depth)), ..Default::default() }),
            color_blend_state: Some(ColorBlendState::with_attachment_states(1, attachment)),
            dynamic_state: [DynamicState::Viewport].into_iter().collect(),
            subpass: Some(rendering.into()),
            ..GraphicsPipelineCreateInfo::layout(layout)
        };
        let pipeline = GraphicsPipeline::new(gpu.device.clone(), None, info).doing(doing())?;
        Ok(Pass { name: self.name, pipeline })
    }
}

pub(super) fn module(gpu: &Gpu, spirv: &[u8], name: &str) -> Result<Arc<ShaderModule>, GpuError> {
    let words = bytes_to_words(spirv).doing(format!("reading the shader of \"{name}\""))?;
    #[expect(unsafe_code, reason = "the driver trusts SPIR-V; this comes from naga, which validated the shader")]
    let module = unsafe { ShaderModule::new(gpu.device.clone(), ShaderModuleCreateInfo::new(&words)) };
    module.doing(format!("loading the shader of \"{name}\""))
}

fn equation(blend: Blend) -> Option<AttachmentBlend> {
    let under = match blend {
        Blend::Replace => return None,
        Blend::Add => BlendFactor::One,
        Blend::Cover => BlendFactor::OneMinusSrcAlpha,
    };
    Some(AttachmentBlend {
        src_color_blend_factor: BlendFactor::One,
        dst_color_blend_factor: under,
        color_blend_op: BlendOp::Add,
        src_alpha_blend_factor: BlendFactor::One,
        dst_alpha_blend_factor: under,
        alpha_blend_op: BlendOp::Add,
    })
}

fn test(depth: Depth) -> DepthState {
    match depth {
        Depth::None => DepthState { write_enable: false, compare_op: CompareOp::Always },
        // Reversed: what is nearer is greater.
        Depth::Test => DepthState { write_enable: false, compare_op: CompareOp::GreaterOrEqual },
        Depth::Write => DepthState { write_enable: true, compare_op: CompareOp::GreaterOrEqual },
    }
}

impl Pass {
    /// The pass's resources.
    pub(crate) fn bind(
        &self,
        gpu: &Gpu,
        writes: impl IntoIterator<Item = WriteDescriptorSet>,
    ) -> Result<Arc<DescriptorSet>, GpuError> {
        let doing = || format!("binding what the pass \"{}\" reads", self.name);
        let layout = self.pipeline.layout().set_layouts().first();
        let why = || "it reads nothing".to_owned();
        let layout = layout.ok_or_else(|| GpuError::Failed { doing: doing(), why: why() })?;
        DescriptorSet::new(gpu.descriptors.clone(), layout.clone(), writes, []).doing(doing())
    }

    /// As [`Self::bind`], for buffers at the bindings 0, 1, ...
    pub(crate) fn bind_buffers(&self, gpu: &Gpu, buffers: &[&Subbuffer<[u8]>]) -> Result<Arc<DescriptorSet>, GpuError> {
        let writes = (0..).zip(buffers).map(|(binding, buffer)| WriteDescriptorSet::buffer(binding, (*buffer).clone()));
        self.bind(gpu, writes)
    }
}

/// What a frame asks of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Draws, those included whose numbers the device computes.
    pub draws: u32,
    /// Triangles before anything is cut; a pass that draws both eyes at once counts once.
    pub triangles: u64,
}

/// A frame's commands while they are recorded.
pub(crate) struct Drawing {
    pub(super) commands: AutoCommandBufferBuilder<PrimaryAutoCommandBuffer>,
    /// So far; without the triangles that the device counts.
    pub(super) work: Work,
    views: u32,
}

impl Drawing {
    /// Begins a frame for `views` eyes.
    pub(crate) fn begin(gpu: &Gpu, views: u32) -> Result<Self, GpuError> {
        let (allocator, family) = (gpu.commands.clone(), gpu.queue.queue_family_index());
        let commands = AutoCommandBufferBuilder::primary(allocator, family, CommandBufferUsage::OneTimeSubmit);
        Ok(Self { commands: commands.doing("beginning a frame")?, work: Work::default(), views })
    }

    /// Notes the time at which the device begins with what follows.
    pub(crate) fn start(&mut self, timer: Option<&Timer>) -> Result<(), GpuError> {
        let Some(timer) = timer else { return Ok(()) };
        #[expect(
            unsafe_code,
            reason = "a timer belongs to one frame, which has been finished before it is recorded anew"
        )]
        let commands = unsafe { self.commands.reset_query_pool(timer.stamps.clone(), 0..2) }.doing("timing a frame")?;
        #[expect(unsafe_code, reason = "the stamp was reset right before")]
        let stamped = unsafe { commands.write_timestamp(timer.stamps.clone(), 0, PipelineStage::TopOfPipe) };
        stamped.doing("timing a frame").map(|_| ())
    }

    /// Notes the time at which the device is done with all so far.
    pub(crate) fn stop(&mut self, timer: Option<&Timer>) -> Result<(), GpuError> {
        let Some(timer) = timer else { return Ok(()) };
        #[expect(unsafe_code, reason = "the stamp was reset when the timer was started")]
        let stamped = unsafe { self.commands.write_timestamp(timer.stamps.clone(), 1, PipelineStage::BottomOfPipe) };
        stamped.doing("timing a frame").map(|_| ())
    }

    /// Begins drawing into `colour`, and over `depth`, for all eyes; `clear` says that what was there does not count.
    pub(crate) fn onto(
        &mut self,
        colour: &Arc<ImageView>,
        depth: Option<&Arc<ImageView>>,
        clear: bool,
    ) -> Result<(), GpuError> {
        self.onto_views(colour, depth, clear, view_mask(self.views))
    }

    /// Begins drawing over `colour`, the layer of one eye.
    pub(crate) fn onto_eye(&mut self, colour: &Arc<ImageView>) -> Result<(), GpuError> {
        self.onto_views(colour, None, false, 0)
    }

    /// As [`Self::onto`], for what was not there: the layers of one eye.
    pub(crate) fn anew_onto_eye(&mut self, [colour, depth]: &[Arc<ImageView>; 2]) -> Result<(), GpuError> {
        self.onto_views(colour, Some(depth), true, 0)
    }

    fn onto_views(
        &mut self,
        colour: &Arc<ImageView>,
        depth: Option<&Arc<ImageView>>,
        clear: bool,
        view_mask: u32,
    ) -> Result<(), GpuError> {
        let [width, height, _] = colour.image().extent();
        let attachment = |view: &Arc<ImageView>, value: vulkano::format::ClearValue| RenderingAttachmentInfo {
            load_op: if clear { AttachmentLoadOp::Clear } else { AttachmentLoadOp::Load },
            store_op: AttachmentStoreOp::Store,
            clear_value: clear.then_some(value),
            ..RenderingAttachmentInfo::image_view(view.clone())
        };
        let info = RenderingInfo {
            render_area_extent: [width, height],
            layer_count: 1,
            view_mask,
            color_attachments: vec![Some(attachment(colour, [0.0f32; 4].into()))],
            depth_attachment: depth.map(|view| attachment(view, 0.0f32.into())),
            ..RenderingInfo::default()
        };
        let viewport = Viewport { extent: [width as f32, height as f32], ..Viewport::default() };
        self.commands.begin_rendering(info).doing("beginning a pass")?;
        self.commands.set_viewport(0, [viewport].into_iter().collect()).doing("beginning a pass")?;
        Ok(())
    }

    /// Ends what [`Self::onto`] began.
    pub(crate) fn end(&mut self) -> Result<(), GpuError> {
        self.commands.end_rendering().doing("ending a pass").map(|_| ())
    }

    /// Draws `instances` times `vertices` vertices, three to a triangle.
    pub(crate) fn draw(
        &mut self,
        pass: &Pass,
        set: Arc<DescriptorSet>,
        vertices: u32,
        instances: u32,
    ) -> Result<(), GpuError> {
        self.draw_from(pass, set, vertices, 0..instances)
    }

    /// As [`Self::draw`], for some of the instances.
    pub(crate) fn draw_from(
        &mut self,
        pass: &Pass,
        set: Arc<DescriptorSet>,
        vertices: u32,
        instances: Range<u32>,
    ) -> Result<(), GpuError> {
        let count = instances.end.saturating_sub(instances.start);
        let doing = || format!("recording the pass \"{}\"", pass.name);
        let layout = pass.pipeline.layout().clone();
        self.commands
            .bind_pipeline_graphics(pass.pipeline.clone())
            .doing(doing())?
            .bind_descriptor_sets(PipelineBindPoint::Graphics, layout, 0, set)
            .doing(doing())?;
        #[expect(
            unsafe_code,
            reason = "the driver trusts the shaders' indices; naga's bounds checks hold them in range"
        )]
        let drawn = unsafe { self.commands.draw(vertices, count, 0, instances.start) };
        drawn.doing(doing())?;
        self.work.draws += 1;
        self.work.triangles += u64::from(vertices / 3) * u64::from(count);
        Ok(())
    }

    /// Copies rows of texels, one byte each, into an image from row `first` on.
    pub(crate) fn copy_rows(&mut self, from: Subbuffer<[u8]>, to: &Arc<ImageView>, first: u32) -> Result<(), GpuError> {
        let image = to.image();
        let [width, ..] = image.extent();
        let rows = u32::try_from(from.len() / u64::from(width)).unwrap_or(u32::MAX);
        let region = BufferImageCopy {
            image_subresource: image.subresource_layers(),
            image_offset: [0, first, 0],
            image_extent: [width, rows, 1],
            ..BufferImageCopy::default()
        };
        let copy = CopyBufferToImageInfo {
            regions: [region].into_iter().collect(),
            ..CopyBufferToImageInfo::buffer_image(from, image.clone())
        };
        self.commands.copy_buffer_to_image(copy).doing("copying texels").map(|_| ())
    }

    /// The recorded frame, and what it asks of the device; without the triangles that the device counts.
    pub(crate) fn finish(self) -> Result<(Arc<PrimaryAutoCommandBuffer>, Work), GpuError> {
        Ok((self.commands.build().doing("recording a frame")?, self.work))
    }
}
