//!include drawn.wgsl
// Exhaust of main engines and manoeuvring thrusters: a glow along the jet that faces the eye.

struct Jet {
    // Where it leaves the hull and which way, model axes; its radius there, model metres.
    place: vec3<f32>,
    radius: f32,
    direction: vec3<f32>,
    // 0 for a main engine; 1, 2, 3 for a thruster that pushes along x, y, z, negative for the other way.
    kind: f32,
}

@group(0) @binding(6) var<storage, read> jets: array<Jet>;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    // Along the jet in lengths and across it in half widths.
    @location(0) at: vec2<f32>,
    @location(1) @interpolate(flat) colour: vec3<f32>,
    // Share of its length at which its round ends begin.
    @location(2) @interpolate(flat) cap: f32,
}

// Lengths of a jet at full power in its radii; it never reaches beyond `JET_REACH` of `cull.wgsl`.
const MAIN_LONG: f32 = 16.0;
const PUFF_LONG: f32 = 9.0;

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let thing = things[visible[instance]];
    let jet = jets[vertex / 6u];
    let thrust = unpack4x8snorm(thing.thrust);
    var power = thrust.w;
    let is_main = jet.kind == 0.0;
    if !is_main {
        power = thrust[u32(abs(jet.kind)) - 1u] * sign(jet.kind);
    }
    if power <= 0.004 {
        return Varyings(vec4<f32>(0.0, 0.0, 0.0, 1.0), vec2<f32>(0.0), vec3<f32>(0.0), 1.0);
    }
    let scale = models[thing.model].scale * thing.radius_m;
    let radius = jet.radius * scale;
    let start = thing.position_m + rotate(thing.turn, jet.place * scale);
    let direction = rotate(thing.turn, jet.direction);
    let eye = frame.eyes[view];
    let to = normalize(start - eye.offset_m.xyz);
    // What is seen of the jet's length.
    let slanted = direction - to * dot(direction, to);
    let sine = length(slanted);
    let along = select(normalize(cross(to, eye.right.xyz)), slanted / sine, sine > 1e-3);
    let across = cross(to, along);
    let full = select(PUFF_LONG, MAIN_LONG, is_main) * (0.35 + 0.65 * power) * radius;
    let wide = radius * select(2.2, 2.0, is_main);
    // Seen from behind it is a disc; a thin one at an angle is as bright as it is deep.
    let seen = max(full * sine, wide);
    let corner = square(vertex % 6u);
    let x = select(-wide, seen, corner.x > 0.0);
    let world = start + along * x + across * (corner.y * wide);
    let deep = 1.0 + 1.5 * (1.0 - sine);
    let colour = select(vec3<f32>(0.85, 0.9, 1.0) * 0.8, vec3<f32>(0.30, 0.55, 1.0) * 7.0, is_main);
    return Varyings(
        eye.clip_from_world * vec4<f32>(boosted_place(world), 1.0), vec2<f32>(x / seen, corner.y), colour * power * deep, wide / seen,
    );
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    // Before the nozzle it rounds off; behind it grows wide and thin.
    let x = max(in.at.x, 0.0);
    let before = min(in.at.x, 0.0) / in.cap;
    let wide = 0.42 + 0.58 * x;
    let r2 = (in.at.y * in.at.y + before * before * 2.0) / (wide * wide);
    let thin = (1.0 - x) * (1.0 - x);
    let share = exp(-3.2 * r2) * thin * max(1.0 - in.at.y * in.at.y, 0.0) * max(1.0 + before, 0.0);
    let core = exp(-14.0 * r2) * thin * thin;
    return vec4<f32>(in.colour * (0.35 * share + core) + vec3<f32>(dot(in.colour, vec3<f32>(0.25))) * core, 0.0);
}
