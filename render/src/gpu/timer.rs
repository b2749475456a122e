//! How long the device works on a frame, by its own clock. Must never wait for it.

use std::sync::Arc;

use vulkano::query::{QueryPool, QueryPoolCreateInfo, QueryResultFlags, QueryType};

use super::device::Gpu;
use super::error::{Doing, GpuError};

/// Two time stamps of one frame. A frame that is in flight needs one of its own.
pub(crate) struct Timer {
    pub(super) stamps: Arc<QueryPool>,
    /// Milliseconds per tick of the device's clock.
    tick_ms: f64,
    /// Bits of a stamp that count; after the highest it begins again.
    mask: u64,
}

impl Timer {
    /// A timer; nothing where the device has no clock.
    pub(crate) fn new(gpu: &Gpu) -> Result<Option<Self>, GpuError> {
        let physical = gpu.device.physical_device();
        let family = physical.queue_family_properties().get(gpu.queue.queue_family_index() as usize);
        let bits = family.and_then(|family| family.timestamp_valid_bits).unwrap_or(0);
        if bits == 0 {
            return Ok(None);
        }
        let mask = u64::MAX >> (64 - bits.min(64));
        let info = QueryPoolCreateInfo { query_count: 2, ..QueryPoolCreateInfo::query_type(QueryType::Timestamp) };
        let stamps = QueryPool::new(gpu.device.clone(), info).doing("making a timer")?;
        Ok(Some(Self { stamps, tick_ms: f64::from(physical.properties().timestamp_period) * 1e-6, mask }))
    }

    /// Milliseconds that the last frame took; nothing before one has been finished.
    pub(crate) fn read_ms(&self) -> Option<f64> {
        let mut ticks = [0u64; 2];
        let known = self.stamps.get_results(0..2, &mut ticks, QueryResultFlags::empty()).ok()?;
        known.then(|| (ticks[1].wrapping_sub(ticks[0]) & self.mask) as f64 * self.tick_ms)
    }
}
