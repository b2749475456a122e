//! What can go wrong with a graphics device, in sentences that say what to do about it. Must never be built from a
//! panic.

use std::error::Error;
use std::fmt::Display;

use vulkano::{Validated, VulkanError};

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// The Vulkan loader is not installed.
    #[error(
        "there is no Vulkan loader ({0}): install your graphics driver, or on Debian libvulkan1 and mesa-vulkan-drivers"
    )]
    NoLoader(String),
    /// The loader found no driver that works.
    #[error(
        "there is no Vulkan driver ({0}): install your graphics driver, or on Debian mesa-vulkan-drivers, which draws without any graphics card"
    )]
    NoDriver(String),
    /// There are devices, but none can do what is needed.
    #[error("no graphics device can do what is needed: {0}")]
    NoSuitableDevice(String),
    /// The validation layer was asked for and is not installed.
    #[error("the Vulkan validation layer is not installed: on Debian install vulkan-validationlayers")]
    NoValidationLayer,
    /// The device stopped answering; everything made on it is gone, and a new one may be opened.
    #[error("the graphics device was lost while {0}: try again")]
    DeviceLost(String),
    /// The driver refused something.
    #[error("the graphics driver failed while {doing}: {why}")]
    Failed {
        /// What was being done.
        doing: String,
        /// The driver's or vulkano's words.
        why: String,
    },
    /// A picture of a size that cannot be drawn.
    #[error("a picture of {width} x {height} pixels cannot be drawn: the device allows 1 x 1 to {most} x {most}")]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The device's limit.
        most: u32,
    },
}

/// Says what was being done when a call failed.
pub trait Doing<T> {
    /// Turns the error into a [`GpuError`] that names `what`, such as "making a pipeline".
    ///
    /// # Errors
    /// The result's own.
    fn doing(self, what: impl Display) -> Result<T, GpuError>;
}

impl<T, E: Error + 'static> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T, GpuError> {
        self.map_err(|error| {
            if is_lost(&error) {
                GpuError::DeviceLost(what.to_string())
            } else {
                GpuError::Failed { doing: what.to_string(), why: error.to_string() }
            }
        })
    }
}

/// Whether a lost device is at the bottom of it.
fn is_lost(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let lost = VulkanError::DeviceLost;
        if error.downcast_ref::<VulkanError>() == Some(&lost)
            || matches!(error.downcast_ref::<Validated<VulkanError>>(), Some(Validated::Error(e)) if *e == lost)
        {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_device_is_told_from_other_failures() {
        let lost: Result<(), _> = Err(Validated::Error(VulkanError::DeviceLost));
        assert_eq!(lost.doing("waiting"), Err(GpuError::DeviceLost("waiting".into())));
        let lost: Result<(), _> = Err(VulkanError::DeviceLost);
        assert_eq!(lost.doing("waiting"), Err(GpuError::DeviceLost("waiting".into())));
        let other: Result<(), _> = Err(VulkanError::OutOfDeviceMemory);
        let said = other.doing("making an image").unwrap_err().to_string();
        assert!(said.starts_with("the graphics driver failed while making an image: "), "{said}");
    }

    #[test]
    fn a_missing_driver_says_what_to_install() {
        for error in [GpuError::NoLoader("x".into()), GpuError::NoDriver("x".into())] {
            assert!(error.to_string().contains("mesa-vulkan-drivers"));
        }
        assert!(GpuError::NoValidationLayer.to_string().contains("vulkan-validationlayers"));
    }
}
