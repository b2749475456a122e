//!include drawn.wgsl
//!include segment.wgsl
//!include noise.wgsl
// What is added to the picture as light: things too small to have a shape, rounds, and explosions.

struct Varyings {
    @builtin(position) position: vec4<f32>,
    // In pixels, or in radii for balls of fire.
    @location(0) @interpolate(linear) at: vec2<f32>,
    // Length and half the width, pixels; for balls of fire their seed and age.
    @location(1) @interpolate(flat) shape: vec2<f32>,
    @location(2) @interpolate(flat) light: vec3<f32>,
    @location(3) @interpolate(flat) kind: u32,
}

const NONE: vec4<f32> = vec4<f32>(0.0, 0.0, 0.0, 1.0);
const NOTHING: Varyings = Varyings(NONE, vec2<f32>(0.0), vec2<f32>(1.0), vec3<f32>(0.0), 0u);
const SPOT: u32 = 0u;
const STREAK: u32 = 1u;
const FIRE: u32 = 2u;
// Of a spot, in pixels. As in `stars.wgsl`.
const SIGMA: f32 = 0.62;

// A spot of light; `flux` is what its pixels have together.
fn spot(eye: Eye, place: vec3<f32>, flux: vec3<f32>, vertex: u32) -> Varyings {
    let peak = flux / (6.2831853 * SIGMA * SIGMA);
    let brightest = max(peak.r, max(peak.g, peak.b));
    let radius = SIGMA * sqrt(max(2.0 * log(max(brightest, 1e-9) / 0.0004), 0.0)) + 0.5;
    let offset = square(vertex) * radius;
    var position = eye.clip_from_world * vec4<f32>(boosted_place(place), 1.0);
    position = vec4<f32>(position.xy + offset * 2.0 / frame.size * position.w, position.zw);
    return Varyings(position, offset, vec2<f32>(0.0), peak, SPOT);
}

// A glowing segment: thinner than a pixel it is fainter instead.
fn streak(eye: Eye, a: vec3<f32>, b: vec3<f32>, radius_m: f32, light: vec3<f32>, vertex: u32) -> Varyings {
    let corner = segment(eye, boosted_place(a), boosted_place(b), radius_m, 0.8, 1.0, vertex);
    let px = radius_m / (frame.pixel_rad * max(corner.position.w, frame.near_m));
    let share = min(px / corner.half_px, 1.0) * corner.shown;
    return Varyings(corner.position, corner.at_px, vec2<f32>(corner.length_px, corner.half_px), light * share, STREAK);
}

@vertex
fn vertex_spot(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let id = visible[instance];
    let thing = things[id];
    let model = models[thing.model];
    let eye = frame.eyes[view];
    let to = thing.position_m - eye.offset_m.xyz;
    let distance = length(to);
    let toward = to / distance;
    let radius_px = thing.radius_m * model.seeming / (distance * frame.pixel_rad * crowding(toward));
    let light = lit[id].light;
    let seen = phase(dot(normalize(around.sun.xyz - to), -toward));
    let paint = unpack4x8unorm(thing.tint).rgb * model.albedo * shifted_sunlight(toward);
    let thrown = paint * (BALL_SHARE * seen * light.w + 0.5 * length(light.xyz) * around.shine.rgb);
    // A burning engine is seen from far.
    let engine = select(0.0, throttle(thing), thing.model < SHIPS) * vec3<f32>(0.5, 0.75, 1.0) * 1.5;
    return spot(eye, thing.position_m, (thrown + engine) * lit[id].veil.w * 3.1415927 * radius_px * radius_px, vertex);
}

@vertex
fn vertex_streak(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let thing = things[visible[instance]];
    let head = thing.position_m;
    return streak(frame.eyes[view], head, head + thing.turn.xyz, thing.radius_m, vec3<f32>(60.0, 30.0, 9.0), vertex);
}

fn random(seed: u32, n: u32) -> f32 {
    return f32(hash3(vec3<i32>(i32(seed & 0xffffffu), i32(n), 7)) >> 8u) / 16777216.0;
}

// The first square of an explosion is its ball of fire, the others are sparks.
@vertex
fn vertex_burst(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let thing = things[visible[instance]];
    let eye = frame.eyes[view];
    let age = thing.state;
    let size = thing.turn.x;
    let part = vertex / 6u;
    let corner = vertex % 6u;
    if part == 0u {
        let to = thing.position_m - eye.offset_m.xyz;
        let toward = to / max(length(to), 1e-6);
        let across = normalize(cross(toward, eye.down.xyz) + eye.right.xyz * 1e-6);
        let at = square(corner);
        let radius = size * (1.0 + 3.0 * (1.0 - exp(-9.0 * age)));
        let world = thing.position_m + (across * at.x + cross(toward, across) * at.y) * radius;
        // A flash, then fire that cools as it grows thin.
        let flash = vec3<f32>(1.0, 0.93, 0.8) * 120.0 * exp(-70.0 * age);
        let fire = vec3<f32>(1.0, 0.42 * exp(-3.0 * age), 0.12 * exp(-7.0 * age)) * 9.0 * exp(-8.5 * age);
        return Varyings(eye.clip_from_world * vec4<f32>(boosted_place(world), 1.0), at, vec2<f32>(random(thing.tint, 999u) * 90.0, age), flash + fire, FIRE);
    }
    let up = random(thing.tint, part * 4u) * 2.0 - 1.0;
    let turn = random(thing.tint, part * 4u + 1u) * 6.2831853;
    let direction = vec3<f32>(sqrt(1.0 - up * up) * vec2<f32>(cos(turn), sin(turn)), up);
    let speed = random(thing.tint, part * 4u + 2u);
    let life = 0.25 + 0.75 * random(thing.tint, part * 4u + 3u);
    if age >= life {
        return NOTHING;
    }
    // Sparks fly on: nothing slows them.
    let reach = thing.radius_m * (0.12 + 0.88 * speed * speed);
    let head = thing.position_m + direction * reach;
    let tail = head - direction * min(reach, size * (0.25 + 1.2 * speed));
    let left = 1.0 - age / life;
    let light = vec3<f32>(1.0, 0.25 + 0.5 * left, 0.06 + 0.4 * left * left) * 14.0 * left * left;
    return streak(eye, head, tail, size * 0.035, light, corner);
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    var share = 0.0;
    if in.kind == SPOT {
        share = exp(-dot(in.at, in.at) / (2.0 * SIGMA * SIGMA));
    } else if in.kind == STREAK {
        let d = from_segment(in.at, in.shape.x) / in.shape.y;
        // Brighter at the head, which is where it begins.
        let fade = 1.0 - 0.85 * clamp(in.at.x / max(in.shape.x, 1.0), 0.0, 1.0);
        share = exp(-1.6 * d * d) * clamp(2.2 - d, 0.0, 1.0) * fade;
    } else {
        let r = length(in.at);
        let q = vec3<f32>(in.at * 2.2, in.shape.x + in.shape.y * 3.0);
        let lumps = 0.5 + 0.75 * fractal(q, 4, 0.55, 0.0);
        let edge = max(1.0 - r * (1.15 - 0.3 * lumps), 0.0);
        share = edge * edge * max(mix(1.0, lumps, min(in.shape.y * 12.0, 1.0)), 0.0);
    }
    return vec4<f32>(in.light * share, 0.0);
}
