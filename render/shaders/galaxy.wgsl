//!include relativity.wgsl
//!include noise.wgsl
// The glow of the Milky Way: a disc and a bulge of stars too faint to be drawn one by one, with lanes of dust.

@group(0) @binding(0) var<uniform> frame: Frame;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) direction: vec3<f32>,
}

@vertex
fn vertex_main(@builtin(vertex_index) vertex: u32, @builtin(view_index) view: u32) -> Varyings {
    let at = square(vertex);
    return Varyings(vec4<f32>(at, 0.0, 1.0), ray(frame.eyes[view], at));
}

// To galactic axes: x to the galactic centre, z to the galactic pole (ESA 1997, The Hipparcos Catalogue, vol. 1,
// equation 1.5.11).
fn galactic(d: vec3<f32>) -> vec3<f32> {
    return vec3<f32>(
        dot(d, vec3<f32>(-0.0548756, -0.8734371, -0.4838350)),
        dot(d, vec3<f32>(0.4941094, -0.4448296, 0.7469822)),
        dot(d, vec3<f32>(-0.8676661, -0.1980764, 0.4559838)),
    );
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let rest = unaberrated(normalize(in.direction));
    let g = galactic(rest);
    let toward = g.x;
    // Brighter and thicker toward the centre.
    let thickness = 0.085 + 0.075 * smoothstep(-0.4, 1.0, toward);
    let wobble = 0.5 * fractal(g * 2.3 + 4.0, 3, 0.5, 0.0);
    let latitude = g.z / thickness + 0.35 * wobble;
    let disc = exp(-abs(latitude) * 1.25) * (0.28 + 0.72 * smoothstep(-0.9, 1.0, toward));
    let bulge = exp(-dot(vec2<f32>(g.y * 2.6, g.z * 4.2), vec2<f32>(g.y * 2.6, g.z * 4.2))) * smoothstep(0.3, 1.0, toward);
    let clouds = 0.75 + 0.55 * fractal(g * vec3<f32>(6.0, 6.0, 9.0), 5, 0.55, 0.0);
    // Dust lies closer to the plane than stars do, in filaments.
    let filaments = ridges(g * vec3<f32>(4.2, 4.2, 8.5) + 9.0, 5, 0.55, 0.0);
    let lane = exp(-pow(abs(g.z + 0.012 * wobble) / (0.05 + 0.035 * filaments), 2.0));
    let dust = smoothstep(0.38, 0.95, filaments) * lane * (0.45 + 0.55 * smoothstep(-0.6, 0.9, toward));
    let light = (disc + 1.1 * bulge) * max(clouds, 0.0) * (1.0 - 0.88 * dust);
    let warm = mix(vec3<f32>(0.72, 0.82, 1.0), vec3<f32>(1.0, 0.84, 0.66), clamp(bulge * 1.2 + 0.35 * disc + 0.4 * dust, 0.0, 1.0));
    return vec4<f32>(warm * light * frame.star_flux * 0.0031 * shifted_sunlight(rest), 0.0);
}
