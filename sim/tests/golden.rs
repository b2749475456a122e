//! Golden digests: the same numbers in debug and release, on baseline and AVX2 builds, on any machine. They pin
//! the result of the whole step. They change only on purpose: `SPACETIME_MINT=1 cargo test -p sim --test golden`
//! writes the new ones, and the commit says why.

#![expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]

mod busy;
mod common;

use common::shipped;

/// One digest every this many ticks: enough to find where to look, few enough to read.
const EVERY: u64 = 100;

fn golden(name: &str, ticks: u64) {
    let path = format!("{}/../fixtures/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let mut simulation = shipped(name);
    let mut lines = String::new();
    for tick in 1..=ticks {
        let frame = busy::inputs(&simulation);
        let digest = simulation.step(&frame).digest;
        if tick % EVERY == 0 {
            lines += &format!("{tick} {digest}\n");
        }
    }
    if std::env::var_os("SPACETIME_MINT").is_some() {
        std::fs::write(&path, &lines).expect("the fixture can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("the golden digests are there");
    for (got, expected) in lines.lines().zip(expected.lines()) {
        assert_eq!(got, expected, "{name} parts from its golden digests within {EVERY} ticks before");
    }
    assert_eq!(lines.lines().count(), expected.lines().count());
}

#[test]
fn golden_busy() {
    golden("busy", 3000);
}

#[test]
fn golden_demo() {
    golden("demo", 500);
}

#[test]
fn golden_binary_star() {
    golden("binary-star", 500);
}

#[test]
fn golden_contact_lab() {
    golden("contact-lab", 500);
}
