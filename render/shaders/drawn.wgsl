//!include things.wgsl
// What passes that draw things read, and a segment as a quad of some width.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> around: Around;
@group(0) @binding(2) var<storage, read> things: array<Thing>;
@group(0) @binding(3) var<storage, read> models: array<Model>;
@group(0) @binding(4) var<storage, read> visible: array<u32>;
@group(0) @binding(5) var<storage, read> lit: array<Lit>;

// Of what gives light of its own, kelvin: the black body whose colour comes nearest. Engines and what they blow out,
// thrusters, rounds, embers; fire is hotter the younger it is.
const ENGINE_K: f32 = 20000.0;
const PUFF_K: f32 = 7500.0;
const ROUND_K: f32 = 3000.0;
const EMBER_K: f32 = 1500.0;
const FLASH_K: f32 = 6000.0;
const FIRE_K: vec2<f32> = vec2<f32>(1300.0, 2700.0);
const SPARK_K: vec2<f32> = vec2<f32>(1900.0, 4300.0);

// Light that a ball throws back at full Moon, over that of a flat white disc (Lambert): two thirds.
const BALL_SHARE: f32 = 0.6666667;

// Share of that which is seen when the Sun stands elsewhere; the cosine is that of the angle at the ball.
fn phase(cosine: f32) -> f32 {
    let angle = acos(clamp(cosine, -1.0, 1.0));
    return (sin(angle) + (3.1415927 - angle) * cosine) / 3.1415927;
}
