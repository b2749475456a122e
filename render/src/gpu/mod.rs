//! What the renderer needs of Vulkan: a device, images, buffers, pipelines, pictures back. Must never know what is
//! drawn.

mod buffer;
mod compute;
mod device;
mod error;
mod messages;
mod pipeline;
pub(crate) mod readback;
pub(crate) mod running;
pub(crate) mod target;
mod timer;

pub(crate) use buffer::{Uploads, lasting, lasting_indices};
pub(crate) use compute::{Compute, Scratch};
pub use device::{Choice, Gpu, GpuOptions};
pub(crate) use error::Doing;
pub use error::GpuError;
pub use pipeline::Work;
pub(crate) use pipeline::{Blend, Depth, Drawing, Pass, PassBuilder};
pub(crate) use timer::Timer;
