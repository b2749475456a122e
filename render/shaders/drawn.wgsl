//!include things.wgsl
// What passes that draw things read, and a segment as a quad of some width.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> around: Around;
@group(0) @binding(2) var<storage, read> things: array<Thing>;
@group(0) @binding(3) var<storage, read> models: array<Model>;
@group(0) @binding(4) var<storage, read> visible: array<u32>;
@group(0) @binding(5) var<storage, read> lit: array<Lit>;

// Light that a ball throws back at full Moon, over that of a flat white disc (Lambert): two thirds.
const BALL_SHARE: f32 = 0.6666667;

// Share of that which is seen when the Sun stands elsewhere; the cosine is that of the angle at the ball.
fn phase(cosine: f32) -> f32 {
    let angle = acos(clamp(cosine, -1.0, 1.0));
    return (sin(angle) + (3.1415927 - angle) * cosine) / 3.1415927;
}
