//!include frame.wgsl
// The cockpit around the pilot, in the ship's axes (x forward, y left, z up) from between the eyes. It moves with the
// eye, so nothing of it is aberrated or shifted.

struct Cockpit {
    // Quaternion that turns the ship's axes into the world's.
    turn: vec4<f32>,
    // Where the Sun is seen, and the sunlight that is left of it.
    sun: vec4<f32>,
    // Where the nearest body is; with it the Sun's radius, radians.
    body: vec4<f32>,
    // Light from that body; with it the lamps' brightness, 0 to 1.
    shine: vec4<f32>,
    // Light that goes around within; with it how many panes there are.
    around: vec4<f32>,
    // Four corners each, counter-clockwise seen from within.
    panes: array<vec4<f32>, 48>,
}

struct Vertex {
    place: vec3<f32>,
    roughness: f32,
    normal: vec3<f32>,
    pad: f32,
    colour: vec3<f32>,
    pad1: f32,
    emissive: vec3<f32>,
    pad2: f32,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> cockpit: Cockpit;
@group(0) @binding(2) var<storage, read> vertices: array<Vertex>;

// Where the light of the instruments comes from, and its colour.
const LAMPS: vec3<f32> = vec3<f32>(0.58, 0.0, -0.30);
const LAMPLIGHT: vec3<f32> = vec3<f32>(0.075, 0.125, 0.15);
// Light of all stars.
const STARLIGHT: f32 = 0.004;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) colour: vec4<f32>,
    // What does not come from the Sun.
    @location(3) light: vec3<f32>,
    // From the eye.
    @location(4) seen: vec3<f32>,
}

fn rotate(q: vec4<f32>, v: vec3<f32>) -> vec3<f32> {
    let t = 2.0 * cross(q.xyz, v);
    return v + q.w * t + cross(q.xyz, t);
}

// Share of the Sun that is seen through the panes. A pane is the pyramid over its edges, as deep as one likes; at an edge
// the Sun's disc sinks behind the frame.
fn through_panes(place: vec3<f32>) -> f32 {
    // From a hair within, since the frame's bars stand between the panes.
    let p = place * 0.97;
    let l = cockpit.sun.xyz;
    let soft = cockpit.body.w + 0.004;
    var open = 0.0;
    for (var pane = 0; pane < 12; pane++) {
        if f32(pane) >= cockpit.around.w {
            break;
        }
        var share = 1.0;
        var from_corner = cockpit.panes[4 * pane + 3].xyz - p;
        for (var i = 0; i < 4; i++) {
            let to_corner = cockpit.panes[4 * pane + i].xyz - p;
            let side = cross(to_corner, from_corner);
            share *= smoothstep(-soft, soft, dot(side, l) * inverseSqrt(max(dot(side, side), 1e-12)));
            from_corner = to_corner;
        }
        open += share;
    }
    return min(open, 1.0);
}

fn clip(eye: Eye, v: Vertex) -> vec4<f32> {
    var position = eye.clip_from_world * vec4<f32>(rotate(cockpit.turn, v.place), 1.0);
    // The nearer half of all depths: nothing outside is nearer, however near it is.
    position.z = 0.5 * (position.z + position.w);
    return position;
}

// Light that does not come from the Sun.
fn steady(v: Vertex) -> vec3<f32> {
    let to_lamps = LAMPS - v.place;
    let d2 = dot(to_lamps, to_lamps);
    let lit = max(dot(v.normal, to_lamps) * inverseSqrt(d2), 0.0) / (d2 + 0.05);
    // Deep down little gets in.
    let high = mix(0.15, 1.0, smoothstep(-0.9, 0.1, v.place.z));
    let facing = 0.5 + 0.5 * dot(v.normal, cockpit.body.xyz);
    let falls = cockpit.shine.rgb * facing * facing * high + cockpit.around.rgb * high + STARLIGHT + LAMPLIGHT * lit * cockpit.shine.w;
    return v.colour * falls + v.emissive * cockpit.shine.w;
}

@vertex
fn vertex_main(@builtin(vertex_index) index: u32, @builtin(view_index) view: u32) -> Varyings {
    let v = vertices[index];
    let eye = frame.eyes[view];
    let turned = vec4<f32>(-cockpit.turn.xyz, cockpit.turn.w);
    let seen = v.place - rotate(turned, eye.offset_m.xyz);
    return Varyings(clip(eye, v), v.place, v.normal, vec4<f32>(v.colour, v.roughness), steady(v), seen);
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    var light = in.light;
    let n = normalize(in.normal);
    let l = cockpit.sun.xyz;
    let up = dot(n, l) * cockpit.sun.w;
    if up > 0.0 {
        let h = normalize(l - normalize(in.seen));
        let smoothness = 1.0 - in.colour.w;
        let sheen = 0.6 * smoothness * smoothness * pow(max(dot(n, h), 0.0), 4.0 + 60.0 * smoothness);
        light += (in.colour.rgb + sheen) * up * through_panes(in.place);
    }
    return vec4<f32>(min(light, vec3<f32>(60000.0)), 1.0);
}

// The same where time is short: light goes evenly from corner to corner.

struct Plain {
    @builtin(position) position: vec4<f32>,
    @location(0) light: vec3<f32>,
}

@vertex
fn vertex_plain(@builtin(vertex_index) index: u32, @builtin(view_index) view: u32) -> Plain {
    let v = vertices[index];
    let up = max(dot(v.normal, cockpit.sun.xyz), 0.0) * cockpit.sun.w;
    return Plain(clip(frame.eyes[view], v), steady(v) + v.colour * up * through_panes(v.place));
}

@fragment
fn fragment_plain(in: Plain) -> @location(0) vec4<f32> {
    return vec4<f32>(min(in.light, vec3<f32>(60000.0)), 1.0);
}
