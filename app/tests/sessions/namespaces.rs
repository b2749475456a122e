//! Sessions whose peers have a network namespace each, as on machines of their own: no way to the others but over a bridge
//! and the relay on it. Kernels without netem are common, so it is the relay that delays and loses, in every run alike.

use crate::mesh::{Mesh, bad, seconds};

fn plays_in_namespaces(count: usize) {
    let Some(mut mesh) = Mesh::start_in_namespaces(count, bad()) else { return };
    println!("{count} namespaces; 80 +- 20 ms and 5 % loss by the relay on the bridge, not by the kernel");
    mesh.all_active();
    mesh.play(seconds());
    let summaries = mesh.end(&[]);
    assert!(summaries.iter().all(|summary| summary["turns"].as_u64() >= Some(seconds() * 30)), "{summaries:?}");
}

#[test]
fn two_in_namespaces_stay_equal() {
    plays_in_namespaces(2);
}

#[test]
fn four_in_namespaces_stay_equal() {
    plays_in_namespaces(4);
}

#[test]
fn eight_in_namespaces_stay_equal() {
    plays_in_namespaces(8);
}

#[test]
fn sixteen_in_namespaces_stay_equal() {
    plays_in_namespaces(16);
}
