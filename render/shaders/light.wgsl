//!include body.wgsl
//!include disc.wgsl
// How much of the Sun is seen from a place: horizon and eclipses.

// Share of sunlight that other bodies let through to `at` (the body's axes, radii). Light bent by the Earth's air
// reaches into its shadow and is red.
fn eclipse(b: u32, at: vec3<f32>) -> vec3<f32> {
    let count = i32(bodies[b].rings.w);
    var left = vec3<f32>(1.0);
    if count == 0 {
        return left;
    }
    let to_sun = bodies[b].sun.xyz - at;
    let sun_distance = length(to_sun);
    let sun_dir = to_sun / sun_distance;
    let sun_angle = bodies[b].sun.w / sun_distance;
    for (var i = 0; i < 4; i++) {
        if i >= count {
            break;
        }
        let o = bodies[b].occluders[i];
        let to = o.xyz - at;
        let distance = length(to);
        // Behind the Sun, or behind the place.
        if distance > sun_distance || dot(to, sun_dir) < 0.0 {
            continue;
        }
        let radius = abs(o.w);
        let angle = asin(min(radius / distance, 1.0));
        let apart = asin(min(length(cross(to / distance, sun_dir)), 1.0));
        var through = vec3<f32>(uncovered(sun_angle, angle, apart));
        if o.w < 0.0 {
            // It has air: a faint red glow in the umbra.
            through = max(through, vec3<f32>(0.115, 0.024, 0.0065) * (0.35 + 0.65 * smoothstep(0.0, 1.0, apart / angle)));
        }
        left *= through;
    }
    return left;
}

// Cosine of the Sun's height over the ground, softened where the horizon cuts its disc.
fn daylight(height: f32, sun_angle: f32) -> f32 {
    if height > sun_angle {
        return height;
    }
    let above = max(height + sun_angle, 0.0);
    return above * above / (4.0 * sun_angle);
}
