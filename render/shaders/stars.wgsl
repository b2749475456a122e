//!include relativity.wgsl
// Stars as spots of light at their true places: the spot is wider than a pixel, so it neither flickers nor snaps.

struct Star {
    // Unit vector, ICRF.
    direction: vec3<f32>,
    // Light relative to a star of magnitude 0.
    flux: f32,
    // Linear sRGB, brightness 1.
    colour: vec3<f32>,
    // Of its light, kelvin; 0 for what shines in sunlight.
    kelvin: f32,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> stars: array<Star>;

// Of the spot, in pixels.
const SIGMA: f32 = 0.62;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) offset_px: vec2<f32>,
    @location(1) @interpolate(flat) peak: vec3<f32>,
}

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let star = stars[instance];
    var light = star.colour * star.flux * frame.star_flux;
    if !at_rest() {
        let factor = doppler(star.direction);
        // A point's light shrinks with the patch of sky that it stands for.
        if star.kelvin > 0.0 {
            let more = exp(min(black_body(star.kelvin * factor).a - black_body(star.kelvin).a, 40.0));
            light = black_body(star.kelvin * factor).rgb * star.flux * frame.star_flux * more / (factor * factor);
        } else {
            light *= shifted(SUN_K, factor) / (factor * factor);
        }
    }
    let peak_colour = light / (6.2831853 * SIGMA * SIGMA);
    let peak = dot(peak_colour, vec3<f32>(0.2126, 0.7152, 0.0722));
    // To where the spot is too dim to be seen.
    let radius = SIGMA * sqrt(max(2.0 * log(max(peak, 0.0) / 0.0004), 0.0)) + 0.5;
    let offset = square(vertex) * radius;
    // A direction has no fourth component: it is infinitely far.
    var position = frame.eyes[view].clip_from_world * vec4<f32>(aberrated(star.direction), 0.0);
    position = vec4<f32>(position.xy + offset * 2.0 / frame.size * position.w, position.zw);
    return Varyings(position, offset, peak_colour);
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let spot = exp(-dot(in.offset_px, in.offset_px) / (2.0 * SIGMA * SIGMA));
    return vec4<f32>(in.peak * spot, 0.0);
}
