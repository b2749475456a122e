//! A list of flat shapes and text in pixels that one shader draws: smooth edges are worked out per pixel, so nothing
//! depends on multisampling. Must never know what the shapes mean.
//!
//! # The format
//!
//! [`Overlay::vertices`] and [`Overlay::indices`] are a list of triangles (either winding, no culling, no depth), to be
//! drawn in order in one draw. Positions are pixels from the upper left corner, y downward; pixel centres lie at halves.
//! Colours are linear and premultiplied; blend with `ONE, ONE_MINUS_SRC_ALPHA` into a target that blends in linear
//! light (as an `SRGB` format does). A fragment's colour is the interpolated colour times its coverage, where
//!
//! ```text
//! cover(a, b) = clamp(min(a, 0.5) + min(b, 0.5), 0, 1)    // the part of a pixel between two edges that are
//!                                                         // a and b pixels away, positive inside
//! kind 0, strip:  cover(shape.x, shape.y) * cover(shape.z, shape.w)
//!                 // shape: distances to four edges, interpolated
//! kind 1, box:    q = abs(local) - shape.xy + shape.z
//!                 d = length(max(q, 0)) + min(max(q.x, q.y), 0) - shape.z
//!                 shape.w > 0 ? cover(shape.w / 2 - d, shape.w / 2 + d)
//!                               : cover(-d, 2 * min(shape.x, shape.y) + d)
//!                 // local: pixels from the centre, interpolated; shape: half width, half height, radius of the corners
//!                 // (all up to the edge), and the width of the outline on the edge, or 0 if filled
//! kind 2, glyph:  the atlas (see `text::Atlas`, R8_UNORM) at texel `local`; a quad maps texels to pixels one to one
//! ```

use bytemuck::{Pod, Zeroable};
use glam::{Vec2, Vec4, vec2, vec4};

use super::colour::Colour;
use crate::text::{Face, Text};

/// A corner of a triangle; 44 bytes without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Vertex {
    /// Pixels from the upper left corner.
    pub position: [f32; 2],
    /// Pixels from the shape's centre, or texels.
    pub local: [f32; 2],
    /// By kind.
    pub shape: [f32; 4],
    /// Linear, premultiplied; 65535 is 1 (R16G16B16A16_UNORM).
    pub colour: [u16; 4],
    /// The same for all corners of a triangle.
    pub kind: u32,
}

/// [`Vertex::kind`] of edges with distances.
pub const STRIP: u32 = 0;
/// [`Vertex::kind`] of rounded rectangles, discs, rings.
pub const BOX: u32 = 1;
/// [`Vertex::kind`] of text.
pub const GLYPH: u32 = 2;

/// A distance to an edge that is nowhere near.
const FAR: f32 = 1e4;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Rect {
    /// Upper left corner.
    pub min: Vec2,
    /// Lower right corner.
    pub max: Vec2,
}

impl Rect {
    /// From its upper left corner and its size.
    #[must_use]
    pub fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { min: vec2(x, y), max: vec2(x + width, y + height) }
    }

    /// Around a point.
    #[must_use]
    pub fn around(centre: Vec2, half: Vec2) -> Self {
        Self { min: centre - half, max: centre + half }
    }

    /// Width and height.
    #[must_use]
    pub fn size(self) -> Vec2 {
        self.max - self.min
    }

    /// The centre.
    #[must_use]
    pub fn centre(self) -> Vec2 {
        (self.min + self.max) / 2.0
    }

    /// Smaller by `margin` on every side.
    #[must_use]
    pub fn inset(self, margin: f32) -> Self {
        Self { min: self.min + margin, max: self.max - margin }
    }

    /// Whether two rectangles share more than an edge.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.min.cmplt(other.max).all() && other.min.cmplt(self.max).all()
    }

    /// Whether another lies within, to a hundredth of a pixel.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        (self.min - 0.01).cmple(other.min).all() && other.max.cmple(self.max + 0.01).all()
    }
}

/// Where a text stands as seen from the point given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The point is its left end.
    Left,
    /// The point is its middle.
    Centre,
    /// The point is its right end.
    Right,
}

/// How a text is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// Size and weight.
    pub face: Face,
    /// Colour.
    pub colour: Colour,
    /// Where it stands.
    pub align: Align,
    /// Whether it is a reading; see [`Text::place_reading`].
    pub reading: bool,
}

/// The list. Keep one and clear it each frame: once warm it does not allocate.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Corners.
    pub vertices: Vec<Vertex>,
    /// Three for each triangle.
    pub indices: Vec<u32>,
}

impl Overlay {
    /// Takes everything out.
    pub fn clear(&mut self) {
        self.vertices.clear();
        self.indices.clear();
    }

    /// A filled rectangle with round corners (radius in pixels).
    pub fn fill(&mut self, rect: Rect, radius: f32, colour: Colour) {
        self.boxed(rect.centre(), Vec2::X, rect.size() / 2.0, radius, 0.0, colour);
    }

    /// The outline of a rectangle with round corners; half its width lies outside.
    pub fn outline(&mut self, rect: Rect, radius: f32, width: f32, colour: Colour) {
        self.boxed(rect.centre(), Vec2::X, rect.size() / 2.0, radius, width, colour);
    }

    /// A filled circle.
    pub fn disc(&mut self, centre: Vec2, radius: f32, colour: Colour) {
        self.boxed(centre, Vec2::X, Vec2::splat(radius), radius, 0.0, colour);
    }

    /// A circle; half its width lies outside.
    pub fn circle(&mut self, centre: Vec2, radius: f32, width: f32, colour: Colour) {
        self.boxed(centre, Vec2::X, Vec2::splat(radius), radius, width, colour);
    }

    /// A straight line with flat ends.
    pub fn line(&mut self, from: Vec2, to: Vec2, width: f32, colour: Colour) {
        let along = to - from;
        let length = along.length();
        if length > 0.0 {
            self.boxed((from + to) / 2.0, along / length, vec2(length, width) / 2.0, 0.0, 0.0, colour);
        }
    }

    /// A bent line of even width with mitred corners and flat ends. Bends of more than a right angle are cut short.
    pub fn polyline(&mut self, points: &[Vec2], width: f32, colour: Colour) {
        if points.len() < 2 {
            return;
        }
        let half = width / 2.0 + 1.0;
        let total: f32 = points.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
        let (mut along, mut before, mut previous) = (0.0, None, None::<[u32; 2]>);
        for (i, &point) in points.iter().enumerate() {
            let step = points.get(i + 1).map_or(Vec2::ZERO, |next| *next - point);
            let length = step.length();
            let after = if length > 0.0 { step / length } else { before.unwrap_or(Vec2::ZERO) };
            let back = before.unwrap_or(after);
            let normal = (back.perp() + after.perp()).normalize_or(after.perp());
            // The mitre: long enough to reach both edges' corner.
            let side = normal * (half / normal.dot(after.perp()).max(0.7));
            // A pixel more at the ends, for their smooth edges.
            let reach = f32::from(u8::from(i + 1 == points.len())) - f32::from(u8::from(i == 0));
            let (at, way) = (point + after * reach, along + reach);
            let edges = |across: f32| vec4(width / 2.0 - across, width / 2.0 + across, way, total - way);
            let pair = [self.corner(at + side, edges(half), colour), self.corner(at - side, edges(-half), colour)];
            if let Some([a, b]) = previous {
                self.indices.extend([a, b, pair[0], b, pair[1], pair[0]]);
            }
            (previous, before, along) = (Some(pair), Some(after), along + length);
        }
    }

    /// Part of a circle, from one angle to another (radians, clockwise from the right).
    pub fn arc(&mut self, centre: Vec2, radius: f32, from: f32, to: f32, width: f32, colour: Colour) {
        // So many pieces that none is further than a twentieth of a pixel from the circle.
        let piece = 2.0 * (1.0 - 0.05 / radius.max(0.1)).clamp(-1.0, 1.0).acos();
        const MOST: usize = 96;
        let pieces = (((to - from).abs() / piece).ceil() as usize).clamp(1, MOST);
        let mut points = [Vec2::ZERO; MOST + 1];
        for (i, point) in points[..=pieces].iter_mut().enumerate() {
            *point = centre + radius * Vec2::from_angle(from + (to - from) * i as f32 / pieces as f32);
        }
        self.polyline(&points[..=pieces], width, colour);
    }

    /// A filled triangle with smooth edges, in either order.
    pub fn triangle(&mut self, corners: [Vec2; 3], colour: Colour) {
        let turn = (corners[1] - corners[0]).perp_dot(corners[2] - corners[0]);
        if turn.abs() < 1e-6 {
            return;
        }
        let [a, b, c] = if turn > 0.0 { corners } else { [corners[0], corners[2], corners[1]] };
        let distance = |point: Vec2, from: Vec2, to: Vec2| (to - from).normalize().perp_dot(point - from);
        // Each corner moves out to where the edges, a pixel further out, meet.
        let moved = |before: Vec2, at: Vec2, after: Vec2| {
            let (u, v) = ((at - before).normalize(), (after - at).normalize());
            let out = -(u.perp() + v.perp());
            at + out / (1.0 + u.dot(v)).max(0.1)
        };
        for point in [moved(c, a, b), moved(a, b, c), moved(b, c, a)] {
            let edges = vec4(distance(point, a, b), distance(point, b, c), distance(point, c, a), FAR);
            let index = self.corner(point, edges, colour);
            self.indices.push(index);
        }
    }

    /// A filled strip between two bent lines of equally many points, with a colour for each line and without smooth
    /// edges: lay lines over them.
    pub fn ribbon(&mut self, points: impl IntoIterator<Item = [Vec2; 2]>, colours: [Colour; 2]) {
        let mut previous = None::<[u32; 2]>;
        for [first, second] in points {
            let pair =
                [self.corner(first, Vec4::splat(FAR), colours[0]), self.corner(second, Vec4::splat(FAR), colours[1])];
            if let Some([a, b]) = previous {
                self.indices.extend([a, b, pair[0], b, pair[1], pair[0]]);
            }
            previous = Some(pair);
        }
    }

    /// One line of text at a point on its baseline; returns its width in pixels.
    pub fn text(&mut self, text: &mut Text, string: &str, at: Vec2, ink: Ink) -> f32 {
        let width = if ink.reading { text.reading_width_px(string, ink.face) } else { text.width_px(string, ink.face) };
        let left = match ink.align {
            Align::Left => at.x,
            // Whole pixels, so that it does not shimmer as its width changes.
            Align::Centre => (at.x - width / 2.0).round(),
            Align::Right => at.x - width,
        };
        let colour = packed(ink.colour);
        let put = |quad: crate::text::GlyphQuad| {
            let (x, y, slot) = (quad.x as f32, quad.y as f32, quad.slot);
            let (u, v) = (f32::from(slot.x), f32::from(slot.y));
            let (width, height) = (f32::from(slot.width), f32::from(slot.height));
            let first = self.vertices.len() as u32;
            for (dx, dy) in [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)] {
                self.vertices.push(Vertex {
                    position: [x + dx, y + dy],
                    local: [u + dx, v + dy],
                    shape: [0.0; 4],
                    colour,
                    kind: GLYPH,
                });
            }
            self.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
        };
        if ink.reading {
            text.place_reading(string, ink.face, left, at.y, put);
        } else {
            text.place(string, ink.face, left, at.y, put);
        }
        width
    }

    /// A rounded rectangle whose own x axis is `axis`.
    fn boxed(&mut self, centre: Vec2, axis: Vec2, half: Vec2, radius: f32, outline: f32, colour: Colour) {
        if !(half.x > 0.0 && half.y > 0.0) {
            return;
        }
        let radius = radius.min(half.x).min(half.y).max(0.0);
        let reach = half + outline / 2.0 + 1.0;
        let shape = [half.x, half.y, radius, outline];
        let first = self.vertices.len() as u32;
        let colour = packed(colour);
        for corner in [vec2(-1.0, -1.0), vec2(1.0, -1.0), vec2(1.0, 1.0), vec2(-1.0, 1.0)] {
            let local = corner * reach;
            let position = centre + axis * local.x + axis.perp() * local.y;
            self.vertices.push(Vertex { position: position.into(), local: local.into(), shape, colour, kind: BOX });
        }
        self.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
    }

    fn corner(&mut self, position: Vec2, edges: Vec4, colour: Colour) -> u32 {
        let index = self.vertices.len() as u32;
        self.vertices.push(Vertex {
            position: position.into(),
            local: [0.0; 2],
            shape: edges.into(),
            colour: packed(colour),
            kind: STRIP,
        });
        index
    }
}

/// Premultiplied, in 16 bits.
fn packed(colour: Colour) -> [u16; 4] {
    let part = |value: f32| (value.clamp(0.0, 1.0) * 65_535.0).round() as u16;
    let alpha = colour.alpha;
    [part(colour.red * alpha), part(colour.green * alpha), part(colour.blue * alpha), part(alpha)]
}
