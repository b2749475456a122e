//!include picture.wgsl
// The glow around what is bright: each level is half as large as the one before, then they are added up again.

@group(0) @binding(0) var from_level: texture_2d_array<f32>;
@group(0) @binding(1) var linear: sampler;

fn tap(uv: vec2<f32>, view: u32) -> vec3<f32> {
    return textureSampleLevel(from_level, linear, uv, view, 0.0).rgb;
}

// Thirteen samples that weigh every texel of a 6 x 6 block: no light is lost between levels, and a point that moves
// does not flicker.
@fragment
fn fragment_down(in: Varyings) -> @location(0) vec4<f32> {
    let t = 1.0 / vec2<f32>(textureDimensions(from_level));
    var inner = vec3<f32>(0.0);
    var outer = vec3<f32>(0.0);
    for (var j = -1; j <= 1; j++) {
        for (var i = -1; i <= 1; i++) {
            let weight = f32((2 - abs(i)) * (2 - abs(j)));
            outer += weight * tap(in.uv + vec2<f32>(f32(i), f32(j)) * 2.0 * t, in.view);
        }
    }
    for (var j = -1; j <= 1; j += 2) {
        for (var i = -1; i <= 1; i += 2) {
            inner += tap(in.uv + vec2<f32>(f32(i), f32(j)) * t, in.view);
        }
    }
    return vec4<f32>(inner * 0.125 + outer * 0.03125, 1.0);
}

// A tent over 3 x 3 texels of the smaller level.
@fragment
fn fragment_up(in: Varyings) -> @location(0) vec4<f32> {
    let t = 1.0 / vec2<f32>(textureDimensions(from_level));
    var sum = vec3<f32>(0.0);
    for (var j = -1; j <= 1; j++) {
        for (var i = -1; i <= 1; i++) {
            sum += f32((2 - abs(i)) * (2 - abs(j))) * tap(in.uv + vec2<f32>(f32(i), f32(j)) * t, in.view);
        }
    }
    return vec4<f32>(sum / 16.0, 1.0);
}
