//! Draws into a window, with one frame in flight while the next is made. Must never know what kind of window it is, nor
//! block for longer than a frame takes.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raw_window_handle::{HasDisplayHandle, HasWindowHandle};
use vulkano::command_buffer::PrimaryAutoCommandBuffer;
use vulkano::format::Format as Texels;
use vulkano::image::ImageUsage;
use vulkano::swapchain::{
    ColorSpace, CompositeAlpha, PresentMode, Surface, SurfaceInfo, Swapchain, SwapchainCreateInfo,
    SwapchainPresentInfo, acquire_next_image,
};
use vulkano::sync::GpuFuture;
use vulkano::{Validated, VulkanError};

use crate::gpu::running::{Running, flushed, let_go};
use crate::gpu::target::Output;
use crate::gpu::{Doing, Gpu, GpuError, Timer, Work};
use crate::hud::Front;
use crate::picture::Picture;
use crate::renderer::{Format, Renderer};
use crate::scene::Scene;

/// A window that gives no image for so long is left alone until the next frame.
const IMAGE_WAIT: Duration = Duration::from_millis(200);

/// How long frames take, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameTimes {
    /// The processor: from the scene to commands that were handed over.
    pub cpu_ms: f64,
    /// The device, for the last frame that it has finished; nothing where it has no clock.
    pub gpu_ms: Option<f64>,
}

/// A frame that the device may still be working on.
struct Flight {
    running: Option<Running>,
    timer: Option<Timer>,
}

/// The window's own images.
struct Chain {
    swapchain: Arc<Swapchain>,
    outputs: Vec<Output>,
}

/// Draws into one window.
pub struct Screen {
    gpu: Arc<Gpu>,
    surface: Arc<Surface>,
    texels: (Texels, ColorSpace),
    chain: Option<Chain>,
    renderer: Renderer,
    size: [u32; 2],
    scale: f64,
    /// Whether frames wait for the display.
    steady: bool,
    flights: [Flight; 2],
    /// Which of the two comes next.
    next: usize,
    times: FrameTimes,
}

impl Screen {
    /// Draws into `window`, which is `size` pixels large, with `scale` drawn pixels along each edge of one of the
    /// window's.
    ///
    /// # Errors
    /// A device that was not opened on the window's display, or a failure of the driver.
    pub fn new(
        gpu: Arc<Gpu>,
        window: Arc<impl HasWindowHandle + HasDisplayHandle + Any + Send + Sync>,
        size: [u32; 2],
        scale: f64,
    ) -> Result<Self, GpuError> {
        let surface = Surface::from_window(gpu.device.instance().clone(), window).doing("drawing on the window")?;
        let texels = texels(&gpu, &surface)?;
        let drawable = size.map(|edge| edge.clamp(1, gpu.size_max()));
        let renderer = Renderer::onto(gpu.clone(), Format { size: drawable, views: 1, scale }, texels.0)?;
        let flight = || Timer::new(&gpu).map(|timer| Flight { running: None, timer });
        let flights = [flight()?, flight()?];
        let times = FrameTimes::default();
        Ok(Self { gpu, surface, texels, chain: None, renderer, size, scale, steady: true, flights, next: 0, times })
    }

    /// Tells the window's new size, pixels; the next frame has it.
    pub fn resize(&mut self, size: [u32; 2]) {
        if self.size != size {
            self.size = size;
            self.chain = None;
        }
    }

    /// Tells how many pixels are drawn along each edge of one of the window's; the next frame has it.
    pub fn set_scale(&mut self, scale: f64) {
        self.scale = scale;
    }

    /// Tells whether frames wait for the display (as they do at first) or come as fast as they can.
    pub fn set_steady(&mut self, steady: bool) {
        if self.steady != steady {
            self.steady = steady;
            self.chain = None;
        }
    }

    /// How long the last frames took.
    #[must_use]
    pub fn times(&self) -> FrameTimes {
        self.times
    }

    /// Draws a scene and what lies before it. False where nothing was drawn, since the window is minimised or busy.
    ///
    /// # Errors
    /// A failure of the driver; after [`GpuError::DeviceLost`] all must be opened again.
    pub fn draw(&mut self, scene: &Scene, front: &Front<'_>) -> Result<bool, GpuError> {
        if !self.prepare()? {
            return Ok(false);
        }
        let Some(chain) = &self.chain else { return Ok(false) };
        let (index, suboptimal, acquired) = match acquire_next_image(chain.swapchain.clone(), Some(IMAGE_WAIT)) {
            Ok(acquired) => acquired,
            Err(Validated::Error(VulkanError::OutOfDate)) => {
                self.chain = None;
                return Ok(false);
            }
            Err(Validated::Error(VulkanError::Timeout | VulkanError::NotReady)) => return Ok(false),
            Err(error) => return Err(error).doing("waiting for the window's image"),
        };
        let (queue, swapchain) = (self.gpu.queue.clone(), chain.swapchain.clone());
        let commands = match self.record(scene, front, index as usize) {
            Ok(commands) => commands,
            Err(error) => return let_go(&queue, acquired, "letting a frame go").and(Err(error)),
        };
        let submitting = Instant::now();
        let drawn = acquired.then_execute(queue.clone(), commands).doing("submitting a frame")?.then_signal_semaphore();
        let image = SwapchainPresentInfo::swapchain_image_index(swapchain, index);
        let shown = flushed(drawn, "submitting a frame")?.then_swapchain_present(queue.clone(), image);
        let result = shown.flush();
        self.times.cpu_ms += submitting.elapsed().as_secs_f64() * 1e3;
        match result {
            Ok(()) => self.flights[self.next].running = Some(Running::start(queue, shown, "showing a frame")?),
            Err(Validated::Error(VulkanError::OutOfDate)) => {
                let_go(&queue, shown, "showing a frame")?;
                self.chain = None;
            }
            Err(error) => return let_go(&queue, shown, "showing a frame").and(Err(error).doing("showing a frame")),
        }
        if suboptimal {
            self.chain = None;
        }
        self.next = 1 - self.next;
        Ok(true)
    }

    /// Records a frame into the window's image of that index, and waits for the frame before, which was drawn meanwhile:
    /// both write the same images and the text's atlas, and vulkano refuses to queue a writer behind a reader that has
    /// not finished.
    fn record(
        &mut self,
        scene: &Scene,
        front: &Front<'_>,
        index: usize,
    ) -> Result<Arc<PrimaryAutoCommandBuffer>, GpuError> {
        let begun = Instant::now();
        let output = self.chain.as_ref().and_then(|chain| chain.outputs.get(index)).ok_or_else(|| {
            GpuError::Failed { doing: "drawing a frame".to_owned(), why: format!("the window has no image {index}") }
        })?;
        let commands = self.renderer.record(scene, front, output, self.flights[self.next].timer.as_ref())?;
        self.times.cpu_ms = begun.elapsed().as_secs_f64() * 1e3;
        let before = &mut self.flights[1 - self.next];
        if let Some(running) = before.running.take() {
            running.wait("drawing a frame")?;
            self.times.gpu_ms = before.timer.as_ref().and_then(Timer::read_ms);
        }
        Ok(commands)
    }

    /// What the last frame asked of the device. Waits for it, and reads back what the device counted.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn work(&mut self) -> Result<Work, GpuError> {
        self.finish()?;
        self.renderer.work()
    }

    /// A picture of a scene and what lies before it, as large as the window.
    ///
    /// # Errors
    /// A failure of the driver.
    pub fn picture(&mut self, scene: &Scene, front: &Front<'_>) -> Result<Option<Picture>, GpuError> {
        // Pictures are drawn into the same images as frames.
        self.finish()?;
        Ok(self.renderer.pictures(scene, front)?.pop())
    }

    /// Waits for all frames.
    fn finish(&mut self) -> Result<(), GpuError> {
        for flight in &mut self.flights {
            if let Some(running) = flight.running.take() {
                running.wait("drawing a frame")?;
            }
        }
        Ok(())
    }

    /// Sees to it that there are images of the window's size; false where it has none.
    fn prepare(&mut self) -> Result<bool, GpuError> {
        if self.size.contains(&0) {
            return Ok(false);
        }
        if self.chain.is_none() {
            // Nobody may be drawing into what is about to go.
            self.finish()?;
            self.chain = self.make_chain()?;
        }
        let Some(chain) = &self.chain else { return Ok(false) };
        self.renderer.resize(chain.swapchain.image_extent(), self.scale)?;
        Ok(true)
    }

    /// The window's images; nothing while it has no size.
    fn make_chain(&self) -> Result<Option<Chain>, GpuError> {
        let doing = "asking the window for images";
        let physical = self.gpu.device.physical_device();
        let can = physical.surface_capabilities(&self.surface, SurfaceInfo::default()).doing(doing)?;
        let least = can.min_image_extent;
        let most = can.max_image_extent.map(|edge| edge.min(self.gpu.size_max()));
        let fitting = |i: usize| self.size[i].max(least[i]).min(most[i]);
        let image_extent = can.current_extent.unwrap_or([fitting(0), fitting(1)]);
        if image_extent.contains(&0) {
            return Ok(None);
        }
        let modes = physical.surface_present_modes(&self.surface, SurfaceInfo::default()).doing(doing)?;
        let free = [PresentMode::Mailbox, PresentMode::Immediate].into_iter().find(|mode| modes.contains(mode));
        let image_count = can.min_image_count.max(3);
        let info = SwapchainCreateInfo {
            min_image_count: can.max_image_count.map_or(image_count, |most| image_count.min(most)),
            image_format: self.texels.0,
            image_color_space: self.texels.1,
            image_extent,
            image_usage: ImageUsage::COLOR_ATTACHMENT,
            composite_alpha: if can.supported_composite_alpha.contains_enum(CompositeAlpha::Opaque) {
                CompositeAlpha::Opaque
            } else {
                CompositeAlpha::Inherit
            },
            present_mode: free.filter(|_| !self.steady).unwrap_or(PresentMode::Fifo),
            ..SwapchainCreateInfo::default()
        };
        let made = Swapchain::new(self.gpu.device.clone(), self.surface.clone(), info);
        let (swapchain, images) = match made {
            Ok(made) => made,
            // It was resized meanwhile: the next frame asks again.
            Err(Validated::ValidationError(_)) => return Ok(None),
            Err(error) => return Err(error).doing(doing),
        };
        let outputs = images.iter().map(Output::of).collect::<Result<_, _>>()?;
        Ok(Some(Chain { swapchain, outputs }))
    }
}

/// What the window's images are made of: eight bits that the device turns from linear light into sRGB.
fn texels(gpu: &Gpu, surface: &Surface) -> Result<(Texels, ColorSpace), GpuError> {
    let doing = "asking the window for its format";
    let offered = gpu.device.physical_device().surface_formats(surface, SurfaceInfo::default()).doing(doing)?;
    let fits = |(texels, space): &&(Texels, ColorSpace)| {
        matches!(texels, Texels::B8G8R8A8_SRGB | Texels::R8G8B8A8_SRGB) && *space == ColorSpace::SrgbNonLinear
    };
    offered.iter().find(fits).copied().ok_or_else(|| GpuError::Failed {
        doing: doing.to_owned(),
        why: format!("it offers no 8-bit sRGB, only {offered:?}"),
    })
}
