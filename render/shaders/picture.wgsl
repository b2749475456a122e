//!include frame.wgsl
// The vertex stage of passes that go over the whole picture.

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) uv: vec2<f32>,
    // From the vertex stage: lavapipe draws every eye into the first one's layer where that stage does not ask for it.
    @location(1) @interpolate(flat) view: u32,
}

@vertex
fn vertex_main(@builtin(vertex_index) vertex: u32, @builtin(view_index) view: u32) -> Varyings {
    let at = square(vertex);
    return Varyings(vec4<f32>(at, 0.0, 1.0), at * 0.5 + 0.5, view);
}
