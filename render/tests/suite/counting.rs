//! An allocator that counts how often it was asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Allocations so far.
pub static CALLS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
struct Counting;

// Counting what is allocated takes an allocator, and the trait for one is unsafe. Every call goes to the
// system's with the arguments unchanged.
#[expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait; this only counts and passes on")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
