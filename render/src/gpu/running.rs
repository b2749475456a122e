//! What was handed to the device and may not be finished. vulkano's futures panic where they are dropped after the device
//! was lost, or where it refuses work; these are forgotten then, with what they hold, since the device is not used again.
//! Must never panic.

use std::sync::Arc;

use vulkano::device::Queue;
use vulkano::sync::GpuFuture;
use vulkano::sync::future::FenceSignalFuture;

use super::error::{Doing, GpuError};

/// Work on the queue.
pub(crate) struct Running {
    queue: Arc<Queue>,
    future: Option<FenceSignalFuture<Box<dyn GpuFuture>>>,
}

impl Running {
    /// Hands `work` to the queue. `doing` names it in errors.
    ///
    /// # Errors
    /// A failure of the driver.
    pub(crate) fn start(queue: Arc<Queue>, work: impl GpuFuture + 'static, doing: &str) -> Result<Self, GpuError> {
        let future = flushed(work.boxed().then_signal_fence(), doing)?;
        Ok(Self { queue, future: Some(future) })
    }

    /// Waits until it is finished, as all that was handed over before it is then.
    ///
    /// # Errors
    /// A failure of the driver.
    pub(crate) fn wait(mut self, doing: &str) -> Result<(), GpuError> {
        let Some(future) = self.future.take() else { return Ok(()) };
        let_go(&self.queue, future, doing)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            // Who drops it does not ask; who comes next is told.
            let _ = let_go(&self.queue, future, "waiting for the device");
        }
    }
}

/// Hands `work` to the queue; forgets it where that fails.
///
/// # Errors
/// A failure of the driver.
pub(crate) fn flushed<F: GpuFuture>(work: F, doing: &str) -> Result<F, GpuError> {
    match work.flush() {
        Ok(()) => Ok(work),
        Err(error) => {
            std::mem::forget(work);
            Err(error).doing(doing)
        }
    }
}

/// Waits for the queue and drops what ran on it; forgets it where that fails, as when the device was lost.
///
/// # Errors
/// A failure of the driver.
pub(crate) fn let_go<F: GpuFuture>(queue: &Arc<Queue>, future: F, doing: &str) -> Result<(), GpuError> {
    let waited = queue.with(|mut queue| queue.wait_idle()).doing(doing);
    match waited {
        Ok(()) => drop(future),
        Err(_) => std::mem::forget(future),
    }
    waited
}
