//!include light.wgsl
//!include noise.wgsl
// Saturn's rings: how dense, how bright, and their shadows.

// Optical depth at a distance from the centre in Saturn's equatorial radii, after the profile measured by Cassini
// (Cuzzi et al. 2018): rings D, C, B, the Cassini division, A with the Encke gap, F.
fn ring_depth(r: f32, footprint: f32) -> f32 {
    let km = r * 60268.0;
    let blur = max(footprint * 60268.0, 60.0);
    let c = smoothstep(74658.0 - blur, 74658.0 + blur, km) * (1.0 - smoothstep(91980.0 - blur, 91980.0 + blur, km));
    let b = smoothstep(91980.0 - blur, 91980.0 + blur, km) * (1.0 - smoothstep(117580.0 - blur, 117580.0 + blur, km));
    let division = smoothstep(117580.0 - blur, 117580.0 + blur, km) * (1.0 - smoothstep(122170.0 - blur, 122170.0 + blur, km));
    let a = smoothstep(122170.0 - blur, 122170.0 + blur, km) * (1.0 - smoothstep(136775.0 - blur, 136775.0 + blur, km));
    let d = smoothstep(66900.0 - blur, 72000.0, km) * (1.0 - smoothstep(74658.0 - blur, 74658.0 + blur, km));
    let encke = exp(-pow((km - 133589.0) / (200.0 + blur), 2.0)) * min(1.0, 325.0 / (200.0 + blur));
    let keeler = exp(-pow((km - 136505.0) / (60.0 + blur), 2.0)) * min(1.0, 40.0 / (60.0 + blur));
    let maxwell = exp(-pow((km - 87500.0) / (170.0 + blur), 2.0));
    let f = exp(-pow((km - 140180.0) / (150.0 + blur), 2.0)) * 0.12 * 150.0 / (150.0 + blur);
    // Ringlets.
    let wave = fractal(vec3<f32>(r * 55.0, 3.7, 1.3), 6, 0.72, footprint * 55.0);
    let coarse = noise(vec3<f32>(r * 14.0, 8.1, 4.2));
    let dense = 1.35 + 0.9 * smoothstep(99000.0, 106000.0, km) + 0.55 * wave + 0.3 * coarse;
    return d * 0.008
        + c * max(0.10 + 0.06 * wave + 0.05 * smoothstep(84000.0, 91000.0, km), 0.03) * (1.0 - 0.7 * maxwell)
        + b * max(dense, 0.55)
        + division * max(0.10 + 0.07 * wave, 0.02)
        + a * max(0.52 + 0.10 * wave + 0.18 * (1.0 - smoothstep(122170.0, 127000.0, km)), 0.2) * (1.0 - encke) * (1.0 - keeler)
        + f;
}

// Share of sunlight that the rings let through to a place on the body, in the body's axes.
fn ring_shadow(b: u32, at: vec3<f32>, sun_dir: vec3<f32>, sun_angle: f32) -> f32 {
    let rings = bodies[b].rings;
    if at.z * sun_dir.z > 0.0 {
        return 1.0;
    }
    let s = -at.z / sun_dir.z;
    let cross_at = at + sun_dir * s;
    let r = length(cross_at.xy);
    if r < rings.x - 0.02 || r > rings.y + 0.02 {
        return 1.0;
    }
    // The Sun's disc blurs the shadow.
    let depth = ring_depth(r, max(sun_angle * s, 0.002));
    return exp(-depth / max(abs(sun_dir.z), 0.03));
}

// Share of sunlight that the body lets through to a place on its rings.
fn body_shadow(at: vec3<f32>, sun_dir: vec3<f32>, sun_angle: f32) -> f32 {
    let ahead = dot(at, sun_dir);
    if ahead > 0.0 {
        return 1.0;
    }
    let past = length(at - sun_dir * ahead) - 1.0;
    let soft = max(sun_angle * -ahead, 0.004);
    return smoothstep(-soft, soft, past);
}

struct RingLight {
    colour: vec3<f32>,
    alpha: f32,
}

// Rings at a place in their plane, seen along `view` (a unit vector away from the eye).
fn ring(b: u32, at: vec3<f32>, view: vec3<f32>, footprint: f32) -> RingLight {
    let r = length(at.xy);
    let depth = ring_depth(r, footprint);
    let sun_dir = normalize(bodies[b].sun.xyz - at);
    let sun_angle = bodies[b].sun.w / length(bodies[b].sun.xyz);
    let mu = max(abs(view.z), 0.02);
    let mu_sun = max(abs(sun_dir.z), 0.004);
    let alpha = 1.0 - exp(-depth / mu);
    let same_side = view.z * sun_dir.z < 0.0;
    // Single scattering by a slab (Chandrasekhar 1960): from the lit side, and through from the other.
    var slab = 0.0;
    if same_side {
        slab = mu_sun / (mu + mu_sun) * (1.0 - exp(-depth * (1.0 / mu + 1.0 / mu_sun)));
    } else {
        let d = mu - mu_sun;
        let near = abs(d) < 0.002;
        slab = select(mu_sun / d * (exp(-depth / mu) - exp(-depth / mu_sun)), depth / mu * exp(-depth / mu), near);
    }
    let c = dot(-view, sun_dir);
    // Icy boulders throw light back, fine dust throws it on.
    let back = 1.05 + 0.55 * pow(max(c, 0.0), 24.0);
    let dust = select(0.0, 0.5 * pow(max(-c, 0.0), 8.0), depth < 0.4);
    let km = r * 60268.0;
    let icy = mix(vec3<f32>(0.62, 0.55, 0.46), vec3<f32>(0.90, 0.80, 0.66), smoothstep(88000.0, 100000.0, km));
    let tint = mix(icy, vec3<f32>(0.82, 0.76, 0.68), smoothstep(117000.0, 124000.0, km));
    let bright = tint * (1.0 + 0.10 * noise(vec3<f32>(r * 90.0, 1.0, 2.0)) * (1.0 - smoothstep(0.003, 0.01, footprint)));
    let lit = abs(slab) * (back + dust) * body_shadow(at, sun_dir, sun_angle);
    // The body's day side lights its rings a little.
    return RingLight(bodies[b].light.rgb * eclipse(b, at) * bright * lit * 1.25, alpha);
}
