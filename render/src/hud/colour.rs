//! The few colours of the head-up display, in linear light, and how well one is read on another. Must never hold a
//! colour that is used for one thing only.

/// A colour in linear light (primaries of sRGB), not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Red, 0 to 1.
    pub red: f32,
    /// Green, 0 to 1.
    pub green: f32,
    /// Blue, 0 to 1.
    pub blue: f32,
    /// Opacity, 0 to 1.
    pub alpha: f32,
}

impl Colour {
    /// From 0xRRGGBB as pictures are stored (IEC 61966-2-1).
    #[must_use]
    pub fn from_srgb(rgb: u32) -> Self {
        let linear = |shift: u32| {
            let value = f32::from((rgb >> shift) as u8) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        Self { red: linear(16), green: linear(8), blue: linear(0), alpha: 1.0 }
    }

    /// The same colour, as opaque as said.
    #[must_use]
    pub fn alpha(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// Relative luminance (WCAG 2.2), of the colour itself.
    #[must_use]
    pub fn luminance(self) -> f32 {
        0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue
    }

    /// What is seen where it lies over an opaque colour.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let mix = |above: f32, below: f32| above * self.alpha + below * (1.0 - self.alpha);
        Self {
            red: mix(self.red, below.red),
            green: mix(self.green, below.green),
            blue: mix(self.blue, below.blue),
            alpha: 1.0,
        }
    }

    /// Contrast ratio of two opaque colours (WCAG 2.2): 1 for equal ones to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f32 {
        let (a, b) = (self.luminance() + 0.05, other.luminance() + 0.05);
        a.max(b) / a.min(b)
    }
}

/// What the display is painted with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Readings.
    pub text: Colour,
    /// Names of readings and units.
    pub label: Colour,
    /// What is chosen, active or the target.
    pub accent: Colour,
    /// Needs attention.
    pub amber: Colour,
    /// Danger.
    pub red: Colour,
    /// Behind text.
    pub plate: Colour,
    /// Behind text that tells of danger.
    pub red_plate: Colour,
    /// Of the part of a bar that is empty, and of thin lines between things.
    pub rule: Colour,
    /// The navball's upper half.
    pub sky: Colour,
    /// The navball's lower half.
    pub ground: Colour,
}

impl Default for Palette {
    fn default() -> Self {
        Self {
            text: Colour::from_srgb(0xF2F7FA),
            label: Colour::from_srgb(0xC3CFD6),
            accent: Colour::from_srgb(0x86DCFF),
            amber: Colour::from_srgb(0xFFC555),
            red: Colour::from_srgb(0xFF5A4F),
            plate: Colour::from_srgb(0x0A1016).alpha(0.93),
            red_plate: Colour::from_srgb(0x9E1B16).alpha(0.96),
            rule: Colour::from_srgb(0x8FA3AF).alpha(0.28),
            sky: Colour::from_srgb(0x1D4C70),
            ground: Colour::from_srgb(0x33291F),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_on_its_plate_before_anything() {
        let palette = Palette::default();
        let white = Colour::from_srgb(0xFFFFFF);
        let black = Colour::from_srgb(0x000000);
        let pairs = [
            ("text", palette.text, palette.plate),
            ("label", palette.label, palette.plate),
            ("accent", palette.accent, palette.plate),
            ("amber", palette.amber, palette.plate),
            ("text on red", palette.text, palette.red_plate),
            ("text on sky", palette.text, palette.sky),
            ("text on ground", palette.text, palette.ground),
            ("plate on accent", palette.plate.alpha(1.0), palette.accent),
        ];
        for (name, ink, plate) in pairs {
            for (behind, scene) in [("black", black), ("white", white)] {
                let contrast = ink.contrast(plate.over(scene));
                assert!(contrast >= 4.5, "{name} before {behind}: {contrast}");
            }
        }
    }

    #[test]
    fn contrast_is_that_of_the_recommendation() {
        let of = |a, b| Colour::from_srgb(a).contrast(Colour::from_srgb(b));
        assert!((of(0xFFFFFF, 0x000000) - 21.0).abs() < 1e-3);
        assert!((of(0x777777, 0xFFFFFF) - 4.48).abs() < 0.01);
        assert_eq!(of(0x123456, 0x123456), 1.0);
    }
}
