//! What stands still behind everything: stars and the Milky Way, as data. Must never know of the GPU.

pub mod catalogue;
