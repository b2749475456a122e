//!include relativity.wgsl
// What the processor says about one massive body. Lengths are in its equatorial radii. The body's axes are z to the
// north pole, x to the prime meridian; in its "round" space z is stretched so that the flattened body is a unit sphere.

struct BodyEye {
    // Unit vector to the centre in round space, and the distance to it.
    towards: vec4<f32>,
    // Two unit vectors across that, in round space; with the first, the distance squared less 1 (exact near the
    // ground); with the second, 1 where it is far, so that a ray's tangents tell more than its unit vector.
    across: vec4<f32>,
    beside: vec4<f32>,
    // The square to draw, as directions from the eye that moves (ICRF axes): its middle and half of its two edges. With
    // the first, 1, or 0 for the whole picture.
    quad: array<vec4<f32>, 3>,
}

struct Body {
    eyes: array<BodyEye, 2>,
    // The body's axes in the world; with them the equatorial radius in metres, polar over equatorial radius, and how
    // much of the body is drawn here (the rest is a spot).
    axis_x: vec4<f32>,
    axis_y: vec4<f32>,
    axis_z: vec4<f32>,
    // From the centre to the Sun in the body's axes, and the Sun's radius.
    sun: vec4<f32>,
    // Sunlight here (for the Sun: its own brightness), and pseudo-time for clouds.
    light: vec4<f32>,
    // Scattering of the air's molecules, and its scale height.
    molecules: vec4<f32>,
    // Scattering of haze, and its scale height.
    haze: vec4<f32>,
    // Absorption, and the height where the air ends.
    absorbed: vec4<f32>,
    // Inner and outer edge of the rings, nothing, and how many occluders.
    rings: vec4<f32>,
    // Other bodies that may cover the Sun: from the centre, in the body's axes, and their radius.
    occluders: array<vec4<f32>, 4>,
}
