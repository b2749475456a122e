//!include things.wgsl
// A lit cube for each thing, and nothing else: what the reference scene is measured against.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> things: array<Thing>;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) normal: vec3<f32>,
    @location(1) colour: vec3<f32>,
}

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let thing = things[instance];
    // Six faces, two triangles each.
    let face = vertex / 6u;
    let at = square(vertex % 6u);
    let sign = f32(face & 1u) * 2.0 - 1.0;
    var normal = vec3<f32>(sign, 0.0, 0.0);
    var corner = vec3<f32>(sign, at.x, at.y * sign);
    if face / 2u == 1u {
        normal = normal.zxy;
        corner = corner.zxy;
    } else if face / 2u == 2u {
        normal = normal.yzx;
        corner = corner.yzx;
    }
    let world = thing.position_m + rotate(thing.turn, corner) * thing.radius_m;
    return Varyings(
        frame.eyes[view].clip_from_world * vec4<f32>(world, 1.0),
        rotate(thing.turn, normal),
        unpack4x8unorm(thing.tint).rgb,
    );
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let light = max(dot(normalize(in.normal), vec3<f32>(-0.8, -0.5, 0.33)), 0.0);
    return vec4<f32>(in.colour * (0.02 + light), 1.0);
}
