//!include things.wgsl
//!include disc.wgsl
//!include veil.wgsl
// What of all things is drawn, and how: nothing, a spot, a ball, or a mesh of some level of detail. Three steps, so that
// the lists are in the things' order and the picture does not depend on which group of threads comes first: each thing
// finds its bucket and each group counts; one group adds up; each thing goes to its place.

@group(0) @binding(0) var<uniform> frame: Frame;
// A storage buffer, since lavapipe 22.3 compiles the shader anew for each value of a uniform that a branch depends on.
@group(0) @binding(1) var<storage, read> around: Around;
@group(0) @binding(2) var<storage, read> things: array<Thing>;
@group(0) @binding(3) var<storage, read> models: array<Model>;
@group(0) @binding(4) var<storage, read_write> buckets: array<u32>;
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;
@group(0) @binding(6) var<storage, read_write> lit: array<Lit>;
@group(0) @binding(7) var<storage, read_write> draws: array<u32>;
@group(0) @binding(8) var<storage, read_write> visible: array<u32>;

const THREADS: u32 = 64u;
// Buckets: for each model its levels of detail, then what has no mesh, then why a thing is not drawn.
const MESHES: u32 = 27u;
const BALL: u32 = 27u;
const SPOT: u32 = 28u;
const STREAK: u32 = 29u;
const BURST: u32 = 30u;
const DRAWN: u32 = 31u;
const OUTSIDE: u32 = 31u;
const HIDDEN: u32 = 32u;
const TINY: u32 = 33u;
const BUCKETS: u32 = 34u;
// Places in `draws`: after five words for each mesh four for each other kind and for each ship's jets near and far, then
// totals, then where each bucket begins.
const KINDS_AT: u32 = 135u;
const JETS_AT: u32 = 151u;
const TOTALS_AT: u32 = 191u;
const BASES_AT: u32 = 225u;
// Radii in pixels from which on a level of detail is drawn: for ships, then for rocks; below the last a rock is a ball.
const SHIP_LEVELS: vec2<f32> = vec2<f32>(50.0, 12.0);
const ROCK_LEVELS: vec3<f32> = vec3<f32>(48.0, 14.0, 5.0);
// Below, anything is a spot; then nothing.
const SPOT_PX: f32 = 1.0;
const TINY_PX: f32 = 0.02;
// Rounds are bright.
const TINY_ROUND_PX: f32 = 0.004;
// How far exhaust reaches, in radii of its ship. As in `jets.wgsl`.
const JET_REACH: f32 = 3.5;
// Vertices of an explosion: a ball of fire and its sparks.
const BURST_VERTICES: u32 = 246u;
// Radians: more than rounding can move anything by.
const MARGIN: f32 = 1e-5;

// Whether a sphere, from the eye, reaches into what the eye sees.
fn in_sight(eye: Eye, centre: vec3<f32>, radius: f32) -> bool {
    let x = dot(centre, eye.right.xyz);
    let y = dot(centre, eye.down.xyz);
    let z = dot(centre, eye.forward.xyz);
    let t = eye.tangents;
    // Left, right, upper, lower edge: distances from planes through the eye, times the length of their normals.
    let out = vec4<f32>(t.x * z - x, x - t.y * z, -y - t.z * z, y + t.w * z);
    let reach = radius * sqrt(1.0 + t * t);
    return z + radius > frame.near_m && all(out < reach);
}

// Whether a sphere, from the eye, is behind a body, all of it. Exact for spheres, but for the margin.
fn behind(body: u32, offset: vec3<f32>, centre: vec3<f32>, radius: f32) -> bool {
    let to_body = around.bodies[body].xyz - offset;
    let far = length(to_body);
    let wide = around.bodies[body].w;
    let limb = around.limbs[body].x;
    let distance = length(centre);
    // Nearer than the limb it may be before the body; within the sphere or the body nothing is hidden.
    if limb <= 0.0 || far <= wide || distance <= radius || distance - radius < limb {
        return false;
    }
    let sin_body = wide / far;
    let cos_body = limb / far;
    let sin_thing = radius / distance;
    let cos_thing = sqrt(1.0 - sin_thing * sin_thing);
    // Of the body's angle less the thing's.
    let sine = sin_body * cos_thing - cos_body * sin_thing;
    let cosine = cos_body * cos_thing + sin_body * sin_thing;
    let a = centre / distance;
    let b = to_body / far;
    return sine > 0.0 && sine * dot(a, b) - cosine * length(cross(a, b)) > MARGIN;
}

fn bucket(thing: Thing) -> u32 {
    var centre = thing.position_m;
    var reach = thing.radius_m;
    if thing.model == ROUND {
        centre += 0.5 * thing.turn.xyz;
        reach += 0.5 * length(thing.turn.xyz);
    } else if thing.model < SHIPS && thing.thrust != 0u {
        reach *= JET_REACH;
    }
    let seen = boosted_place(centre);
    // What is near a fast eye is bent beyond any sphere.
    let bent = !at_rest() && length(centre) < 8.0 * reach;
    var outside = true;
    var hidden = true;
    for (var view = 0u; view < min(around.counts.z, 2u); view++) {
        let offset = frame.eyes[view].offset_m.xyz;
        if bent || in_sight(frame.eyes[view], seen - offset, reach) {
            outside = false;
            var covered = false;
            for (var body = 0u; body < min(around.counts.w, 16u); body++) {
                covered = covered || behind(body, offset, centre - offset, reach);
            }
            hidden = hidden && covered;
        }
    }
    if outside {
        return OUTSIDE;
    }
    if hidden {
        return HIDDEN;
    }
    let distance = length(thing.position_m);
    let crowded = crowding(thing.position_m / max(distance, 1e-9));
    let px = thing.radius_m / max(distance, thing.radius_m) / (frame.pixel_rad * crowded);
    if thing.model == ROUND {
        return select(STREAK, TINY, px < TINY_ROUND_PX);
    }
    if thing.model == BLAST {
        return select(BURST, TINY, px < TINY_PX);
    }
    let size = px * models[thing.model].seeming;
    if size < SPOT_PX {
        return select(SPOT, TINY, size < TINY_PX);
    }
    let worth = size * around.detail.x;
    let first = thing.model * 3u;
    if thing.model < SHIPS {
        return first + select(select(2u, 1u, worth >= SHIP_LEVELS.y), 0u, worth >= SHIP_LEVELS.x);
    }
    if worth < ROCK_LEVELS.z {
        return BALL;
    }
    return first + select(select(2u, 1u, worth >= ROCK_LEVELS.y), 0u, worth >= ROCK_LEVELS.x);
}

// Sunlight that reaches a thing, and what the nearest body throws on it.
fn light_on(thing: Thing) -> vec4<f32> {
    let to_sun = around.sun.xyz - thing.position_m;
    let far = max(length(to_sun), 1e-3);
    let sun_dir = to_sun / far;
    let full = around.shine.w / (far * far);
    var through = 1.0;
    var shine = vec3<f32>(0.0);
    for (var i = 0u; i < min(around.counts.w, 16u); i++) {
        let to_body = around.bodies[i].xyz - thing.position_m;
        let distance = max(length(to_body), around.bodies[i].w);
        let sine = around.bodies[i].w / distance;
        if dot(to_body, sun_dir) > 0.0 && distance < far {
            let apart = asin(min(length(cross(to_body / distance, sun_dir)), 1.0));
            through *= uncovered(around.sun.w / far, asin(min(sine, 1.0)), apart);
        }
        let lit_from = around.sun.xyz - around.bodies[i].xyz;
        // The light itself throws nothing back.
        if i == 0u && dot(lit_from, lit_from) > 0.0 {
            // As a sphere that scatters by Lambert's law, seen from outside.
            let phase = max(0.5 - 0.5 * dot(to_body / distance, normalize(lit_from)), 0.0);
            shine = to_body / distance * (0.67 * sine * sine * full * phase * sqrt(phase));
        }
    }
    return vec4<f32>(shine, full * through);
}

var<workgroup> counted: array<atomic<u32>, 64>;

@compute @workgroup_size(64)
fn choose(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    atomicStore(&counted[local], 0u);
    workgroupBarrier();
    if global.x < around.counts.x {
        let thing = things[global.x];
        let chosen = bucket(thing);
        buckets[global.x] = chosen;
        atomicAdd(&counted[chosen], 1u);
        // Rounds and explosions shine by themselves.
        if chosen < STREAK {
            lit[global.x] = Lit(light_on(thing), veil(thing.position_m));
        }
    }
    workgroupBarrier();
    if local < BUCKETS {
        counts[group.x * BUCKETS + local] = atomicLoad(&counted[local]);
    }
}

var<workgroup> totals: array<u32, 64>;

// Writes a draw without indices.
fn plain_draw(at: u32, vertices: u32, instances: u32, first_vertex: u32, first_instance: u32) {
    draws[at] = vertices;
    draws[at + 1u] = instances;
    draws[at + 2u] = first_vertex;
    draws[at + 3u] = first_instance;
}

@compute @workgroup_size(64)
fn add_up(@builtin(local_invocation_index) b: u32) {
    var sum = 0u;
    if b < BUCKETS {
        for (var group = 0u; group < around.counts.y; group++) {
            let n = counts[group * BUCKETS + b];
            counts[group * BUCKETS + b] = sum;
            sum += n;
        }
        draws[TOTALS_AT + b] = sum;
    }
    totals[b] = sum;
    workgroupBarrier();
    if b >= DRAWN {
        return;
    }
    var base = 0u;
    for (var i = 0u; i < b; i++) {
        base += totals[i];
    }
    draws[BASES_AT + b] = base;
    if b >= MESHES {
        let vertices = select(6u, BURST_VERTICES, b == BURST);
        plain_draw(KINDS_AT + (b - MESHES) * 4u, vertices, sum, 0u, base);
        return;
    }
    let model = models[b / 3u];
    let level = model.levels[b % 3u];
    draws[b * 5u] = level.x;
    draws[b * 5u + 1u] = sum;
    draws[b * 5u + 2u] = level.y;
    draws[b * 5u + 3u] = level.z;
    draws[b * 5u + 4u] = base;
    // A ship's levels follow one another: near ones show all jets, the far ones main engines only.
    if b < SHIPS * 3u && b % 3u == 0u {
        let near = totals[b] + totals[b + 1u];
        plain_draw(JETS_AT + b / 3u * 8u, model.jets * 6u, near, model.jet_first * 6u, base);
        plain_draw(JETS_AT + b / 3u * 8u + 4u, model.nozzles * 6u, totals[b + 2u], model.jet_first * 6u, base + near);
    }
}

var<workgroup> neighbours: array<u32, 64>;

@compute @workgroup_size(64)
fn gather(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    var own = BUCKETS;
    if global.x < around.counts.x {
        own = buckets[global.x];
    }
    neighbours[local] = own;
    workgroupBarrier();
    if own >= DRAWN {
        return;
    }
    var rank = 0u;
    for (var i = 0u; i < local; i++) {
        rank += select(0u, 1u, neighbours[i] == own);
    }
    visible[draws[BASES_AT + own] + counts[group.x * BUCKETS + own] + rank] = global.x;
}
