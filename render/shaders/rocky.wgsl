//!include craters.wgsl
// Surfaces of rocky bodies without seas.

struct Surface {
    // Share of light that is thrown back.
    colour: vec3<f32>,
    // Unit normal in the body's axes.
    normal: vec3<f32>,
    // Light of its own.
    glow: vec3<f32>,
    // How much it is like a mirror, and how rough that is.
    shine: f32,
    roughness: f32,
}

fn plain(colour: vec3<f32>, normal: vec3<f32>) -> Surface {
    return Surface(colour, normal, vec3<f32>(0.0), 0.0, 1.0);
}

// Bright rays that a young crater threw out.
fn rays(p: vec3<f32>, latitude: f32, longitude: f32, reach: f32, seed: f32) -> f32 {
    let centre = place(latitude, longitude);
    let d = p - centre;
    let apart = length(d);
    if apart > reach || apart < 1e-4 {
        return 0.0;
    }
    let around = d / apart;
    let spokes = noise(around * 7.0 + seed) + 0.6 * noise(around * 17.0 + seed);
    let fall = 1.0 - apart / reach;
    return (smoothstep(0.12, 0.75, spokes) * fall * fall + 0.9 * exp(-apart * 26.0)) * smoothstep(0.0, 0.02, apart);
}

// Seas of the Moon: latitude, longitude, radius in degrees (IAU Gazetteer of Planetary Nomenclature).
fn maria(p: vec3<f32>) -> f32 {
    var seas = array<vec3<f32>, 23>(
        vec3<f32>(33.0, -16.0, 17.0), vec3<f32>(28.0, 17.5, 10.0), vec3<f32>(8.5, 31.0, 12.0),
        vec3<f32>(17.0, 59.0, 7.6), vec3<f32>(-7.8, 51.0, 11.0), vec3<f32>(-15.0, 35.0, 5.6),
        vec3<f32>(-21.0, -16.6, 11.0), vec3<f32>(-24.5, -38.6, 6.6), vec3<f32>(20.0, -56.0, 16.0),
        vec3<f32>(4.0, -49.0, 14.0), vec3<f32>(-10.0, -23.0, 6.0), vec3<f32>(56.0, -28.0, 6.0),
        vec3<f32>(57.0, 0.0, 5.0), vec3<f32>(55.0, 28.0, 4.5), vec3<f32>(13.3, 3.6, 4.2),
        vec3<f32>(7.5, -31.0, 8.0), vec3<f32>(-19.0, -93.0, 5.0), vec3<f32>(57.0, 81.0, 3.5),
        vec3<f32>(-1.3, 87.0, 5.5), vec3<f32>(13.0, 86.0, 5.0), vec3<f32>(27.3, 148.0, 4.5),
        vec3<f32>(-33.7, 163.5, 4.0), vec3<f32>(-2.0, -38.0, 9.0),
    );
    let bend = 0.075 * vec3<f32>(noise(p * 6.0), noise(p * 6.0 + 5.0), noise(p * 6.0 + 9.0))
        + 0.030 * vec3<f32>(noise(p * 17.0), noise(p * 17.0 + 5.0), noise(p * 17.0 + 9.0))
        + 0.010 * vec3<f32>(noise(p * 41.0), noise(p * 41.0 + 5.0), noise(p * 41.0 + 9.0));
    let q = normalize(p + bend);
    var sea = 0.0;
    // Added up, so that neighbours flow into one another.
    for (var i = 0; i < 23; i++) {
        let apart = 2.0 * asin(min(0.5 * distance(q, place(seas[i].x, seas[i].y)), 1.0)) / radians(seas[i].z);
        sea += exp(-0.9 * apart * apart);
    }
    return smoothstep(0.36, 0.56, sea + 0.10 * noise(p * 9.0 + 2.0) + 0.05 * noise(p * 31.0));
}

fn moon(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    let sea = maria(p);
    let mottled = fractal(p * 5.0, min(octaves, 9), 0.62, footprint * 5.0);
    var relief = craters(p, 6.6, min(octaves, 13), mix(0.70, 0.13, sea), footprint);
    let ground = rough(p, 22.0, min(octaves, 8), footprint);
    let broad = fractal(p * 2.3 + 6.0, 4, 0.55, 0.0);
    var albedo = mix(0.30 + 0.055 * mottled + 0.04 * broad, 0.112 + 0.026 * mottled + 0.022 * broad, sea);
    // The basin at the far side's south is darker.
    albedo *= 1.0 - 0.22 * patch_at(p, vec3<f32>(-53.0, -169.0, 30.0), 9.0);
    let bright = 1.0 * rays(p, -43.3, -11.4, 1.15, 3.0) + 0.75 * rays(p, 9.6, -20.1, 0.36, 7.0)
        + 0.6 * rays(p, 8.1, -38.0, 0.26, 11.0) + 0.8 * rays(p, 23.7, -47.5, 0.2, 13.0) + 0.5 * rays(p, -8.9, 61.0, 0.3, 17.0)
        + 0.55 * rays(p, 16.1, 46.9, 0.22, 19.0) + 0.6 * rays(p, 35.9, 102.8, 0.45, 23.0) + 0.6 * rays(p, 22.0, -163.3, 0.5, 29.0)
        + 0.45 * rays(p, -17.6, -176.0, 0.4, 31.0) + 0.4 * rays(p, 62.0, -50.0, 0.3, 37.0) + 0.5 * rays(p, -56.0, 55.0, 0.35, 41.0);
    albedo = albedo + 0.20 * bright - 0.5 * relief.height;
    let tint = mix(vec3<f32>(1.03, 1.0, 0.95), vec3<f32>(0.98, 0.99, 1.02), sea);
    let slope = relief.slope * 0.55 + ground.slope * mix(0.085, 0.03, sea);
    return plain(tint * max(albedo, 0.03), tilted(p, slope));
}

fn mercury(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    let mottled = fractal(p * 4.0 + 3.0, min(octaves, 9), 0.6, footprint * 4.0);
    let relief = craters(p + 7.0, 3.4, min(octaves, 13), 0.68, footprint);
    let ground = rough(p, 25.0, min(octaves, 7), footprint);
    let plains = smoothstep(0.1, 0.7, fractal(p * 1.9 + 8.0, 4, 0.5, 0.0));
    let bright = rays(p, -31.0, -44.0, 0.8, 3.0) + rays(p, 58.0, 12.0, 1.0, 5.0) + rays(p, -12.0, 120.0, 0.7, 9.0)
        + rays(p, 35.0, -150.0, 0.6, 15.0) + 0.8 * rays(p, 10.0, 55.0, 0.5, 21.0);
    let albedo = 0.20 + 0.05 * mottled + 0.045 * plains + 0.14 * bright - 0.4 * relief.height;
    let tint = mix(vec3<f32>(1.0, 0.95, 0.88), vec3<f32>(1.08, 0.97, 0.82), plains);
    return plain(tint * max(albedo, 0.03), tilted(p, relief.slope * 0.7 + ground.slope * 0.14));
}

fn rock(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    let mottled = fractal(p * 3.0 + 13.0, min(octaves, 9), 0.6, footprint * 3.0);
    let relief = craters(p + 19.0, 2.6, min(octaves, 9), 0.55, footprint);
    let ground = rough(p, 12.0, min(octaves, 8), footprint);
    let albedo = 0.19 + 0.06 * mottled - 0.3 * relief.height;
    return plain(vec3<f32>(1.0, 0.96, 0.9) * max(albedo, 0.03), tilted(p, relief.slope * 0.8 + ground.slope * 0.25));
}

fn mars(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    var dark = array<vec3<f32>, 15>(
        vec3<f32>(8.0, 69.0, 9.0), vec3<f32>(-6.0, 2.0, 6.0), vec3<f32>(-9.0, 28.0, 7.0), vec3<f32>(-12.0, 46.0, 6.0),
        vec3<f32>(-26.0, -35.0, 14.0), vec3<f32>(-22.0, 143.0, 13.0), vec3<f32>(-32.0, -155.0, 12.0),
        vec3<f32>(-22.0, 100.0, 13.0), vec3<f32>(-30.0, 122.0, 9.0), vec3<f32>(46.0, -24.0, 14.0),
        vec3<f32>(44.0, 105.0, 11.0), vec3<f32>(-26.0, -86.0, 5.0), vec3<f32>(-12.0, -22.0, 7.0),
        vec3<f32>(56.0, -60.0, 12.0), vec3<f32>(58.0, 160.0, 13.0),
    );
    let bend = 0.12 * vec3<f32>(noise(p * 3.5), noise(p * 3.5 + 5.0), noise(p * 3.5 + 9.0))
        + 0.05 * vec3<f32>(noise(p * 11.0), noise(p * 11.0 + 5.0), noise(p * 11.0 + 9.0));
    let q = normalize(p + bend);
    var basalt = 0.0;
    for (var i = 0; i < 15; i++) {
        basalt = max(basalt, patch_at(q, dark[i], 5.0));
    }
    let mottled = fractal(p * 6.0, min(octaves, 10), 0.6, footprint * 6.0);
    let dust = fractal(p * 2.1 + 4.0, 4, 0.5, 0.0);
    basalt = clamp(basalt * (0.8 + 0.5 * mottled) + 0.12 * mottled, 0.0, 1.0);
    var colour = mix(vec3<f32>(0.45, 0.200, 0.083), vec3<f32>(0.115, 0.066, 0.045), basalt);
    colour *= 1.0 + 0.16 * dust + 0.14 * mottled;
    // Basins filled with pale dust, the high Tharsis plain, its volcanoes, and the great canyon.
    let pale = max(patch_at(q, vec3<f32>(-42.0, 70.0, 15.0), 4.0), patch_at(q, vec3<f32>(-50.0, -43.0, 7.0), 3.0));
    colour = mix(colour, vec3<f32>(0.56, 0.33, 0.17), 0.75 * pale);
    let volcano = max(max(patch_at(p, vec3<f32>(18.6, -133.8, 3.2), 1.2), patch_at(p, vec3<f32>(-8.3, -120.1, 2.0), 0.9)),
        max(patch_at(p, vec3<f32>(1.5, -112.9, 1.8), 0.8), patch_at(p, vec3<f32>(11.9, -104.1, 2.0), 0.9)));
    colour = mix(colour, vec3<f32>(0.36, 0.17, 0.08), 0.6 * volcano);
    let longitude = degrees(atan2(p.y, p.x));
    let latitude = degrees(asin(clamp(p.z, -1.0, 1.0)));
    let course = -7.5 - 0.10 * (longitude + 90.0) * smoothstep(-90.0, -60.0, longitude) + 2.5 * noise(p * 18.0);
    let along = smoothstep(-97.0, -88.0, longitude) * (1.0 - smoothstep(-48.0, -34.0, longitude));
    let canyon = along * (1.0 - smoothstep(0.8, 2.1, abs(latitude - course)));
    colour = mix(colour, vec3<f32>(0.13, 0.065, 0.04), 0.85 * canyon);
    // Caps of ice; the southern one lies beside its pole.
    let edge = 1.5 * fractal(p * 9.0, min(octaves, 6), 0.55, footprint * 9.0);
    let north = smoothstep(79.0, 81.5, latitude + edge);
    let south = patch_at(p, vec3<f32>(-86.0, -40.0, 6.5), 1.2 + 0.4 * abs(edge));
    colour = mix(colour, vec3<f32>(0.86, 0.84, 0.82), max(north, south));
    let old = smoothstep(-0.1, 0.35, fractal(p * 1.6 + 2.0, 3, 0.5, 0.0) - 0.7 * p.z);
    let relief = craters(p + 3.0, 4.4, min(octaves, 11), 0.10 + 0.42 * old, footprint);
    let ground = rough(p, 14.0, min(octaves, 9), footprint);
    return plain(colour * (1.0 - 1.2 * relief.height), tilted(p, relief.slope * 0.40 + ground.slope * (0.045 + 0.05 * old)));
}

fn pluto(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    let bend = 0.13 * vec3<f32>(noise(p * 4.0), noise(p * 4.0 + 5.0), noise(p * 4.0 + 9.0));
    let q = normalize(p + bend);
    let mottled = fractal(p * 5.0, min(octaves, 9), 0.6, footprint * 5.0);
    let latitude = degrees(asin(clamp(q.z, -1.0, 1.0)));
    // A belt of dark tholins along the equator, and the bright heart.
    let belt = (1.0 - smoothstep(9.0, 22.0, abs(latitude + 6.0))) * smoothstep(-0.2, 0.25, 0.3 + mottled);
    let heart = max(patch_at(q, vec3<f32>(24.0, 176.0, 17.0), 2.5), patch_at(q, vec3<f32>(8.0, -164.0, 14.0), 6.0));
    var colour = mix(vec3<f32>(0.60, 0.51, 0.41), vec3<f32>(0.17, 0.085, 0.05), belt * 0.9);
    colour = mix(colour, vec3<f32>(0.88, 0.82, 0.72), heart) * (1.0 + 0.14 * mottled);
    colour = mix(colour, vec3<f32>(0.70, 0.60, 0.42), 0.6 * smoothstep(50.0, 75.0, latitude));
    let relief = craters(p + 5.0, 4.0, min(octaves, 8), 0.42 * (1.0 - heart), footprint);
    let ground = rough(p, 18.0, min(octaves, 8), footprint);
    return plain(colour, tilted(p, relief.slope * 0.5 + ground.slope * 0.12));
}
