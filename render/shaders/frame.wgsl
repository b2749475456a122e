// What every pass knows of the frame.

// One eye. View axes are right, down, forward; world axes are those of the ICRF; lengths are metres.
struct Eye {
    // From metres from the camera's centre to clip space, reversed depth.
    clip_from_world: mat4x4<f32>,
    // The eye's axes in the world.
    right: vec4<f32>,
    down: vec4<f32>,
    forward: vec4<f32>,
    // Tangents of the field of view: left, right, up, down; left and down are negative.
    tangents: vec4<f32>,
    // From the camera's centre to the eye.
    offset_m: vec4<f32>,
}

struct Frame {
    eyes: array<Eye, 2>,
    // Pixels of the linear picture.
    size: vec2<f32>,
    // Radians that a pixel in the middle covers.
    pixel_rad: f32,
    // Distance of the near plane.
    near_m: f32,
    // What a white surface in sunlight at one astronomical unit is multiplied by.
    exposure: f32,
    // Light of a star of magnitude 0, summed over its pixels.
    star_flux: f32,
    // Most octaves of a surface pattern.
    octaves: f32,
    // Share of blurred light.
    bloom: f32,
    // The camera's velocity over that of light (ICRF), and its Lorentz factor.
    motion: vec4<f32>,
    // Squared tangent of the angle up to which the picture stays clear, 1 over how much more it is where it is dark, and
    // how dark all of it is.
    comfort: vec4<f32>,
    // Steps along a ray through air.
    effects: vec4<f32>,
}

// Corner of a square from -1 to 1, in six vertices. It covers the whole picture and no more: lavapipe (Mesa 22.3) draws
// what it has to clip into the first eye's layer only, so one large triangle would leave the other eye dark.
fn square(vertex: u32) -> vec2<f32> {
    var corners = array<u32, 6>(0u, 1u, 2u, 2u, 1u, 3u);
    let i = corners[vertex];
    return vec2<f32>(f32(i & 1u), f32(i >> 1u)) * 2.0 - 1.0;
}

// Direction through a point in normalised device coordinates, not normalised: one metre deep.
fn ray(eye: Eye, ndc: vec2<f32>) -> vec3<f32> {
    let t = eye.tangents;
    let x = 0.5 * (ndc.x * (t.y - t.x) + (t.y + t.x));
    let y = 0.5 * (ndc.y * (t.z - t.w) - (t.z + t.w));
    return eye.right.xyz * x + eye.down.xyz * y + eye.forward.xyz;
}
