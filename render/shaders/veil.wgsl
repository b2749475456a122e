//!include air.wgsl
//!include rings.wgsl
// What air and rings do to a thing behind them. They are blended over the sky before things are drawn, so a thing takes
// away what is before it, and gets it back from here.

// Bodies that have air or rings, from far to near.
@group(0) @binding(10) var<storage, read> bodies: array<Body>;

// Light of what lies between the eye and a place (metres from the camera, ICRF axes), and the share of the place's own
// light that it lets through.
fn veil(place_m: vec3<f32>) -> vec4<f32> {
    var sum = vec4<f32>(0.0, 0.0, 0.0, 1.0);
    let far_m = length(place_m);
    let world = place_m / max(far_m, 1e-6);
    for (var b = 0u; b < arrayLength(&bodies); b++) {
        let flattened = bodies[b].axis_y.w;
        let body_dir = vec3<f32>(dot(bodies[b].axis_x.xyz, world), dot(bodies[b].axis_y.xyz, world), dot(bodies[b].axis_z.xyz, world));
        let stretched = vec3<f32>(body_dir.xy, body_dir.z / flattened);
        let stretch = length(stretched);
        let d = stretched / stretch;
        let end = far_m * stretch / bodies[b].axis_x.w;
        let to_centre = bodies[b].eyes[0].towards.xyz * bodies[b].eyes[0].towards.w;
        let shown = bodies[b].axis_z.w;
        let rings = bodies[b].rings;
        let along = to_centre.z / select(d.z, 1e-6, abs(d.z) < 1e-6);
        let at = d * along - to_centre;
        let r = length(at.xy);
        if rings.y > 0.0 && along > 0.0 && along < end && r > rings.x && r < rings.y {
            let band = ring(b, at, body_dir, frame.pixel_rad * along / max(abs(d.z), 0.04));
            sum = vec4<f32>(sum.rgb * (1.0 - band.alpha * shown) + band.colour * shown, sum.a * (1.0 - band.alpha * shown));
        }
        let top = 1.0 + bodies[b].absorbed.w;
        let middle = dot(d, to_centre);
        let aside = d * middle - to_centre;
        let half = sqrt(max(top * top - dot(aside, aside), 0.0));
        let near = max(middle - half, 0.0);
        let far = min(middle + half, end);
        if bodies[b].molecules.w > 0.0 && half > 0.0 && far > near {
            let sun_dir = normalize(vec3<f32>(bodies[b].sun.xy, bodies[b].sun.z / flattened));
            let air = scatter(b, -to_centre, d, near, far, sun_dir);
            let through = mix(1.0, dot(air.through, vec3<f32>(0.3333)), shown);
            sum = vec4<f32>(sum.rgb * through + bodies[b].light.rgb * air.light * shown, sum.a * through);
        }
    }
    return sum;
}
