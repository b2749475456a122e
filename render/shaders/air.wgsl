//!include light.wgsl
// Single scattering of sunlight in a body's air along a ray.

struct Scattered {
    light: vec3<f32>,
    through: vec3<f32>,
}

// How much air a straight way out meets, over that of the way straight up, for air that thins out by e in one unit:
// `x` is the distance from the centre in those units, `c` the cosine from the zenith (Schueler 2012, "An Approximation
// to the Chapman Grazing-Incidence Function", GPU Pro 3).
fn chapman(x: f32, c: f32) -> f32 {
    let k = sqrt(1.5707963 * x);
    if c >= 0.0 {
        return k / ((k - 1.0) * c + 1.0);
    }
    let x0 = sqrt(max(1.0 - c * c, 0.0)) * x;
    let k0 = sqrt(1.5707963 * x0);
    return 2.0 * k0 * exp(min(x - x0, 60.0)) - k / (1.0 - (k - 1.0) * c);
}

// What is left of sunlight that reaches `at`, in round space.
fn sunlight_at(b: u32, at: vec3<f32>, sun_dir: vec3<f32>) -> vec3<f32> {
    let molecules = bodies[b].molecules;
    let haze = bodies[b].haze;
    let r = length(at);
    let c = dot(at / r, sun_dir);
    let h = max(r - 1.0, 0.0);
    let m = exp(-h / molecules.w) * molecules.w * chapman(r / molecules.w, c);
    let z = exp(-h / haze.w) * haze.w * chapman(r / haze.w, c);
    let depth = molecules.rgb * m + haze.rgb * z + bodies[b].absorbed.rgb * m;
    return exp(-min(depth, vec3<f32>(80.0)));
}

// Along origin + s * direction (a unit vector) from `near` to `far`, in round space.
fn scatter(b: u32, origin: vec3<f32>, direction: vec3<f32>, near: f32, far: f32, sun_dir: vec3<f32>) -> Scattered {
    let molecules = bodies[b].molecules;
    let haze = bodies[b].haze;
    let absorbed = bodies[b].absorbed.rgb;
    let c = dot(direction, sun_dir);
    let phase_molecules = 0.0596831 * (1.0 + c * c);
    // Cornette and Shanks 1992, g = 0.76.
    let g = 0.76;
    let phase_haze = 0.1193662 * ((1.0 - g * g) * (1.0 + c * c)) / ((2.0 + g * g) * pow(1.0 + g * g - 2.0 * g * c, 1.5));
    var depth = vec3<f32>(0.0);
    var sum = vec3<f32>(0.0);
    let steps = i32(frame.effects.x);
    let step = (far - near) / f32(steps);
    for (var i = 0; i < steps; i++) {
        let at = origin + direction * (near + (f32(i) + 0.5) * step);
        let h = max(length(at) - 1.0, 0.0);
        let m = exp(-h / molecules.w) * step;
        let z = exp(-h / haze.w) * step;
        let extinction = molecules.rgb * m + haze.rgb * z + absorbed * m;
        let seen = exp(-(depth + 0.5 * extinction));
        let sun = sunlight_at(b, at, sun_dir) * eclipse(b, vec3<f32>(at.xy, at.z * bodies[b].axis_y.w));
        // Light scattered more than once comes from all sides and reaches a little past the terminator.
        let up = dot(normalize(at), sun_dir);
        let again = 0.035 * smoothstep(-0.14, 0.35, up) * (0.4 + 0.6 * sun);
        let scattered = molecules.rgb * m * (phase_molecules * sun + again) + haze.rgb * z * (phase_haze * sun + again);
        sum += seen * scattered;
        depth += extinction;
    }
    // Phase functions are per steradian; sunlight is in units of what makes a white surface 1, so pi comes in.
    return Scattered(sum * PI, exp(-depth));
}
