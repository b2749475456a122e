//! The looks of the bodies: figures, brightness, air and rings, with their sources. Must never be larger or smaller than
//! the simulation's bodies are.

/// Which surface is drawn. The numbers are those of `shaders/bodies.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Look {
    /// The Sun.
    Sun = 0,
    /// Mercury.
    Mercury = 1,
    /// Venus.
    Venus = 2,
    /// The Earth.
    Earth = 3,
    /// The Moon.
    Moon = 4,
    /// Mars.
    Mars = 5,
    /// Jupiter.
    Jupiter = 6,
    /// Saturn.
    Saturn = 7,
    /// Uranus.
    Uranus = 8,
    /// Neptune.
    Neptune = 9,
    /// Pluto.
    Pluto = 10,
    /// Titan.
    Titan = 11,
    /// Anything else: grey rock with craters.
    Rock = 12,
}

/// What scatters light around a body. Coefficients are per metre at the ground (for a giant: at its visible clouds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// Scattering by molecules: red, green, blue.
    pub molecules: [f64; 3],
    /// Height in which molecules thin out by e, metres.
    pub molecules_m: f64,
    /// Scattering by haze.
    pub haze: [f64; 3],
    /// Height in which haze thins out by e, metres.
    pub haze_m: f64,
    /// Absorption by the haze layer's height profile, which reddens or blues what passes.
    pub absorbed: [f64; 3],
    /// Where it ends, metres.
    pub top_m: f64,
}

/// A disc around the equator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rings {
    /// Inner edge in equatorial radii.
    pub inner: f64,
    /// Outer edge in equatorial radii.
    pub outer: f64,
}

impl Look {
    /// The look of a body by its name in lower case.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "sun" => Self::Sun,
            "mercury" => Self::Mercury,
            "venus" => Self::Venus,
            "earth" => Self::Earth,
            "moon" => Self::Moon,
            "mars" => Self::Mars,
            "jupiter" => Self::Jupiter,
            "saturn" => Self::Saturn,
            "uranus" => Self::Uranus,
            "neptune" => Self::Neptune,
            "pluto" => Self::Pluto,
            "titan" => Self::Titan,
            _ => Self::Rock,
        }
    }

    /// Equatorial radius over mean radius, and polar over equatorial: radii of Archinal et al. 2018 for the giants. The
    /// ground of all others is the simulation's sphere, so that what has landed stands on it.
    #[must_use]
    pub fn figure(self) -> [f64; 2] {
        match self {
            Self::Jupiter => [71_492.0 / 69_911.0, 66_854.0 / 71_492.0],
            Self::Saturn => [60_268.0 / 58_232.0, 54_364.0 / 60_268.0],
            Self::Uranus => [25_559.0 / 25_362.0, 24_973.0 / 25_559.0],
            Self::Neptune => [24_764.0 / 24_622.0, 24_341.0 / 24_764.0],
            _ => [1.0, 1.0],
        }
    }

    /// Geometric albedo in visible light (NASA planetary fact sheets, D. R. Williams, NSSDCA).
    #[must_use]
    pub fn albedo(self) -> f64 {
        match self {
            Self::Sun => 0.0,
            Self::Mercury => 0.142,
            Self::Venus => 0.689,
            Self::Earth => 0.434,
            Self::Moon => 0.12,
            Self::Mars => 0.17,
            Self::Jupiter => 0.538,
            Self::Saturn => 0.499,
            Self::Uranus => 0.488,
            Self::Neptune => 0.442,
            Self::Pluto => 0.52,
            Self::Titan => 0.22,
            Self::Rock => 0.15,
        }
    }

    /// Colour from afar, linear sRGB, brightness about 1.
    #[must_use]
    pub fn colour(self) -> [f32; 3] {
        match self {
            Self::Mercury | Self::Moon | Self::Rock => [1.06, 0.99, 0.90],
            Self::Venus => [1.05, 1.0, 0.85],
            Self::Earth => [0.80, 1.0, 1.35],
            Self::Mars => [1.75, 0.85, 0.45],
            Self::Jupiter | Self::Saturn => [1.12, 0.99, 0.78],
            Self::Uranus => [0.78, 1.06, 1.12],
            Self::Neptune => [0.62, 0.98, 1.55],
            Self::Pluto => [1.12, 0.98, 0.85],
            Self::Titan => [1.35, 0.95, 0.45],
            Self::Sun => [1.0, 1.0, 0.96],
        }
    }

    /// The body's air. The Earth's scattering and ozone: Bruneton & Neyret 2008, "Precomputed Atmospheric Scattering",
    /// table 1, and Hillaire 2020, "A Scalable and Production Ready Sky", table 1. The others are made to look like
    /// pictures from spacecraft, with scale heights of the fact sheets.
    #[must_use]
    pub fn air(self) -> Option<Air> {
        let air = |molecules, molecules_m, haze, haze_m, absorbed, top_m| {
            Some(Air { molecules, molecules_m, haze, haze_m, absorbed, top_m })
        };
        match self {
            Self::Earth => air(
                [5.802e-6, 13.558e-6, 33.1e-6],
                8_000.0,
                [4.0e-6; 3],
                1_200.0,
                [0.650e-6, 1.881e-6, 0.085e-6],
                80_000.0,
            ),
            Self::Venus => {
                air([6e-6, 9e-6, 12e-6], 15_900.0, [2.4e-5, 2.2e-5, 1.7e-5], 6_000.0, [0.0, 1e-6, 5e-6], 120_000.0)
            }
            Self::Mars => air(
                [3e-7, 4e-7, 6e-7],
                11_100.0,
                [5.5e-6, 4.6e-6, 3.6e-6],
                11_100.0,
                [0.2e-6, 0.9e-6, 2.6e-6],
                90_000.0,
            ),
            Self::Jupiter => air(
                [0.5e-6, 0.8e-6, 1.4e-6],
                27_000.0,
                [1.1e-6, 1.0e-6, 0.8e-6],
                27_000.0,
                [0.0, 0.1e-6, 0.5e-6],
                300_000.0,
            ),
            Self::Saturn => air(
                [0.3e-6, 0.45e-6, 0.7e-6],
                59_500.0,
                [0.6e-6, 0.52e-6, 0.38e-6],
                59_500.0,
                [0.0, 0.1e-6, 0.3e-6],
                500_000.0,
            ),
            Self::Uranus => {
                air([0.5e-6, 1.3e-6, 1.7e-6], 27_700.0, [0.2e-6; 3], 27_700.0, [0.9e-6, 0.1e-6, 0.0], 300_000.0)
            }
            Self::Neptune => {
                air([0.4e-6, 1.1e-6, 2.6e-6], 19_700.0, [0.2e-6; 3], 19_700.0, [1.0e-6, 0.2e-6, 0.0], 250_000.0)
            }
            Self::Pluto => air([0.5e-7, 0.9e-7, 2.0e-7], 40_000.0, [1e-7, 1.3e-7, 2e-7], 40_000.0, [0.0; 3], 200_000.0),
            Self::Titan => air(
                [1.2e-6, 1.6e-6, 2.6e-6],
                40_000.0,
                [6e-6, 4.6e-6, 2.4e-6],
                30_000.0,
                [0.0, 1.2e-6, 4e-6],
                350_000.0,
            ),
            Self::Sun | Self::Mercury | Self::Moon | Self::Rock => None,
        }
    }

    /// The body's rings: Saturn's from the inner edge of ring D (66,900 km) to the outer edge of ring A (136,775 km),
    /// with ring F just outside (Cuzzi et al. 2018, "The Rings of Saturn", in: Planetary Ring Systems, table 2.1).
    #[must_use]
    pub fn rings(self) -> Option<Rings> {
        match self {
            Self::Saturn => Some(Rings { inner: 66_900.0 / 60_268.0, outer: 140_600.0 / 60_268.0 }),
            _ => None,
        }
    }
}
