//!include frame.wgsl
// How dark comfort makes the picture: far from the middle, or all of it. Whatever writes to the finished picture
// multiplies its light by this, so no pass has to go over the picture once more.

// Share of light that is left at a place of an eye's picture, 0 to 1 from left to right and from top to bottom.
fn light_left(view: u32, uv: vec2<f32>) -> f32 {
    let t = frame.eyes[view].tangents;
    let at = mix(t.xz, t.yw, uv);
    let past = clamp((dot(at, at) - frame.comfort.x) * frame.comfort.y, 0.0, 1.0);
    return 1.0 - max(past * past * (3.0 - 2.0 * past), frame.comfort.z);
}
