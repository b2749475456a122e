//!include drawn.wgsl
//!include noise.wgsl
// Ships, stations and rocks as meshes, lit by the Sun and by the nearest body.

struct Vertex {
    // Model axes; 1 where the light given off is that of an engine.
    position: vec3<f32>,
    throttled: f32,
    normal: vec3<f32>,
    roughness: f32,
    // Linear sRGB; 1 for bare metal.
    colour: vec3<f32>,
    metallic: f32,
    // Light given off, and 1 for rock.
    emissive: vec3<f32>,
    rock: f32,
}

@group(0) @binding(6) var<storage, read> vertices: array<Vertex>;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    // From the eye.
    @location(0) seen: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) colour: vec4<f32>,
    // Light given off, and roughness.
    @location(3) emissive: vec4<f32>,
    // In the model's axes, radii; with the share of the hull that is left, or 2 for rock.
    @location(4) place: vec4<f32>,
    @location(5) @interpolate(flat) lit: vec4<f32>,
    @location(6) @interpolate(flat) turn: vec4<f32>,
    @location(7) @interpolate(flat) veil: vec4<f32>,
}

@vertex
fn vertex_main(
    @builtin(vertex_index) index: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let id = visible[instance];
    let thing = things[id];
    let vertex = vertices[index];
    let scale = models[thing.model].scale;
    let world = thing.position_m + rotate(thing.turn, vertex.position * (scale * thing.radius_m));
    let eye = frame.eyes[view];
    let alive = step(1e-6, thing.state);
    let glow = vertex.emissive * (alive * mix(1.0, throttle(thing), vertex.throttled));
    // Paint takes the tint, metal does not.
    let tint = mix(vec3<f32>(1.0), unpack4x8unorm(thing.tint).rgb, 1.0 - vertex.metallic);
    return Varyings(
        eye.clip_from_world * vec4<f32>(boosted_place(world), 1.0),
        world - eye.offset_m.xyz,
        rotate(thing.turn, vertex.normal),
        vec4<f32>(vertex.colour * tint, vertex.metallic),
        vec4<f32>(glow, vertex.roughness),
        vec4<f32>(vertex.position * scale, select(thing.state, 2.0, vertex.rock > 0.5)),
        lit[id].light,
        thing.turn,
        lit[id].veil,
    );
}

// Sunlight that is thrown back, where light of 1 on a white wall is 1: Lambert and GGX (Walter et al. 2007,
// "Microfacet Models for Refraction through Rough Surfaces"), Fresnel by Schlick.
fn thrown_back(n: vec3<f32>, v: vec3<f32>, l: vec3<f32>, colour: vec3<f32>, metallic: f32, roughness: f32) -> vec3<f32> {
    let nl = max(dot(n, l), 0.0);
    let nv = max(dot(n, v), 0.05);
    // Exactly against the light any will do.
    let h = normalize(v + l + n * 1e-4);
    let nh = max(dot(n, h), 0.0);
    let a = max(roughness * roughness, 0.02);
    let k = nh * nh * (a * a - 1.0) + 1.0;
    let f0 = mix(vec3<f32>(0.04), colour, metallic);
    let fresnel = f0 + (1.0 - f0) * pow(1.0 - max(dot(v, h), 0.0), 5.0);
    // D G / (4 nl nv), times pi; G by Hammon 2017.
    let glint = 0.5 * a * a / (k * k * mix(2.0 * nl * nv, nl + nv, a) + 1e-6);
    return nl * (colour * (1.0 - metallic) * (1.0 - fresnel) + min(glint, 40.0) * fresnel);
}

// How bumps finer than its mesh tilt a rock's ground, in the model's axes.
fn bumps(p: vec3<f32>, footprint: f32) -> vec3<f32> {
    var slope = vec3<f32>(0.0);
    var scale = 7.0;
    for (var i = 0; i < 3; i++) {
        let shown = 1.0 - smoothstep(0.25, 0.6, footprint * scale);
        if shown <= 0.0 {
            break;
        }
        let q = p * scale;
        let here = noise(q);
        let e = 0.1;
        slope += shown * (vec3<f32>(noise(q + vec3<f32>(e, 0.0, 0.0)), noise(q + vec3<f32>(0.0, e, 0.0)), noise(q + vec3<f32>(0.0, 0.0, e))) - here) / e;
        scale *= 2.3;
    }
    return slope * 0.10;
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    var n = normalize(in.normal);
    let distance = length(in.seen);
    let v = -in.seen / distance;
    let l = normalize(around.sun.xyz - in.seen);
    let shine = length(in.lit.xyz);
    let metallic = in.colour.w;
    let roughness = in.emissive.w;
    var colour = in.colour.rgb;
    var glow = in.emissive.rgb;
    let p = in.place.xyz;
    // Outside of branches, where neighbours can be compared.
    let footprint = length(fwidth(p));
    if in.place.w > 1.5 {
        if frame.octaves > 6.0 {
            n = normalize(n - rotate(in.turn, bumps(p, footprint)));
        }
    } else if in.place.w <= 0.0 {
        // A wreck: charred, with embers in the cracks.
        let crack = ridges(p * 5.0, 3, 0.5, 0.0);
        colour *= 0.12 + 0.2 * smoothstep(0.2, 0.6, crack);
        glow = vec3<f32>(1.0, 0.22, 0.03) * 2.2 * smoothstep(0.80, 0.92, crack);
    }
    var light = in.lit.w * thrown_back(n, v, l, colour, metallic, roughness);
    if shine > 0.0 {
        let toward = in.lit.xyz / shine;
        let from_body = shine * around.shine.rgb;
        let facing = 0.5 + 0.5 * dot(n, toward);
        let mirrored = smoothstep(-0.2 - roughness, 0.4 + roughness, dot(reflect(-v, n), toward));
        light += from_body * colour * mix(facing * facing, mirrored, metallic);
    }
    // Light of all stars, more than there is: a hull in the shadow is not to be a hole in the sky, and shows its shape.
    light += colour * (0.015 + 0.045 * max(dot(n, v), 0.0));
    light = (light * in.veil.w + in.veil.rgb) * shifted_sunlight(-v) + glow * in.veil.w;
    return vec4<f32>(min(light, vec3<f32>(60000.0)), 1.0);
}
