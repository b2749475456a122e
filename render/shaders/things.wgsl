//!include relativity.wgsl
// Ships, rocks, rounds and explosions as all passes know them. Lengths are metres, axes are those of the ICRF, places are
// from the camera. The numbers are those of `src/passes/things/`.

struct Thing {
    // Centre; for rounds the end that is ahead.
    position_m: vec3<f32>,
    // Of the sphere that holds it.
    radius_m: f32,
    // Quaternion that turns body axes into world axes; for rounds from their place to the other end of their streak,
    // for explosions the radius of what blew up.
    turn: vec4<f32>,
    // Paint as four bytes from 0 to 1; for explosions a seed.
    tint: u32,
    // Index of its model, or one of the kinds below.
    model: u32,
    // Thrusters x, y, z and main engine, four bytes from -1 to 1.
    thrust: u32,
    // Share of the hull that is left; for explosions their age, 0 to 1.
    state: f32,
}

// Models: ships first, then shapes of rocks. What comes after has no mesh.
const SHIPS: u32 = 5u;
const MODELS: u32 = 9u;
const ROUND: u32 = 9u;
const BLAST: u32 = 10u;

struct Model {
    // What its vertices are multiplied by for a radius of one metre.
    scale: f32,
    // Share of a disc's light that it gives from afar, and the share of its radius that it seems to have.
    albedo: f32,
    seeming: f32,
    pad: f32,
    // Where its jets are in the list of all, how many it has, and how many of them are main engines.
    jet_first: u32,
    jets: u32,
    nozzles: u32,
    pad1: u32,
    // Levels of detail: indices, the first of them, the first vertex.
    levels: array<vec4<u32>, 3>,
}

// What is around everything.
struct Around {
    // The Sun's centre and radius.
    sun: vec4<f32>,
    // Colour that the nearest body throws sunlight back with, times its albedo; what sunlight is at one metre from the
    // Sun, were it a point.
    shine: vec4<f32>,
    // Things, groups of them, eyes, bodies.
    counts: vec4<u32>,
    // Sizes are multiplied by the first before a level of detail is chosen.
    detail: vec4<f32>,
    // Centre and radius of bodies, the widest first.
    bodies: array<vec4<f32>, 16>,
    // How far the camera is from where it sees each of their limbs.
    limbs: array<vec4<f32>, 16>,
}

struct Lit {
    // What falls on a thing: the direction to the nearest body times its light, and sunlight.
    light: vec4<f32>,
    // Light of air and rings before it, and the share of its own that they let through.
    veil: vec4<f32>,
}

fn rotate(q: vec4<f32>, v: vec3<f32>) -> vec3<f32> {
    let t = 2.0 * cross(q.xyz, v);
    return v + q.w * t + cross(q.xyz, t);
}

// Throttle and thrusters.
fn throttle(thing: Thing) -> f32 {
    return max(unpack4x8snorm(thing.thrust).w, 0.0);
}
