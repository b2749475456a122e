//! Draws an overlay on the processor, by the rules that `render::hud::paint` states and nothing else. For tests and
//! examples; must never be faster than it is plain.

use glam::{DVec2, Vec3, Vec4, vec2};
use render::hud::paint::{BOX, GLYPH, Overlay, STRIP, Vertex};
use render::text::Atlas;

/// A picture in linear light.
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row.
    pub pixels: Vec<Vec3>,
}

impl Canvas {
    /// A picture whose pixels are given by column and row.
    pub fn new(width: usize, height: usize, colour: impl Fn(usize, usize) -> Vec3) -> Self {
        let pixels = (0..width * height).map(|i| colour(i % width, i / width)).collect();
        Self { width, height, pixels }
    }

    /// Draws over it.
    pub fn draw(&mut self, overlay: &Overlay, atlas: &Atlas) {
        for corners in overlay.indices.chunks_exact(3) {
            let corners = [0, 1, 2].map(|i| &overlay.vertices[corners[i] as usize]);
            self.triangle(corners, atlas);
        }
    }

    fn triangle(&mut self, corners: [&Vertex; 3], atlas: &Atlas) {
        // On a grid of 256ths of a pixel, as devices do, so that neighbours neither overlap nor leave gaps.
        let snapped = |v: &Vertex| (glam::Vec2::from(v.position).as_dvec2() * 256.0).round() / 256.0;
        let [mut a, mut b, mut c] = corners;
        if (snapped(b) - snapped(a)).perp_dot(snapped(c) - snapped(a)) < 0.0 {
            (b, c) = (c, b);
        }
        let points = [snapped(a), snapped(b), snapped(c)];
        let area = (points[1] - points[0]).perp_dot(points[2] - points[0]);
        if area <= 0.0 {
            return;
        }
        a = corners[0];
        let low = points[0].min(points[1]).min(points[2]).floor().max(DVec2::ZERO);
        let high = points[0].max(points[1]).max(points[2]).ceil();
        let high = high.min(DVec2::new(self.width as f64, self.height as f64));
        for y in low.y as usize..high.y.max(0.0) as usize {
            for x in low.x as usize..high.x.max(0.0) as usize {
                let at = DVec2::new(x as f64 + 0.5, y as f64 + 0.5);
                let Some(weights) = inside(points, at, area) else { continue };
                let part = |of: &dyn Fn(&Vertex) -> Vec4| {
                    of(a) * weights[0] as f32 + of(b) * weights[1] as f32 + of(c) * weights[2] as f32
                };
                let colour = part(&|v| Vec4::from(v.colour.map(|part| f32::from(part) / 65_535.0)));
                let shape = part(&|v| Vec4::from(v.shape));
                let local = part(&|v| Vec4::from((glam::Vec2::from(v.local), 0.0, 0.0)));
                let covered = colour * coverage(a.kind, [local.x, local.y], shape, atlas);
                let pixel = &mut self.pixels[y * self.width + x];
                *pixel = covered.truncate() + *pixel * (1.0 - covered.w);
            }
        }
    }
}

/// Weights of the corners at a point, if it is inside or on an upper or left edge.
fn inside(points: [DVec2; 3], at: DVec2, area: f64) -> Option<[f64; 3]> {
    let mut weights = [0.0; 3];
    for i in 0..3 {
        let (from, to) = (points[(i + 1) % 3], points[(i + 2) % 3]);
        let edge = to - from;
        let value = edge.perp_dot(at - from);
        let upper_or_left = edge.y < 0.0 || (edge.y == 0.0 && edge.x > 0.0);
        if value < 0.0 || (value == 0.0 && !upper_or_left) {
            return None;
        }
        weights[i] = value / area;
    }
    Some(weights)
}

fn coverage(kind: u32, local: [f32; 2], shape: Vec4, atlas: &Atlas) -> f32 {
    let cover = |a: f32, b: f32| (a.min(0.5) + b.min(0.5)).clamp(0.0, 1.0);
    match kind {
        STRIP => cover(shape.x, shape.y) * cover(shape.z, shape.w),
        BOX => {
            let q = vec2(local[0], local[1]).abs() - vec2(shape.x, shape.y) + shape.z;
            let distance = q.max(glam::Vec2::ZERO).length() + q.x.max(q.y).min(0.0) - shape.z;
            if shape.w > 0.0 {
                cover(shape.w / 2.0 - distance, shape.w / 2.0 + distance)
            } else {
                cover(-distance, 2.0 * shape.x.min(shape.y) + distance)
            }
        }
        GLYPH => {
            let [width, height] = atlas.size().map(usize::from);
            let (x, y) = (local[0] as usize, local[1] as usize);
            assert!(x < width && y < height, "texel {x}, {y} of an atlas of {width} x {height}");
            f32::from(atlas.texels()[y * width + x]) / 255.0
        }
        kind => panic!("no kind {kind}"),
    }
}
