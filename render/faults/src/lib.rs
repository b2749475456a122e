//! A Vulkan layer that loses the device: after `VULKAN_FAULTS_SUBMITS` submissions (100 if unset) every call that can say so
//! says `VK_ERROR_DEVICE_LOST`, for the first `VULKAN_FAULTS_DEVICES` devices (1 if unset) of the process. The submission
//! that is one too many is refused; where `VULKAN_FAULTS_LATE` is 1 it is made, and the wait for it fails. For tests:
//! nothing that a test can ask of a driver loses its device. Loaded by the Vulkan loader where `VK_INSTANCE_LAYERS` names
//! [`NAME`] and `VK_LAYER_PATH` has [`manifest`]. Must never be part of the program.
//!
//! How layers are chained: "Layer Interface to the Loader" in the documentation of the Vulkan loader; the structures are
//! those of its header `vk_layer.h`.
#![expect(unsafe_code, reason = "a layer is called through C's pointers; that they are good is the loader's contract")]

use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ash::vk;

/// The layer's name.
pub const NAME: &str = "VK_LAYER_SPACETIME_faults";

/// The manifest of a layer whose library is at that path, for the loader.
#[must_use]
pub fn manifest(library: &Path) -> String {
    format!(
        r#"{{"file_format_version": "1.1.2", "layer": {{"name": "{NAME}", "type": "GLOBAL", "library_path": "{}",
 "api_version": "1.3.0", "implementation_version": "1", "description": "Loses the device"}}}}"#,
        library.display()
    )
}

/// `VkLayerInstanceLink` and `VkLayerDeviceLink`: they differ in the third's type only.
#[derive(Clone, Copy)]
#[repr(C)]
struct Link {
    next: *mut Link,
    instance_proc: vk::PFN_vkGetInstanceProcAddr,
    other_proc: Option<unsafe extern "system" fn()>,
}

/// `VkLayerInstanceCreateInfo` and `VkLayerDeviceCreateInfo`.
#[repr(C)]
struct Chain {
    start: vk::BaseInStructure<'static>,
    function: i32,
    link: *mut Link,
}

/// `VkNegotiateLayerInterface`.
#[repr(C)]
pub struct Negotiation {
    kind: i32,
    next: *mut c_void,
    version: u32,
    instance_proc: Option<vk::PFN_vkGetInstanceProcAddr>,
    device_proc: Option<vk::PFN_vkGetDeviceProcAddr>,
    physical_device_proc: Option<unsafe extern "system" fn()>,
}

/// What comes after this layer, and whether the device is lost.
struct State {
    instance_proc: Option<vk::PFN_vkGetInstanceProcAddr>,
    device_proc: Option<vk::PFN_vkGetDeviceProcAddr>,
    device: vk::Device,
    devices: u32,
    submits: u32,
    is_lost: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    instance_proc: None,
    device_proc: None,
    device: vk::Device::null(),
    devices: 0,
    submits: 0,
    is_lost: false,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

impl State {
    /// The next layer's or the driver's function; `F` must be its type.
    unsafe fn next<F: Copy>(&self, name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<unsafe extern "system" fn()>()) };
        let found = unsafe { self.device_proc?(self.device, name.as_ptr()) }?;
        Some(unsafe { std::mem::transmute_copy(&found) })
    }

    /// Loses the device where a submission is one too many and `is_late` as asked for; all made before are finished.
    fn lose_if_due(&mut self, is_late: bool) {
        let is_due = self.submits > number("VULKAN_FAULTS_SUBMITS", 100);
        let is_now = is_late == (number("VULKAN_FAULTS_LATE", 0) == 1);
        if is_due && is_now && !self.is_lost && self.devices <= number("VULKAN_FAULTS_DEVICES", 1) {
            if let Some(wait) = unsafe { self.next::<vk::PFN_vkDeviceWaitIdle>(c"vkDeviceWaitIdle") } {
                let _ = unsafe { wait(self.device) };
            }
            self.is_lost = true;
        }
    }
}

/// The link of this layer in what the loader handed over; the next layer is given its own.
unsafe fn take_link(mut part: *const vk::BaseInStructure<'_>, kind: vk::StructureType) -> Option<Link> {
    const LINK_INFO: i32 = 0;
    while !part.is_null() {
        // Only what is of that kind is as large as a chain.
        if unsafe { (*part).s_type } == kind {
            let chain: *mut Chain = part.cast_mut().cast();
            if unsafe { (*chain).function } == LINK_INFO {
                let link = unsafe { (*chain).link.as_ref() }?;
                unsafe { (*chain).link = link.next };
                return Some(*link);
            }
        }
        part = unsafe { (*part).p_next };
    }
    None
}

unsafe extern "system" fn create_instance(
    info: *const vk::InstanceCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    made: *mut vk::Instance,
) -> vk::Result {
    let chain = unsafe { (*info).p_next }.cast();
    let Some(link) = (unsafe { take_link(chain, vk::StructureType::LOADER_INSTANCE_CREATE_INFO) }) else {
        return vk::Result::ERROR_INITIALIZATION_FAILED;
    };
    let next = unsafe { (link.instance_proc)(vk::Instance::null(), c"vkCreateInstance".as_ptr()) };
    let Some(next) = next else { return vk::Result::ERROR_INITIALIZATION_FAILED };
    state().instance_proc = Some(link.instance_proc);
    let next: vk::PFN_vkCreateInstance = unsafe { transmute(next) };
    unsafe { next(info, allocator, made) }
}

unsafe extern "system" fn create_device(
    physical: vk::PhysicalDevice,
    info: *const vk::DeviceCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    made: *mut vk::Device,
) -> vk::Result {
    let chain = unsafe { (*info).p_next }.cast();
    let link = unsafe { take_link(chain, vk::StructureType::LOADER_DEVICE_CREATE_INFO) };
    let Some((link, device_proc)) = link.and_then(|link| Some((link, link.other_proc?))) else {
        return vk::Result::ERROR_INITIALIZATION_FAILED;
    };
    let next = unsafe { (link.instance_proc)(vk::Instance::null(), c"vkCreateDevice".as_ptr()) };
    let Some(next) = next else { return vk::Result::ERROR_INITIALIZATION_FAILED };
    let next: vk::PFN_vkCreateDevice = unsafe { transmute(next) };
    let result = unsafe { next(physical, info, allocator, made) };
    if result == vk::Result::SUCCESS {
        let mut state = state();
        state.device_proc =
            Some(unsafe { transmute::<unsafe extern "system" fn(), vk::PFN_vkGetDeviceProcAddr>(device_proc) });
        state.device = unsafe { *made };
        state.devices += 1;
        (state.submits, state.is_lost) = (0, false);
    }
    result
}

/// A function that says so where the device is lost, and else goes on to the next one; counts that many submissions.
macro_rules! losable {
    ($name:ident, $real:literal, $kind:ty, $submits:literal, ($($argument:ident: $type:ty),*)) => {
        unsafe extern "system" fn $name($($argument: $type),*) -> vk::Result {
            let next = {
                let mut state = state();
                state.submits += $submits;
                state.lose_if_due(false);
                if state.is_lost {
                    return vk::Result::ERROR_DEVICE_LOST;
                }
                unsafe { state.next::<$kind>($real) }
            };
            let result = next.map_or(vk::Result::ERROR_DEVICE_LOST, |next| unsafe { next($($argument),*) });
            state().lose_if_due(true);
            result
        }
    };
}

losable!(queue_submit, c"vkQueueSubmit", vk::PFN_vkQueueSubmit, 1,
    (queue: vk::Queue, many: u32, infos: *const vk::SubmitInfo<'_>, fence: vk::Fence));
losable!(queue_submit2, c"vkQueueSubmit2", vk::PFN_vkQueueSubmit2, 1,
    (queue: vk::Queue, many: u32, infos: *const vk::SubmitInfo2<'_>, fence: vk::Fence));
losable!(queue_wait_idle, c"vkQueueWaitIdle", vk::PFN_vkQueueWaitIdle, 0, (queue: vk::Queue));
losable!(device_wait_idle, c"vkDeviceWaitIdle", vk::PFN_vkDeviceWaitIdle, 0, (device: vk::Device));
losable!(fence_status, c"vkGetFenceStatus", vk::PFN_vkGetFenceStatus, 0, (device: vk::Device, fence: vk::Fence));
losable!(wait_for_fences, c"vkWaitForFences", vk::PFN_vkWaitForFences, 0,
    (device: vk::Device, many: u32, fences: *const vk::Fence, all: vk::Bool32, nanoseconds: u64));
losable!(present, c"vkQueuePresentKHR", vk::PFN_vkQueuePresentKHR, 0,
    (queue: vk::Queue, info: *const vk::PresentInfoKHR<'_>));
losable!(acquire, c"vkAcquireNextImageKHR", vk::PFN_vkAcquireNextImageKHR, 0,
    (device: vk::Device, swapchain: vk::SwapchainKHR, nanoseconds: u64, semaphore: vk::Semaphore, fence: vk::Fence,
     index: *mut u32));

/// This layer's function of that name.
fn own(name: &CStr) -> vk::PFN_vkVoidFunction {
    let found = match name.to_bytes() {
        b"vkGetInstanceProcAddr" => instance_proc as *const (),
        b"vkGetDeviceProcAddr" => device_proc as *const (),
        b"vkCreateInstance" => create_instance as *const (),
        b"vkCreateDevice" => create_device as *const (),
        b"vkQueueSubmit" => queue_submit as *const (),
        b"vkQueueSubmit2" | b"vkQueueSubmit2KHR" => queue_submit2 as *const (),
        b"vkQueueWaitIdle" => queue_wait_idle as *const (),
        b"vkDeviceWaitIdle" => device_wait_idle as *const (),
        b"vkGetFenceStatus" => fence_status as *const (),
        b"vkWaitForFences" => wait_for_fences as *const (),
        b"vkQueuePresentKHR" => present as *const (),
        b"vkAcquireNextImageKHR" => acquire as *const (),
        _ => return None,
    };
    Some(unsafe { transmute::<*const (), unsafe extern "system" fn()>(found) })
}

unsafe extern "system" fn instance_proc(instance: vk::Instance, name: *const c_char) -> vk::PFN_vkVoidFunction {
    let found = own(unsafe { CStr::from_ptr(name) });
    let next = state().instance_proc;
    found.or_else(|| unsafe { next?(instance, name) })
}

unsafe extern "system" fn device_proc(device: vk::Device, name: *const c_char) -> vk::PFN_vkVoidFunction {
    let next = state().device_proc;
    // Only what the device has: a function of an extension that is off must stay unknown.
    let theirs = unsafe { next?(device, name) }?;
    Some(own(unsafe { CStr::from_ptr(name) }).unwrap_or(theirs))
}

/// What the loader calls first.
///
/// # Safety
/// `negotiation` is the loader's.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn vkNegotiateLoaderLayerInterfaceVersion(negotiation: *mut Negotiation) -> vk::Result {
    let Some(negotiation) = (unsafe { negotiation.as_mut() }) else { return vk::Result::ERROR_INITIALIZATION_FAILED };
    negotiation.version = negotiation.version.min(2);
    negotiation.instance_proc = Some(instance_proc);
    negotiation.device_proc = Some(device_proc);
    negotiation.physical_device_proc = None;
    vk::Result::SUCCESS
}
