//!include drawn.wgsl
// Rocks too far to have a shape: balls, drawn as squares that face the eye.

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) at: vec2<f32>,
    @location(1) @interpolate(flat) radius_px: f32,
    @location(2) @interpolate(flat) across: vec3<f32>,
    @location(3) @interpolate(flat) beside: vec3<f32>,
    @location(4) @interpolate(flat) sun_dir: vec3<f32>,
    // Sunlight and the nearest body's light, thrown back.
    @location(5) @interpolate(flat) sunlit: vec3<f32>,
    @location(6) @interpolate(flat) shone: vec3<f32>,
    // Light of what is before it.
    @location(7) @interpolate(flat) veil: vec3<f32>,
}

@vertex
fn vertex_main(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) instance: u32,
    @builtin(view_index) view: u32,
) -> Varyings {
    let id = visible[instance];
    let thing = things[id];
    let model = models[thing.model];
    let eye = frame.eyes[view];
    let to = thing.position_m - eye.offset_m.xyz;
    let distance = length(to);
    let toward = to / distance;
    let across = normalize(cross(toward, eye.down.xyz));
    let beside = cross(toward, across);
    let radius = thing.radius_m * model.seeming;
    let crowded = crowding(toward);
    let radius_px = radius / (distance * frame.pixel_rad * crowded);
    // Wider by a pixel, for a smooth edge.
    let at = square(vertex) * (1.0 + 1.0 / radius_px);
    let world = thing.position_m + (across * at.x + beside * at.y) * radius;
    let light = lit[id].light;
    let veil = lit[id].veil;
    let shift = shifted_sunlight(toward);
    // A ball at full Moon is two thirds as bright as a disc already; its model says how bright that is.
    let paint = unpack4x8unorm(thing.tint).rgb * model.albedo * shift * veil.w;
    return Varyings(
        eye.clip_from_world * vec4<f32>(boosted_place(world), 1.0), at, radius_px, across, beside,
        normalize(around.sun.xyz - to), paint * light.w, paint * around.shine.rgb * length(light.xyz) * 0.5,
        veil.rgb * shift,
    );
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let r = length(in.at);
    let covered = clamp((1.0 - r) * in.radius_px + 0.5, 0.0, 1.0);
    if covered <= 0.0 {
        discard;
    }
    let flat_at = in.at * min(1.0, 0.999 / max(r, 1e-3));
    let up = sqrt(max(1.0 - dot(flat_at, flat_at), 0.0));
    let normal = in.across * flat_at.x + in.beside * flat_at.y - cross(in.across, in.beside) * up;
    let light = in.sunlit * max(dot(normal, in.sun_dir), 0.0) + in.shone + in.veil;
    return vec4<f32>(light * covered, covered);
}
