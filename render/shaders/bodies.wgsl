//!include earth.wgsl
//!include air.wgsl
//!include rings.wgsl
// Massive bodies, traced: each pixel's ray meets the sphere, its air and its rings exactly, at any distance.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> bodies: array<Body>;
@group(0) @binding(2) var land: texture_2d<f32>;
@group(0) @binding(3) var smooth_sampler: sampler;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    // From the moving eye, ICRF axes.
    @location(0) direction: vec3<f32>,
    @location(1) @interpolate(flat) body: u32,
}

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) b: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let at = square(vertex);
    let eye = frame.eyes[view];
    let quad = bodies[b].eyes[view].quad;
    if quad[0].w == 0.0 {
        return Varyings(vec4<f32>(at, 0.0, 1.0), ray(eye, at), b);
    }
    let direction = quad[0].xyz + quad[1].xyz * at.x + quad[2].xyz * at.y;
    return Varyings(eye.clip_from_world * vec4<f32>(direction, 0.0), direction, b);
}

struct Hit {
    // How much of the pixel the body covers.
    coverage: f32,
    // Where, in round space, from the centre.
    point: vec3<f32>,
    // How far along the ray's unit vector in round space.
    along: f32,
    // How near the ray comes to the centre, squared.
    nearest2: f32,
    // How far along that is.
    middle: f32,
}

// The ray's meeting with the unit sphere. `d` is a unit vector in round space.
fn trace(b: u32, view: u32, d: vec3<f32>, pixel: f32) -> Hit {
    let e = bodies[b].eyes[view];
    let distance = e.towards.w;
    let gap = e.across.w;
    var middle: f32;
    var inside: f32;
    var foot: vec3<f32>;
    // Behind the eye there are no tangents.
    if e.beside.w > 0.0 && dot(d, e.towards.xyz) > 0.0 {
        // Far: from the tangents, which keep their precision at any distance.
        let aside = vec2<f32>(dot(d, e.across.xyz), dot(d, e.beside.xyz)) / dot(d, e.towards.xyz);
        let t2 = dot(aside, aside);
        middle = distance / sqrt(1.0 + t2);
        inside = 1.0 - distance * distance * t2 / (1.0 + t2);
        foot = (e.across.xyz * aside.x + e.beside.xyz * aside.y - e.towards.xyz * t2) * (distance / (1.0 + t2));
    } else {
        // Near: from the height, which the processor knows exactly.
        middle = distance * dot(d, e.towards.xyz);
        inside = middle * middle - gap;
        foot = d * middle - e.towards.xyz * distance;
    }
    let nearest2 = max(1.0 - inside, 0.0);
    let nearest = sqrt(nearest2);
    // From the limb, in pixels at the limb's distance.
    let limb = inside / (1.0 + nearest) / (pixel * sqrt(max(gap, 1e-12)));
    let ahead = select(0.0, 1.0, middle > 0.0 && gap > 0.0);
    let root = sqrt(max(inside, 0.0));
    let along = select(max(gap, 0.0) / max(middle + root, 1e-12), middle, inside <= 0.0);
    return Hit(ahead * clamp(0.5 + limb, 0.0, 1.0), normalize(foot - d * root), along, nearest2, middle);
}

struct Fragment {
    @location(0) colour: vec4<f32>,
    @builtin(frag_depth) depth: f32,
}

// The Sun's corona: streamers that grow thin with distance, of which much is seen only when the disc is hidden.
fn corona(b: u32, point: vec3<f32>, nearest: f32) -> vec3<f32> {
    let height = max(nearest - 1.0, 0.0);
    let q = point;
    let streamers = 0.55 + 0.75 * fractal(q * 3.1 + 2.0, 4, 0.6, 0.0) + 0.35 * noise(q * 13.0);
    let equatorial = 1.0 - 0.55 * q.z * q.z;
    let fall = 1.0 / (1.0 + 9.0 * height) / (1.0 + 2.5 * height * height);
    let edge = 1.0 - smoothstep(2.2, 4.0, nearest);
    let inner = exp(-height * 26.0);
    return (vec3<f32>(0.80, 0.88, 1.0) * fall * max(streamers, 0.12) * equatorial + vec3<f32>(1.0, 0.45, 0.38) * 0.5 * inner) * edge * 0.75;
}

const SATURN: u32 = 7u;

// What a pixel sees of a body before anything is known of its surface.
struct Seen {
    body: u32,
    view: u32,
    // Unit vectors from the eye: as it sees, at rest, and in the body's axes; and with its length that in round space.
    seen: vec3<f32>,
    world: vec3<f32>,
    body_dir: vec3<f32>,
    d: vec3<f32>,
    stretch: f32,
    crowded: f32,
    // Radians that the pixel covers, and what it covers of the ground, radii.
    pixel: f32,
    footprint: f32,
    hit: Hit,
    // Of the ground without hills, in the body's axes.
    normal: vec3<f32>,
    // Direction to the Sun from there, its angular radius, and the cosine of its distance from the zenith.
    sun_dir: vec3<f32>,
    sun_angle: f32,
    sun_up: f32,
}

fn look_at(in: Varyings, view: u32) -> Seen {
    let b = in.body;
    let flattened = bodies[b].axis_y.w;
    let seen = normalize(in.direction);
    let world = unaberrated(seen);
    let body_dir = vec3<f32>(dot(bodies[b].axis_x.xyz, world), dot(bodies[b].axis_y.xyz, world), dot(bodies[b].axis_z.xyz, world));
    let stretched = vec3<f32>(body_dir.xy, body_dir.z / flattened);
    let stretch = length(stretched);
    let d = stretched / stretch;
    // Off the middle of the picture a pixel covers less.
    // In the sky that motion crowds together it covers more, and what is there is further away.
    let crowded = crowding(world);
    let pixel = frame.pixel_rad * dot(seen, frame.eyes[view].forward.xyz) * stretch * crowded;
    let hit = trace(b, view, d, pixel);
    let footprint = pixel * hit.along / sqrt(max(dot(hit.point, -d), 0.12));
    let normal = normalize(vec3<f32>(hit.point.xy, hit.point.z / flattened));
    let to_sun = bodies[b].sun.xyz - vec3<f32>(hit.point.xy, hit.point.z * flattened);
    let sun_distance = length(to_sun);
    let sun_dir = to_sun / sun_distance;
    return Seen(
        b, view, seen, world, body_dir, d, stretch, crowded, pixel, footprint, hit, normal, sun_dir,
        bodies[b].sun.w / sun_distance, dot(normal, sun_dir),
    );
}

// Most octaves of a pattern.
fn octaves(p: Seen) -> i32 {
    return i32(bodies[p.body].effects.x);
}

// As `Look::air` has it.
fn has_air(look: u32) -> bool {
    return look == 2u || look == 3u || (look >= 5u && look <= 11u);
}

// Light from the ground, with everything that falls on it.
fn ground(p: Seen, look: u32, s: Surface) -> vec3<f32> {
    let b = p.body;
    let flattened = bodies[b].axis_y.w;
    let at = vec3<f32>(p.hit.point.xy, p.hit.point.z * flattened);
    let view = -normalize(vec3<f32>(p.d.xy, p.d.z * flattened));
    // The tilted normal is that of the round body; the flattened one turns with it.
    let normal = normalize(p.normal + s.normal - p.hit.point);
    let flat_light = daylight(p.sun_up, p.sun_angle);
    var direct = daylight(dot(normal, p.sun_dir), p.sun_angle) * smoothstep(-0.02, 0.06, p.sun_up + p.sun_angle);
    if look == 4u || look == 1u || look >= 10u {
        // Dusty ground throws light back to where it came from, so that a full Moon is no darker at its limb
        // (Lommel and Seeliger).
        let seen = max(dot(p.normal, view), 0.35);
        direct = mix(direct, 2.0 * direct / (direct + seen) * 0.75, 0.45);
    }
    var sun = vec3<f32>(1.0);
    let round_sun = normalize(vec3<f32>(p.sun_dir.xy, p.sun_dir.z / flattened));
    if has_air(look) {
        sun = sunlight_at(b, p.hit.point, round_sun);
    }
    var shadow = eclipse(b, at);
    if look == SATURN {
        shadow *= ring_shadow(b, at, p.sun_dir, p.sun_angle);
    }
    var light = s.colour * direct * sun * shadow;
    if has_air(look) {
        // The sky's own light.
        light += s.colour * vec3<f32>(0.05, 0.065, 0.09) * smoothstep(-0.12, 0.4, p.sun_up) * shadow * clamp(bodies[b].molecules.rgb * bodies[b].molecules.w * 8.0, vec3<f32>(0.0), vec3<f32>(1.0));
    }
    if s.shine > 0.0 {
        // Glint of the sea (GGX, Fresnel by Schlick).
        let h = normalize(view + p.sun_dir);
        let a = s.roughness * s.roughness;
        let nh = max(dot(p.normal, h), 0.0);
        let k = nh * nh * (a * a - 1.0) + 1.0;
        let fresnel = 0.02 + 0.98 * pow(1.0 - max(dot(view, h), 0.0), 5.0);
        let glint = a * a / (k * k) * fresnel / (4.0 * max(dot(p.normal, view), 0.08) + 0.4);
        light += s.shine * min(glint, 6.0) * flat_light * sun * shadow;
    }
    return bodies[b].light.rgb * light + s.glow;
}

// A pixel's colour and depth; `look` is known when the shader is compiled, so that only its own parts are left.
fn finish(p: Seen, look: u32, s: Surface) -> Fragment {
    let b = p.body;
    let flattened = bodies[b].axis_y.w;
    let hit = p.hit;
    let to_centre = bodies[b].eyes[p.view].towards.xyz * bodies[b].eyes[p.view].towards.w;
    var colour = vec3<f32>(0.0);
    var alpha = 0.0;
    if hit.coverage > 0.0 {
        colour = ground(p, look, s) * hit.coverage;
        alpha = hit.coverage;
    }

    // Rings: in front of the body or behind it.
    if look == SATURN && abs(p.d.z) > 1e-6 {
        let rings = bodies[b].rings;
        let t = to_centre.z / p.d.z;
        let at = (p.d * t - to_centre);
        let r = length(at.xy);
        if t > 0.0 && r > rings.x && r < rings.y {
            let across = p.pixel * t / max(abs(p.d.z), 0.04);
            let radial = mix(p.pixel * t, across, abs(dot(normalize(at.xy), normalize(p.d.xy + vec2<f32>(1e-9, 0.0)))));
            let shown = ring(b, at, p.body_dir, radial);
            let behind = select(1.0, 1.0 - alpha, t > hit.along && hit.coverage > 0.0);
            let over = select(1.0 - shown.alpha, 1.0, t > hit.along && hit.coverage > 0.0);
            colour = colour * over + shown.colour * behind;
            alpha = alpha * over + shown.alpha * behind;
        }
    }

    // Air: in front of everything.
    if has_air(look) {
        let top = 1.0 + bodies[b].absorbed.w;
        let half2 = top * top - hit.nearest2;
        if half2 > 0.0 && hit.middle + sqrt(half2) > 0.0 {
            let half = sqrt(half2);
            let near = max(hit.middle - half, 0.0);
            let far = select(hit.middle + half, hit.along, hit.coverage > 0.5);
            let sun_dir = normalize(vec3<f32>(bodies[b].sun.xy, bodies[b].sun.z / flattened));
            let air = scatter(b, -to_centre, p.d, near, max(far, near), sun_dir);
            let glow = bodies[b].light.rgb * air.light;
            colour = colour * air.through + glow;
            let through = dot(air.through, vec3<f32>(0.3333));
            // A bright sky outshines the stars, which an exposure for sunlight would not show anyway.
            let dazzle = exp(-24.0 * dot(glow, vec3<f32>(0.3333)));
            alpha = 1.0 - (1.0 - alpha) * through * dazzle;
        }
    }
    return leave(p, colour, alpha);
}

fn leave(p: Seen, colour: vec3<f32>, alpha: f32) -> Fragment {
    let shown = bodies[p.body].axis_z.w;
    let forward = dot(p.seen, frame.eyes[p.view].forward.xyz);
    let metres = p.hit.along / p.stretch * bodies[p.body].axis_x.w * p.crowded * forward;
    let depth = select(0.0, frame.near_m / max(metres, frame.near_m), p.hit.coverage > 0.5);
    let light = min(colour * shifted_sunlight(p.world), vec3<f32>(60000.0));
    return Fragment(vec4<f32>(light, alpha) * shown, depth);
}

// One entry point for each look, in the order of `Look`: a device that does not branch, as one of software, would run
// the code of all surfaces for each pixel of any. Lavapipe 22.3 compiles a shader with two dozen loops of patterns for
// minutes: whoever adds one looks at the first frame with MESA_SHADER_CACHE_DISABLE=true.

@fragment
fn fragment_sun(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    let face = max(dot(p.normal, -normalize(vec3<f32>(p.d.xy, p.d.z * bodies[p.body].axis_y.w))), 0.0);
    var surface = vec3<f32>(0.0);
    if p.hit.coverage > 0.0 {
        surface = bodies[p.body].light.rgb * sun(p.hit.point, face, p.footprint, octaves(p));
    }
    let to_centre = bodies[p.body].eyes[view].towards.xyz * bodies[p.body].eyes[view].towards.w;
    let at = normalize(p.d * p.hit.middle - to_centre);
    let strength = select(0.0, 1.0, p.hit.middle > 0.0) * (1.0 - p.hit.coverage);
    let around = strength * corona(p.body, at, sqrt(p.hit.nearest2));
    return leave(p, surface * p.hit.coverage + around, p.hit.coverage);
}

@fragment
fn fragment_mercury(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = mercury(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 1u, s);
}

@fragment
fn fragment_venus(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = venus(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 2u, s);
}

@fragment
fn fragment_earth(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = earth(p.hit.point, p.footprint, octaves(p), bodies[p.body].light.w, p.sun_up);
    }
    return finish(p, 3u, s);
}

@fragment
fn fragment_moon(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = moon(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 4u, s);
}

@fragment
fn fragment_mars(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = mars(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 5u, s);
}

@fragment
fn fragment_jupiter(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = jupiter(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 6u, s);
}

@fragment
fn fragment_saturn(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = saturn(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 7u, s);
}

@fragment
fn fragment_uranus(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = uranus(p.hit.point, p.footprint);
    }
    return finish(p, 8u, s);
}

@fragment
fn fragment_neptune(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = neptune(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 9u, s);
}

@fragment
fn fragment_pluto(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = pluto(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 10u, s);
}

@fragment
fn fragment_titan(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = titan(p.hit.point);
    }
    return finish(p, 11u, s);
}

@fragment
fn fragment_rock(in: Varyings, @builtin(view_index) view: u32) -> Fragment {
    let p = look_at(in, view);
    var s: Surface;
    if p.hit.coverage > 0.0 {
        s = rock(p.hit.point, p.footprint, octaves(p));
    }
    return finish(p, 12u, s);
}
