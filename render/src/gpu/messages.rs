//! Collects what the validation layer says, for tests that allow it to say nothing. Must never print.

use std::sync::{Arc, Mutex, PoisonError};

use vulkano::instance::debug::ValidationFeatureEnable;
use vulkano::instance::debug::{
    DebugUtilsMessageSeverity, DebugUtilsMessageType, DebugUtilsMessenger, DebugUtilsMessengerCallback,
    DebugUtilsMessengerCreateInfo,
};
use vulkano::instance::{Instance, InstanceCreateInfo};

use super::error::{Doing, GpuError};

/// The layer that checks every call.
pub(super) const LAYER: &str = "VK_LAYER_KHRONOS_validation";

/// The list that a messenger writes to.
#[derive(Clone, Default)]
pub(super) struct Messages(Arc<Mutex<Vec<String>>>);

impl Messages {
    /// Takes what was said since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a messenger calls. Warnings and errors of validation and performance are kept.
    fn create_info(&self) -> DebugUtilsMessengerCreateInfo {
        let list = Arc::clone(&self.0);
        let keep = move |_: DebugUtilsMessageSeverity,
                         kind: DebugUtilsMessageType,
                         said: vulkano::instance::debug::DebugUtilsMessengerCallbackData<'_>| {
            // A loader complains in the class "general" about other drivers on the machine that do not work.
            if kind.intersects(DebugUtilsMessageType::VALIDATION) {
                let line = format!("{}: {}", said.message_id_name.unwrap_or("unnamed"), said.message);
                list.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        };
        #[expect(
            unsafe_code,
            reason = "vulkano cannot know that a callback makes no Vulkan call; this one pushes a line"
        )]
        let callback = unsafe { DebugUtilsMessengerCallback::new(keep) };
        DebugUtilsMessengerCreateInfo {
            message_severity: DebugUtilsMessageSeverity::ERROR | DebugUtilsMessageSeverity::WARNING,
            message_type: DebugUtilsMessageType::VALIDATION | DebugUtilsMessageType::GENERAL,
            ..DebugUtilsMessengerCreateInfo::user_callback(callback)
        }
    }

    /// Adds the layer, with its checks of synchronisation, to what an instance is made of.
    pub(super) fn ask(&self, info: &mut InstanceCreateInfo) {
        info.enabled_layers.push(LAYER.to_owned());
        info.enabled_extensions.ext_debug_utils = true;
        info.enabled_extensions.ext_validation_features = true;
        info.enabled_validation_features.push(ValidationFeatureEnable::SynchronizationValidation);
        // Covers the making and the end of the instance only.
        info.debug_utils_messengers.push(self.create_info());
    }

    /// Listens for as long as the messenger lives.
    pub(super) fn listen(&self, instance: &Arc<Instance>) -> Result<DebugUtilsMessenger, GpuError> {
        DebugUtilsMessenger::new(Arc::clone(instance), self.create_info()).doing("listening to the validation layer")
    }
}
