//!include frame.wgsl
// What motion does to what is seen, as `render::relativity` has it: directions, colours and brightness. The one place
// for it; all passes ask here. Directions are unit vectors from the eye, ICRF axes; `rest` is how an eye at rest in the
// simulation's frame sees it, `seen` how the moving one does.

// Linear sRGB of luminance 1 and the logarithm of the luminance of black bodies, by the logarithm of the temperature:
// 64 steps for each doubling, from 256 K on. Binding 9 in every pass.
@group(0) @binding(9) var<storage, read> glow: array<vec4<f32>>;

const SUN_K: f32 = 5772.0;

fn at_rest() -> bool {
    return frame.motion.w <= 1.0;
}

fn boosted(n: vec3<f32>, beta: vec3<f32>, gamma: f32) -> vec3<f32> {
    return normalize(n / gamma + beta * (1.0 + dot(n, beta) * gamma / (gamma + 1.0)));
}

fn aberrated(rest: vec3<f32>) -> vec3<f32> {
    if at_rest() {
        return rest;
    }
    return boosted(rest, frame.motion.xyz, frame.motion.w);
}

fn unaberrated(seen: vec3<f32>) -> vec3<f32> {
    if at_rest() {
        return seen;
    }
    return boosted(seen, -frame.motion.xyz, frame.motion.w);
}

// Where the moving eye has a place that is `place_m` metres away from it at rest: the boost of the event in which the
// light left.
fn boosted_place(place_m: vec3<f32>) -> vec3<f32> {
    if at_rest() {
        return place_m;
    }
    let beta = frame.motion.xyz;
    let gamma = frame.motion.w;
    return place_m + beta * gamma * (length(place_m) + dot(place_m, beta) * gamma / (gamma + 1.0));
}

// Frequency seen over that at rest; above 1 is bluer.
fn doppler(rest: vec3<f32>) -> f32 {
    let beta = frame.motion.xyz;
    let gamma = frame.motion.w;
    let along = dot(rest, beta);
    if along >= 0.0 {
        return gamma * (1.0 + along);
    }
    // Behind a fast ship 1 + n.beta would cancel: 1 - speed and speed - |n.beta|, each without a difference.
    let speed = length(beta);
    let across = cross(rest, beta);
    return max(gamma * (1.0 / (gamma * gamma * (1.0 + speed)) + dot(across, across) / (speed - along)), 1e-12);
}

// How much more of the sky at rest is seen in an angle: the Doppler factor, 1 at rest.
fn crowding(rest: vec3<f32>) -> f32 {
    if at_rest() {
        return 1.0;
    }
    return doppler(rest);
}

// Colour of luminance 1 and logarithm of luminance of a black body.
fn black_body(kelvin: f32) -> vec4<f32> {
    let last = f32(arrayLength(&glow)) - 1.0;
    let at = clamp((log2(kelvin) - 8.0) * 64.0, 0.0, last);
    let low = min(floor(at), last - 1.0);
    return mix(glow[u32(low)], glow[u32(low) + 1u], at - low);
}

// What the light of a surface as hot as that is multiplied by, part by part: its colour and radiance change as a black
// body's do, which is exact for those, and for grey surfaces in their light.
fn shifted(kelvin: f32, factor: f32) -> vec3<f32> {
    let before = black_body(kelvin);
    let after = black_body(kelvin * factor);
    return after.rgb / max(before.rgb, vec3<f32>(1e-3)) * exp(min(after.a - before.a, 40.0));
}

// The same for what the eye's motion does to light from `rest`.
fn shifted_sunlight(rest: vec3<f32>) -> vec3<f32> {
    if at_rest() {
        return vec3<f32>(1.0);
    }
    return shifted(SUN_K, doppler(rest));
}
