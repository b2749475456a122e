//! The tests of `sim` in one program: one link instead of twenty. Tests that count what is allocated are programs of their
//! own, and so are the golden digests, which builds with other flags run alone.

mod bodies_accuracy;
mod bodies_dense;
mod bodies_motion;
mod commands;
mod contact_degenerate;
mod contact_laws;
mod contact_order;
mod contact_tunnel;
mod determinism;
mod frame_views;
mod interference;
mod neighbourhood;
mod patch_limits;
mod physics_closed_forms;
mod recording_cost;
mod recording_damage;
mod recording_real;
mod recording_roundtrip;
mod scenario_any_text;
mod scenario_docs;
mod scenario_errors;
mod scenario_placement;
mod scenario_shipped;
mod snapshots;
mod tuning_files;
