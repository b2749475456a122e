//! What stands still behind everything: stars and the Milky Way, as data. Must never know of the GPU.

pub mod catalogue;
pub mod milky_way;

/// Little-endian number at `at`, which the caller knows to lie inside.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
