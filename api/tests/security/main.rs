//! Attacks on identity without HTTP: each names the readiness check that it stands for, and each has a control that shows
//! the attack working, or the same act being allowed, where the defence is absent. Must never need a network or a store.

mod admin;
mod allowances;
mod audit;
mod licence;
mod memory;
mod own_data;
mod racing;
mod sessions;
mod sign_in;

/// How often a count is done at SPACETIME_SCALE, which is 1 for a tenth.
fn scaled(tenth: usize) -> usize {
    tenth * std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}
