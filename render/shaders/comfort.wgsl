//!include picture.wgsl
// Darkens what is far from the middle, or all of the picture.

@group(0) @binding(0) var<uniform> frame: Frame;
// Half the angle that stays clear and the one from which on all is dark, radians; how dark all of it is.
@group(0) @binding(1) var<uniform> comfort: vec4<f32>;

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let t = frame.eyes[in.view].tangents;
    let at = vec2<f32>(mix(t.x, t.y, in.uv.x), mix(t.z, t.w, in.uv.y));
    let dark = smoothstep(comfort.x, comfort.y, atan(length(at)));
    return vec4<f32>(0.0, 0.0, 0.0, max(dark, comfort.z));
}
