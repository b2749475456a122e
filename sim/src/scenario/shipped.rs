//! The scenarios that come with the simulation.

/// Name and text of every shipped scenario; the default one first.
#[must_use]
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    &SHIPPED
}

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../fixtures/scenarios/", $name, ".toml")))),+]
    };
}

static SHIPPED: [(&str, &str); 11] = shipped![
    "demo",
    "earth-orbit",
    "jupiter",
    "twin-paradox",
    "binary-star",
    "contact-lab",
    "busy",
    "hundred",
    "bench-1k",
    "bench-10k",
    "bench-100k",
];
