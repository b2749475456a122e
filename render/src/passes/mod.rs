//! One file per pass. A pass is made once for a device and a number of eyes, and then records its draws each frame.
//! Passes never know of one another; `graph.rs` says in which order they come.

pub(crate) mod bloom;
pub(crate) mod bodies;
pub(crate) mod cockpit;
pub(crate) mod comfort;
pub(crate) mod frame;
pub(crate) mod lattice;
pub(crate) mod lines;
pub(crate) mod overlay;
pub(crate) mod sky;
pub(crate) mod things;
pub(crate) mod tonemap;

/// The compiled shader of that name.
macro_rules! shader {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".spv"))
    };
}
pub(crate) use shader;
