//!include noise.wgsl
// Relief of rocky bodies: craters of all sizes and rough ground, with their slopes.

// A height and its gradient.
struct Relief {
    height: f32,
    slope: vec3<f32>,
}

fn random(h: u32, k: u32) -> f32 {
    var x = h + k * 0x9E3779B9u;
    x = (x ^ (x >> 16u)) * 0x7FEB352Du;
    x = (x ^ (x >> 15u)) * 0x846CA68Bu;
    return f32((x ^ (x >> 16u)) >> 8u) / 16777216.0;
}

// Craters about 0.3 to 1 across, in the units of `p`.
fn crater_layer(p: vec3<f32>, often: f32) -> Relief {
    var sum = Relief(0.0, vec3<f32>(0.0));
    let base = vec3<i32>(floor(p - 0.5));
    for (var i = 0; i < 8; i++) {
        let cell = base + vec3<i32>(i & 1, (i >> 1u) & 1, i >> 2u);
        let h = hash3(cell);
        if random(h, 0u) > often {
            continue;
        }
        let centre = vec3<f32>(cell) + 0.25 + 0.5 * vec3<f32>(random(h, 1u), random(h, 2u), random(h, 3u));
        let shape = random(h, 4u);
        let radius = 0.14 + 0.34 * shape * shape;
        let d = p - centre;
        let distance = length(d);
        let t = distance / radius;
        if t > 1.45 || distance < 1e-4 {
            continue;
        }
        // A bowl with a flat floor where large, and a rim that falls off outside.
        let fresh = 0.35 + 0.65 * random(h, 5u);
        let bowl = max(1.0 - t * t, 0.0);
        let rim = exp(-(t - 1.0) * (t - 1.0) / 0.03);
        // Large ones have a peak in the middle.
        let peak = select(0.0, 0.16 * exp(-t * t / 0.02), shape > 0.45);
        let height = -0.5 * bowl * bowl + 0.22 * rim + peak;
        let rate = select(0.0, 2.0 * t * bowl, t < 1.0) - 0.22 * rim * 2.0 * (t - 1.0) / 0.03 - peak * 2.0 * t / 0.02;
        sum.height += fresh * radius * height;
        sum.slope += fresh * rate * d / distance;
    }
    return sum;
}

// Craters from `scale` cells a radius on, each layer 1.83 times finer, `layers` of them; what is finer than the
// footprint fades out.
fn craters(p: vec3<f32>, scale: f32, layers: i32, often: f32, footprint: f32) -> Relief {
    var sum = Relief(0.0, vec3<f32>(0.0));
    var size = scale;
    for (var i = 0; i < layers; i++) {
        let shown = 1.0 - smoothstep(0.08, 0.25, footprint * size);
        if shown <= 0.0 {
            break;
        }
        let layer = crater_layer(p * size + f32(i) * 31.7, often);
        sum.height += shown * layer.height / size;
        sum.slope += shown * layer.slope;
        size *= 1.83;
    }
    return sum;
}

// Rough ground from noise, by differences.
fn rough(p: vec3<f32>, scale: f32, octaves: i32, footprint: f32) -> Relief {
    let e = max(0.5 * footprint, 1e-6);
    let f = footprint * scale;
    let h = fractal(p * scale, octaves, 0.5, f);
    let x = (p + vec3<f32>(e, 0.0, 0.0)) * scale;
    let y = (p + vec3<f32>(0.0, e, 0.0)) * scale;
    let z = (p + vec3<f32>(0.0, 0.0, e)) * scale;
    return Relief(h, (fractal3(x, y, z, octaves, 0.5, f) - h) / (e * scale));
}

// The normal of a sphere with that relief: the slope across, taken off.
fn tilted(normal: vec3<f32>, slope: vec3<f32>) -> vec3<f32> {
    return normalize(normal - (slope - normal * dot(slope, normal)));
}

// A place by latitude and longitude, degrees.
fn place(latitude: f32, longitude: f32) -> vec3<f32> {
    let a = radians(latitude);
    let o = radians(longitude);
    return vec3<f32>(cos(a) * cos(o), cos(a) * sin(o), sin(a));
}

// 1 inside of a circle on the sphere, 0 outside, with a soft edge; radius and edge in degrees. `p` may be bent.
fn patch_at(p: vec3<f32>, circle: vec3<f32>, edge: f32) -> f32 {
    let apart = degrees(2.0 * asin(min(0.5 * distance(p, place(circle.x, circle.y)), 1.0)));
    return 1.0 - smoothstep(circle.z - edge, circle.z + edge, apart);
}
