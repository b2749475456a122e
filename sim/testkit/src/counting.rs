//! An allocator that counts: how often it was asked, how much is in use, and the most there was.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Allocations so far.
pub static CALLS: AtomicUsize = AtomicUsize::new(0);
/// Bytes in use.
pub static USED: AtomicUsize = AtomicUsize::new(0);
/// The most bytes in use since this was last set.
pub static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting. A program that measures makes it its own:
/// `#[global_allocator] static ALLOCATOR: Counting = Counting;`
#[derive(Debug)]
pub struct Counting;

// Counting what is allocated takes an allocator, and the trait for one is unsafe. Every call goes to the
// system's with the arguments unchanged.
#[expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait; this only counts and passes on")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(used, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}
