//!include relativity.wgsl
//!include segment.wgsl
// Lines of one width at any distance, with smooth edges.

struct Point {
    // From the camera, metres.
    place: vec3<f32>,
    // Half the width in pixels of the segment that begins here; 0 where a line ends.
    half_px: f32,
    // Linear sRGB and opacity.
    colour: vec4<f32>,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> points: array<Point>;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(linear) across_px: f32,
    @location(1) @interpolate(flat) half_px: f32,
    @location(2) colour: vec4<f32>,
}

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let a = points[instance];
    let b = points[instance + 1u];
    if a.half_px == 0.0 {
        return Varyings(vec4<f32>(0.0, 0.0, 0.0, 1.0), 0.0, 0.0, vec4<f32>(0.0));
    }
    let corner = segment(frame.eyes[view], boosted_place(a.place), boosted_place(b.place), 0.0, a.half_px, 0.0, vertex);
    let colour = select(a.colour, b.colour, square(vertex).x > 0.0) * corner.shown;
    return Varyings(corner.position, corner.at_px.y, a.half_px, colour);
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    // A line thinner than a pixel is fainter.
    let covered = clamp(in.half_px + 0.5 - abs(in.across_px), 0.0, min(1.0, 2.0 * in.half_px));
    let alpha = covered * in.colour.a;
    return vec4<f32>(in.colour.rgb * alpha, alpha);
}
