//! Opens a graphics device: the best there is, or the one asked for. Must never panic on a machine without one.

use std::sync::Arc;

use raw_window_handle::HasDisplayHandle;
use vulkano::command_buffer::allocator::StandardCommandBufferAllocator;
use vulkano::command_buffer::{PrimaryAutoCommandBuffer, PrimaryCommandBufferAbstract};
use vulkano::descriptor_set::allocator::StandardDescriptorSetAllocator;
use vulkano::device::physical::{DriverId, PhysicalDevice, PhysicalDeviceType};
use vulkano::device::{Device, DeviceCreateInfo, DeviceExtensions, DeviceFeatures, Queue, QueueCreateInfo, QueueFlags};
use vulkano::format::{Format, FormatFeatures};
use vulkano::instance::debug::DebugUtilsMessenger;
use vulkano::instance::{Instance, InstanceCreateFlags, InstanceCreateInfo, InstanceExtensions};
use vulkano::memory::allocator::StandardMemoryAllocator;
use vulkano::swapchain::Surface;
use vulkano::{Version, VulkanLibrary};

use super::error::{Doing, GpuError};
use super::messages::{LAYER, Messages};
use super::running::Running;

/// Which device to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A graphics card, else a graphics unit of the processor, else the processor itself.
    #[default]
    Best,
    /// The processor itself (lavapipe), whose pictures are the same on every machine.
    Software,
}

/// How to open a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// Which device.
    pub choice: Choice,
    /// Whether every call is checked by the validation layer; see [`Gpu::messages`].
    pub validation: bool,
}

/// An open graphics device with one queue.
pub struct Gpu {
    pub(crate) device: Arc<Device>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) memory: Arc<StandardMemoryAllocator>,
    pub(crate) commands: Arc<StandardCommandBufferAllocator>,
    pub(crate) descriptors: Arc<StandardDescriptorSetAllocator>,
    messages: Messages,
    /// Kept alive for what it writes to `messages`.
    _messenger: Option<DebugUtilsMessenger>,
}

impl Gpu {
    /// Opens a device that draws into no window.
    ///
    /// # Errors
    /// No loader, no driver, no device that can do what is needed, or no validation layer where it is asked for; each
    /// says what to install.
    pub fn open(options: GpuOptions) -> Result<Self, GpuError> {
        Self::open_with(options, &InstanceExtensions::empty(), |_, _| true)
    }

    /// Opens a device that can draw into windows of that display too.
    ///
    /// # Errors
    /// As [`Self::open`], and a display that cannot be drawn on.
    pub fn open_on(options: GpuOptions, display: &impl HasDisplayHandle) -> Result<Self, GpuError> {
        let surfaces = Surface::required_extensions(display).doing("finding out how to draw on the display")?;
        Self::open_with(options, &surfaces, |device, family| {
            device.supported_extensions().khr_swapchain && device.presentation_support(family, display).unwrap_or(false)
        })
    }

    /// Opens a device; `shows` says whether a family of queues of a device can do what the display needs.
    fn open_with(
        options: GpuOptions,
        surfaces: &InstanceExtensions,
        shows: impl Fn(&PhysicalDevice, u32) -> bool,
    ) -> Result<Self, GpuError> {
        let library = VulkanLibrary::new().map_err(|e| GpuError::NoLoader(e.to_string()))?;
        let messages = Messages::default();
        let instance = instance(library, options.validation.then_some(&messages), surfaces)?;
        let messenger = options.validation.then(|| messages.listen(&instance)).transpose()?;
        let (physical, queue_family_index) = choose(&instance, options.choice, shows)?;
        let (device, mut queues) = Device::new(
            physical,
            DeviceCreateInfo {
                enabled_features: needed(),
                enabled_extensions: DeviceExtensions {
                    khr_swapchain: *surfaces != InstanceExtensions::empty(),
                    ..DeviceExtensions::empty()
                },
                queue_create_infos: vec![QueueCreateInfo { queue_family_index, ..QueueCreateInfo::default() }],
                ..DeviceCreateInfo::default()
            },
        )
        .doing("opening the device")?;
        let queue = queues.next().ok_or_else(|| GpuError::NoSuitableDevice("it gave no queue".to_owned()))?;
        Ok(Self {
            memory: Arc::new(StandardMemoryAllocator::new_default(Arc::clone(&device))),
            commands: Arc::new(StandardCommandBufferAllocator::new(Arc::clone(&device), Default::default())),
            descriptors: Arc::new(StandardDescriptorSetAllocator::new(Arc::clone(&device), Default::default())),
            device,
            queue,
            messages,
            _messenger: messenger,
        })
    }

    /// Runs `commands` and waits for them. `doing` names them in errors.
    ///
    /// # Errors
    /// A failure of the driver.
    pub(crate) fn run(&self, commands: Arc<PrimaryAutoCommandBuffer>, doing: &str) -> Result<(), GpuError> {
        let work = commands.execute(self.queue.clone()).doing(doing)?;
        Running::start(self.queue.clone(), work, doing)?.wait(doing)
    }

    /// The device's name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.device.physical_device().properties().device_name
    }

    /// Takes what the validation layer said since the last call; always empty without validation.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.messages.take()
    }

    /// Whether each eye has to be drawn by itself: lavapipe (Mesa 22.3) puts small triangles of the second eye, and those
    /// that it has to cut, into the first eye's layer.
    pub(crate) fn eyes_apart(&self) -> bool {
        self.device.physical_device().properties().driver_id == Some(DriverId::MesaLLVMpipe)
    }

    /// Edge of the largest picture in pixels.
    #[must_use]
    pub fn size_max(&self) -> u32 {
        let limits = self.device.physical_device().properties();
        limits.max_image_dimension2_d.min(limits.max_framebuffer_width).min(limits.max_framebuffer_height)
    }
}

/// An instance, with the validation layer where there is somebody to listen.
fn instance(
    library: Arc<VulkanLibrary>,
    listener: Option<&Messages>,
    surfaces: &InstanceExtensions,
) -> Result<Arc<Instance>, GpuError> {
    let mut info = InstanceCreateInfo {
        // Devices that are Vulkan but for a few details, such as those of macOS, are welcome too.
        flags: InstanceCreateFlags::ENUMERATE_PORTABILITY,
        application_name: Some("spacetime".to_owned()),
        max_api_version: Some(Version::V1_3),
        enabled_extensions: *surfaces,
        ..InstanceCreateInfo::application_from_cargo_toml()
    };
    if let Some(messages) = listener {
        let mut layers = library.layer_properties().doing("listing the layers")?;
        if !layers.any(|layer| layer.name() == LAYER) {
            return Err(GpuError::NoValidationLayer);
        }
        messages.ask(&mut info);
    }
    Instance::new(library, info).map_err(|e| GpuError::NoDriver(e.to_string()))
}

/// What every device must be able to do.
fn needed() -> DeviceFeatures {
    DeviceFeatures {
        multiview: true,
        dynamic_rendering: true,
        multi_draw_indirect: true,
        draw_indirect_first_instance: true,
        ..DeviceFeatures::empty()
    }
}

/// The best suitable device, and its family of queues that draw and compute.
fn choose(
    instance: &Arc<Instance>,
    choice: Choice,
    shows: impl Fn(&PhysicalDevice, u32) -> bool,
) -> Result<(Arc<PhysicalDevice>, u32), GpuError> {
    let devices = instance.enumerate_physical_devices().map_err(|e| GpuError::NoDriver(e.to_string()))?;
    let mut why_not = Vec::new();
    let mut suitable = Vec::new();
    for device in devices {
        match queue_family(&device, choice) {
            Ok(family) if shows(&device, family) => suitable.push((device, family)),
            Ok(_) => why_not.push(format!("{}: cannot draw on this display", device.properties().device_name)),
            Err(why) => why_not.push(format!("{}: {why}", device.properties().device_name)),
        }
    }
    // Of two alike the first, as the loader orders them.
    let best = suitable.into_iter().min_by_key(|(device, _)| rank(device.properties().device_type));
    best.ok_or_else(|| match why_not.as_slice() {
        [] => GpuError::NoDriver("no driver offers a device".to_owned()),
        reasons => GpuError::NoSuitableDevice(reasons.join("; ")),
    })
}

fn rank(kind: PhysicalDeviceType) -> u32 {
    match kind {
        PhysicalDeviceType::DiscreteGpu => 0,
        PhysicalDeviceType::IntegratedGpu => 1,
        PhysicalDeviceType::VirtualGpu => 2,
        PhysicalDeviceType::Cpu => 3,
        _ => 4,
    }
}

/// The family of queues to use, or why the device cannot be used.
fn queue_family(device: &Arc<PhysicalDevice>, choice: Choice) -> Result<u32, String> {
    if choice == Choice::Software && device.properties().device_type != PhysicalDeviceType::Cpu {
        return Err("not a software device".to_owned());
    }
    if device.api_version() < Version::V1_3 {
        return Err(format!("has Vulkan {}, needed is 1.3", device.api_version()));
    }
    if !device.supported_features().contains(&needed()) {
        return Err(
            "cannot draw two eyes at once, or not without render passes, or not what it chose itself".to_owned()
        );
    }
    for (format, features) in [
        (super::target::COLOUR, FormatFeatures::COLOR_ATTACHMENT_BLEND | FormatFeatures::SAMPLED_IMAGE_FILTER_LINEAR),
        (super::target::DEPTH, FormatFeatures::DEPTH_STENCIL_ATTACHMENT),
        (super::target::OUTPUT, FormatFeatures::COLOR_ATTACHMENT | FormatFeatures::TRANSFER_SRC),
    ] {
        if !has(device, format, features) {
            return Err(format!("cannot draw into {format:?}"));
        }
    }
    let draws = QueueFlags::GRAPHICS | QueueFlags::COMPUTE;
    let families = device.queue_family_properties();
    let family = families.iter().position(|f| f.queue_flags.contains(draws)).ok_or("has no queue that draws")?;
    u32::try_from(family).map_err(|e| e.to_string())
}

fn has(device: &Arc<PhysicalDevice>, format: Format, features: FormatFeatures) -> bool {
    device.format_properties(format).is_ok_and(|p| p.optimal_tiling_features.contains(features))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vulkano::buffer::{Buffer, BufferCreateInfo, BufferUsage};
    use vulkano::command_buffer::{
        CommandBufferBeginInfo, CommandBufferLevel, CommandBufferUsage, RecordingCommandBuffer,
    };
    use vulkano::image::sampler::{Sampler, SamplerCreateInfo};
    use vulkano::memory::allocator::AllocationCreateInfo;

    fn validated() -> Gpu {
        Gpu::open(GpuOptions { choice: Choice::Software, validation: true }).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_wrong_call_is_caught() {
        let gpu = validated();
        assert_eq!(gpu.messages(), Vec::<String>::new());
        let wrong = SamplerCreateInfo { lod: 2.0..=1.0, ..SamplerCreateInfo::default() };
        #[expect(unsafe_code, reason = "the call is wrong on purpose: an upper limit below the lower one")]
        let sampler = unsafe { Sampler::new_unchecked(gpu.device.clone(), wrong) };
        drop(sampler);
        let messages = gpu.messages();
        assert!(messages.iter().any(|m| m.contains("VUID-VkSamplerCreateInfo-maxLod")), "{messages:?}");
        assert!(gpu.messages().is_empty(), "each is told once");
    }

    #[test]
    fn a_missing_barrier_is_caught() {
        let gpu = validated();
        let info = BufferCreateInfo { usage: BufferUsage::TRANSFER_DST, ..BufferCreateInfo::default() };
        let buffer = Buffer::new_slice::<u32>(gpu.memory.clone(), info, AllocationCreateInfo::default(), 64).unwrap();
        let begin = CommandBufferBeginInfo { usage: CommandBufferUsage::OneTimeSubmit, ..Default::default() };
        let family = gpu.queue.queue_family_index();
        let mut commands =
            RecordingCommandBuffer::new(gpu.commands.clone(), family, CommandBufferLevel::Primary, begin).unwrap();
        #[expect(unsafe_code, reason = "two writes without a barrier between them, wrong on purpose and never run")]
        unsafe {
            commands.fill_buffer(&buffer, 1).unwrap().fill_buffer(&buffer, 2).unwrap();
        }
        let messages = gpu.messages();
        assert!(messages.iter().any(|m| m.contains("SYNC-HAZARD-WRITE")), "{messages:?}");
    }

    #[test]
    fn the_best_device_draws_too() {
        let gpu = Gpu::open(GpuOptions::default()).unwrap_or_else(|e| panic!("{e}"));
        assert!(!gpu.name().is_empty() && gpu.size_max() >= 4096);
    }
}
