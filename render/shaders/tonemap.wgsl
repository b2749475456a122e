//!include picture.wgsl
//!include comfort.wgsl
// From linear light to what a screen shows: bloom, a filmic curve, and dither. The target's format applies sRGB.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var colour: texture_2d_array<f32>;
@group(0) @binding(2) var bloom: texture_2d_array<f32>;
@group(0) @binding(3) var linear: sampler;

// Fit of the Academy's reference and display transform by Stephen Hill (2016), for linear sRGB in and out.
fn filmic(c: vec3<f32>) -> vec3<f32> {
    let into = mat3x3<f32>(0.59719, 0.07600, 0.02840, 0.35458, 0.90834, 0.13383, 0.04823, 0.01566, 0.83777);
    let out = mat3x3<f32>(1.60475, -0.10208, -0.00327, -0.53108, 1.10813, -0.07276, -0.07367, -0.00605, 1.07602);
    let v = into * c;
    let a = v * (v + 0.0245786) - 0.000090537;
    let b = v * (0.983729 * v + 0.4329510) + 0.238081;
    return clamp(out * (a / b), vec3<f32>(0.0), vec3<f32>(1.0));
}

fn hash(p: vec2<u32>) -> f32 {
    var h = p.x * 0x9E3779B1u ^ p.y * 0x85EBCA77u;
    h = (h ^ (h >> 15u)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12u)) * 0x297A2D39u;
    return f32((h ^ (h >> 15u)) >> 8u) / 16777216.0;
}

// Light at a place as a screen shows it, linear; `glow` is the lens's.
fn shown(uv: vec2<f32>, view: u32, glow: vec3<f32>) -> vec3<f32> {
    let light = textureSampleLevel(colour, linear, uv, view, 0.0).rgb;
    let lens = light + glow * frame.bloom;
    // The curve takes away some colour; this gives it back.
    let grey = dot(lens, vec3<f32>(0.2126, 0.7152, 0.0722));
    return filmic(max(mix(vec3<f32>(grey), lens, 1.22), vec3<f32>(0.0)));
}

fn lens_glow(in: Varyings) -> vec3<f32> {
    return textureSampleLevel(bloom, linear, in.uv, in.view, 0.0).rgb;
}

// Darkened for comfort, and dithered: about half a step of the screen's 8 bits, in the screen's own scale, hides bands in
// dark gradients.
fn finished(in: Varyings, colour: vec3<f32>) -> vec4<f32> {
    let mapped = colour * light_left(in.view, in.uv);
    let noise = hash(vec2<u32>(in.position.xy)) - 0.5;
    let slope = max(2.1 * sqrt(mapped), vec3<f32>(0.07));
    return vec4<f32>(max(mapped + noise * slope / 255.0, vec3<f32>(0.0)), 1.0);
}

// One drawn pixel or less for each of the picture. By itself, since on a device of software a loop costs as much as all
// that is in it.
@fragment
fn fragment_one(in: Varyings) -> @location(0) vec4<f32> {
    return finished(in, shown(in.uv, in.view, lens_glow(in)));
}

// Several: as many samples as the picture was drawn with per pixel, each mapped before they are averaged.
@fragment
fn fragment_many(in: Varyings) -> @location(0) vec4<f32> {
    let step = vec2<f32>(abs(dpdx(in.uv.x)), abs(dpdy(in.uv.y)));
    let taps = clamp(i32(round(step.x * frame.size.x)), 1, 4);
    let glow = lens_glow(in);
    var sum = vec3<f32>(0.0);
    for (var j = 0; j < taps; j++) {
        for (var i = 0; i < taps; i++) {
            let offset = (vec2<f32>(f32(i), f32(j)) + 0.5) / f32(taps) - 0.5;
            sum += shown(in.uv + offset * step, in.view, glow);
        }
    }
    return finished(in, sum / f32(taps * taps));
}
