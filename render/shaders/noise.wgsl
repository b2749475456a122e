// Noise that is the same on every device: integer hashes, and only + - * of floats.

fn hash3(p: vec3<i32>) -> u32 {
    var h = bitcast<u32>(p.x) * 0x8DA6B343u ^ bitcast<u32>(p.y) * 0xD8163841u ^ bitcast<u32>(p.z) * 0xCB1AB31Fu;
    h = (h ^ (h >> 15u)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 13u)) * 0x297A2D39u;
    return h ^ (h >> 16u);
}

// Dot product of a pseudo-random gradient at a lattice point with the way from there.
fn gradient(cell: vec3<i32>, d: vec3<f32>) -> f32 {
    let h = hash3(cell);
    // Three signed numbers from one hash: no unit vector, but no direction is preferred visibly.
    let g = vec3<f32>(f32(h & 1023u), f32((h >> 10u) & 1023u), f32((h >> 20u) & 1023u)) * (2.0 / 1023.0) - 1.0;
    return dot(g, d);
}

// Gradient noise, about -1 to 1, with features about as large as 1.
fn noise(p: vec3<f32>) -> f32 {
    let f = floor(p);
    let c = vec3<i32>(f);
    let d = p - f;
    let u = d * d * d * (d * (d * 6.0 - 15.0) + 10.0);
    let x00 = mix(gradient(c, d), gradient(c + vec3<i32>(1, 0, 0), d - vec3<f32>(1.0, 0.0, 0.0)), u.x);
    let x10 = mix(gradient(c + vec3<i32>(0, 1, 0), d - vec3<f32>(0.0, 1.0, 0.0)), gradient(c + vec3<i32>(1, 1, 0), d - vec3<f32>(1.0, 1.0, 0.0)), u.x);
    let x01 = mix(gradient(c + vec3<i32>(0, 0, 1), d - vec3<f32>(0.0, 0.0, 1.0)), gradient(c + vec3<i32>(1, 0, 1), d - vec3<f32>(1.0, 0.0, 1.0)), u.x);
    let x11 = mix(gradient(c + vec3<i32>(0, 1, 1), d - vec3<f32>(0.0, 1.0, 1.0)), gradient(c + vec3<i32>(1, 1, 1), d - vec3<f32>(1.0, 1.0, 1.0)), u.x);
    return mix(mix(x00, x10, u.y), mix(x01, x11, u.y), u.z) * 1.2;
}

// Octaves of noise, each finer by 2.03 and weaker by `gain`; those finer than twice `footprint` (in the units of `p`)
// fade out, so that nothing pops and nothing shimmers.
fn fractal(p: vec3<f32>, octaves: i32, gain: f32, footprint: f32) -> f32 {
    var sum = 0.0;
    var weight = 1.0;
    var scale = 1.0;
    for (var i = 0; i < octaves; i++) {
        let shown = 1.0 - smoothstep(0.25, 0.6, footprint * scale);
        if shown <= 0.0 {
            break;
        }
        sum += shown * weight * noise(p * scale + f32(i) * 17.3);
        weight *= gain;
        scale *= 2.03;
    }
    return sum;
}

// Three of them at once: lavapipe 22.3 compiles a shader of two dozen loops for minutes.
fn fractal3(a: vec3<f32>, b: vec3<f32>, c: vec3<f32>, octaves: i32, gain: f32, footprint: f32) -> vec3<f32> {
    var sum = vec3<f32>(0.0);
    var weight = 1.0;
    var scale = 1.0;
    for (var i = 0; i < octaves; i++) {
        let shown = 1.0 - smoothstep(0.25, 0.6, footprint * scale);
        if shown <= 0.0 {
            break;
        }
        let other = f32(i) * 17.3;
        sum += shown * weight * vec3<f32>(noise(a * scale + other), noise(b * scale + other), noise(c * scale + other));
        weight *= gain;
        scale *= 2.03;
    }
    return sum;
}

// As `fractal`, folded at zero: crests like mountain ranges, 0 to about 1.
fn ridges(p: vec3<f32>, octaves: i32, gain: f32, footprint: f32) -> f32 {
    var sum = 0.0;
    var weight = 0.5;
    var scale = 1.0;
    for (var i = 0; i < octaves; i++) {
        let shown = 1.0 - smoothstep(0.25, 0.6, footprint * scale);
        if shown <= 0.0 {
            break;
        }
        let n = 1.0 - abs(noise(p * scale + f32(i) * 11.7));
        sum += shown * weight * n * n + (1.0 - shown) * weight * 0.6;
        weight *= gain;
        scale *= 2.11;
    }
    return sum;
}
