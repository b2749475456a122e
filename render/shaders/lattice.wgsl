//!include relativity.wgsl
//!include segment.wgsl
// A grid on a plane under the camera that sinks toward masses. It is a picture of their potentials and no measure.
// It is at rest in the world, so a fast eye sees it where it sees the masses; its colours are an instrument's and stay.

struct Lattice {
    // From the camera to a crossing of two lines, metres; the grid's spacing.
    node: vec4<f32>,
    // The plane's axes and its normal, upward; how much of every second line is seen (lines of the first axis, of the
    // second: by the parity of the node), and how far the grid reaches.
    across: vec4<f32>,
    beside: vec4<f32>,
    normal: vec4<f32>,
    // How deep the deepest well is, how wide wells are at least, metres; half the width of lines, pixels; wells.
    shape: vec4<f32>,
    // Wells: from the camera, metres; weight 0 to 1.
    wells: array<vec4<f32>, 6>,
    // Radii of the masses within which wells get no deeper, metres.
    cores: array<vec4<f32>, 6>,
    // Of the node along both axes, 0 or 1; how much of odd lines is seen.
    parity: vec4<f32>,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> lattice: Lattice;

// Lines to each side of the node, and segments between two lines.
const LINES: i32 = 27;
const STEPS: i32 = 4;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(linear) across_px: f32,
    @location(1) colour: vec4<f32>,
}

// A place of the grid, in spacings from the node: where it is, and how deep it sank, 0 to 1.
fn sunk(at: vec2<f32>) -> vec4<f32> {
    let flat = lattice.node.xyz + (lattice.across.xyz * at.x + lattice.beside.xyz * at.y) * lattice.node.w;
    var depth = 0.0;
    for (var i = 0; i < 6; i++) {
        let away = max(distance(flat, lattice.wells[i].xyz) - lattice.cores[i].x, 0.0);
        depth += lattice.wells[i].w * lattice.shape.y / (away + lattice.shape.y);
    }
    return vec4<f32>(flat - lattice.normal.xyz * depth * lattice.shape.x, min(depth, 1.0));
}

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let per_line = 2 * LINES * STEPS;
    let line = i32(instance) / per_line;
    let step = i32(instance) % per_line;
    let first_axis = line <= 2 * LINES;
    let which = f32(select(line - 2 * LINES - 1, line, first_axis) - LINES);
    let first = f32(step) / f32(STEPS) - f32(LINES);
    let last = f32(step + 1) / f32(STEPS) - f32(LINES);
    let a = sunk(select(vec2<f32>(which, first), vec2<f32>(first, which), first_axis));
    let b = sunk(select(vec2<f32>(which, last), vec2<f32>(last, which), first_axis));
    let corner = segment(frame.eyes[view], boosted_place(a.xyz), boosted_place(b.xyz), 0.0, lattice.shape.z, 0.0, vertex);
    let end = select(a, b, square(vertex).x > 0.0);
    let parity = select(lattice.parity.x, lattice.parity.y, first_axis);
    let odd = abs(which + parity) % 2.0 > 0.5;
    // It gets thin where it ends.
    let reach = length(end.xyz - lattice.normal.xyz * dot(end.xyz, lattice.normal.xyz)) / lattice.normal.w;
    let seen = (1.0 - smoothstep(0.35, 1.0, reach)) * select(1.0, lattice.parity.z, odd) * corner.shown;
    let colour = mix(vec3<f32>(0.05, 0.32, 0.62), vec3<f32>(0.75, 0.22, 0.85), smoothstep(0.08, 0.7, end.w));
    return Varyings(corner.position, corner.at_px.y, vec4<f32>(colour, seen));
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let half_px = lattice.shape.z;
    let covered = clamp(half_px + 0.5 - abs(in.across_px), 0.0, min(1.0, 2.0 * half_px));
    return vec4<f32>(in.colour.rgb * covered * in.colour.a, 0.0);
}
