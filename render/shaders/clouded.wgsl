//!include rocky.wgsl
// Bodies of which only clouds are seen: the giants, Venus, Titan; and the Sun.

// The place after the winds of its latitude and their eddies: elongated along the bands.
fn banded(p: vec3<f32>, eddies: f32, seed: f32, footprint: f32) -> vec3<f32> {
    let stretch = vec3<f32>(3.0, 3.0, 16.0);
    let a = fractal(p * stretch + seed, 5, 0.55, footprint * 16.0);
    let b = fractal(p * stretch * 1.7 + seed + 40.0, 4, 0.5, footprint * 27.0);
    return p + eddies * vec3<f32>(b, -a, 0.55 * a);
}

// From dark belts (0) to bright zones (1) of Jupiter, by planetographic latitude in degrees.
fn jupiter_zone(latitude: f32) -> f32 {
    var z = smoothstep(-7.5, -5.5, latitude) * (1.0 - smoothstep(5.5, 7.5, latitude));
    z = max(z, smoothstep(16.5, 18.5, latitude) * (1.0 - smoothstep(23.0, 25.0, latitude)));
    z = max(z, smoothstep(-28.5, -26.0, latitude) * (1.0 - smoothstep(-21.0, -19.0, latitude)));
    z = max(z, 0.75 * smoothstep(30.0, 33.0, latitude) * (1.0 - smoothstep(37.0, 40.0, latitude)));
    z = max(z, 0.7 * smoothstep(-41.0, -37.0, latitude) * (1.0 - smoothstep(-34.0, -32.0, latitude)));
    z = max(z, 0.45 * smoothstep(42.0, 45.0, abs(latitude)) * (1.0 - smoothstep(48.0, 51.0, abs(latitude))));
    return z;
}

fn jupiter(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    // The Great Red Spot turns what is around it.
    let spot = place(-22.0, -60.0);
    let east = normalize(vec3<f32>(-spot.y, spot.x, 0.0));
    let north = cross(spot, east);
    let x = dot(p, east) / 0.150;
    let y = dot(p, north) / 0.088;
    let inside = select(9.0, sqrt(x * x + y * y), dot(p, spot) > 0.0);
    let turn = 2.6 * exp(-inside * inside * 0.9);
    let around = p - spot;
    let whirled = spot + around * cos(turn) + cross(spot, around) * sin(turn);
    let q = banded(normalize(select(p, whirled, inside < 4.0)), 0.034, 2.0, footprint);
    let latitude = degrees(asin(clamp(q.z, -1.0, 1.0)));
    let raw = degrees(asin(clamp(p.z, -1.0, 1.0)));
    // Thin bands within the great ones.
    let threads = fractal(vec3<f32>(3.3, 1.7, q.z * 17.0), 5, 0.7, footprint * 17.0);
    let zone = jupiter_zone(latitude + 1.2 * threads);
    let fine = fractal(q * vec3<f32>(9.0, 9.0, 60.0), min(octaves, 7), 0.62, footprint * 60.0);
    let swirl = fractal(banded(p, 0.09, 9.0, footprint) * vec3<f32>(10.0, 10.0, 30.0), min(octaves, 6), 0.6, footprint * 34.0);
    var belt = mix(vec3<f32>(0.36, 0.195, 0.10), vec3<f32>(0.55, 0.37, 0.23), clamp(0.5 + 0.8 * fine + 0.5 * threads, 0.0, 1.0));
    let reddish = smoothstep(6.0, 9.0, raw) * (1.0 - smoothstep(15.0, 18.0, raw));
    belt = mix(belt, vec3<f32>(0.47, 0.235, 0.115), 0.55 * reddish);
    let cream = mix(vec3<f32>(0.66, 0.55, 0.41), vec3<f32>(0.82, 0.76, 0.66), clamp(0.55 + 0.7 * swirl + 0.4 * threads, 0.0, 1.0));
    var colour = mix(belt, cream, clamp(zone * 0.9 + 0.30 * swirl + 0.30 * threads, 0.0, 1.0));
    // Blue-grey festoons on the edge of the equatorial zone.
    let festoon = smoothstep(0.25, 0.7, noise(vec3<f32>(q.xy * 6.5, q.z * 9.0) + 3.0) + 0.3 * fine)
        * (1.0 - smoothstep(1.0, 4.5, abs(raw - 6.0)));
    colour = mix(colour, vec3<f32>(0.33, 0.35, 0.41), 0.55 * festoon);
    // Toward the poles bands end and grey-brown eddies begin.
    let polar = smoothstep(44.0, 62.0, abs(raw));
    let eddies = fractal(p * 13.0 + 0.6 * vec3<f32>(fine), min(octaves, 7), 0.6, footprint * 13.0);
    colour = mix(colour, mix(vec3<f32>(0.37, 0.32, 0.28), vec3<f32>(0.56, 0.50, 0.44), clamp(0.5 + eddies, 0.0, 1.0)), polar);
    // White ovals in the south.
    let pearl = noise(vec3<f32>(normalize(p.xy) * 9.0, 2.0));
    let ovals = smoothstep(0.42, 0.6, pearl) * (1.0 - smoothstep(0.8, 2.0, abs(raw + 33.5 + fine)));
    colour = mix(colour, vec3<f32>(0.90, 0.87, 0.82), 0.8 * ovals);
    // The spot: salmon within, a pale hollow around.
    let core = 1.0 - smoothstep(0.72, 1.05, inside + 0.10 * fine);
    let hollow = (1.0 - smoothstep(1.05, 1.65, inside)) * smoothstep(0.75, 1.0, inside);
    colour = mix(colour, vec3<f32>(0.86, 0.78, 0.66), 0.65 * hollow);
    colour = mix(colour, mix(vec3<f32>(0.50, 0.16, 0.07), vec3<f32>(0.64, 0.29, 0.15), clamp(0.5 + swirl, 0.0, 1.0)), 0.9 * core);
    return plain(colour * (1.0 + 0.10 * fine), p);
}

fn saturn(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    let q = banded(p, 0.008, 5.0, footprint);
    let latitude = q.z;
    let bands = fractal(vec3<f32>(1.7, 2.3, latitude * 9.0), 5, 0.65, footprint * 9.0);
    let fine = fractal(vec3<f32>(q.xy * 2.0, latitude * 55.0), min(octaves, 5), 0.6, footprint * 55.0);
    var colour = mix(vec3<f32>(0.66, 0.50, 0.30), vec3<f32>(0.86, 0.75, 0.54), clamp(0.55 + 0.55 * bands + 0.12 * fine, 0.0, 1.0));
    let equator = exp(-pow(latitude / 0.14, 2.0));
    colour = mix(colour, vec3<f32>(0.92, 0.83, 0.64), 0.6 * equator);
    // Bluish grey high in the north, with the hexagon's edge around the pole.
    let longitude = atan2(p.y, p.x);
    let hexagon = 0.9755 + 0.0028 * cos(6.0 * longitude);
    colour = mix(colour, vec3<f32>(0.52, 0.51, 0.45), 0.55 * smoothstep(0.72, 0.96, latitude));
    colour = mix(colour, vec3<f32>(0.40, 0.35, 0.25), 0.7 * smoothstep(hexagon - 0.003, hexagon + 0.003, p.z));
    colour = mix(colour, vec3<f32>(0.56, 0.46, 0.32), 0.5 * smoothstep(0.75, 0.98, -latitude));
    return plain(colour, p);
}

fn uranus(p: vec3<f32>, footprint: f32) -> Surface {
    let q = banded(p, 0.01, 8.0, footprint);
    let bands = fractal(vec3<f32>(4.1, 1.2, q.z * 4.0), 4, 0.6, footprint * 4.0);
    var colour = vec3<f32>(0.43, 0.68, 0.73) * (1.0 + 0.05 * bands);
    // A bright hood over the pole that had summer.
    colour = mix(colour, vec3<f32>(0.66, 0.82, 0.84), 0.6 * smoothstep(0.45, 0.9, p.z));
    return plain(colour, p);
}

fn neptune(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    let q = banded(p, 0.02, 3.0, footprint);
    let bands = fractal(vec3<f32>(2.7, 6.1, q.z * 5.0), 5, 0.6, footprint * 5.0);
    var colour = mix(vec3<f32>(0.10, 0.26, 0.62), vec3<f32>(0.22, 0.44, 0.80), clamp(0.5 + 0.7 * bands, 0.0, 1.0));
    let spot = patch_at(vec3<f32>(q.xy, q.z), vec3<f32>(-20.0, 30.0, 9.0), 3.0);
    colour = mix(colour, vec3<f32>(0.06, 0.14, 0.40), 0.75 * spot);
    let wisps = fractal(vec3<f32>(q.xy * 5.0, q.z * 34.0) + 4.0, min(octaves, 6), 0.6, footprint * 34.0);
    let where_wisps = exp(-pow((q.z + 0.48) / 0.11, 2.0)) + exp(-pow((q.z - 0.42) / 0.09, 2.0)) + 0.6 * exp(-pow((q.z + 0.2) / 0.05, 2.0));
    colour = mix(colour, vec3<f32>(0.85, 0.92, 1.0), 0.7 * smoothstep(0.35, 0.9, wisps) * where_wisps);
    return plain(colour, p);
}

fn venus(p: vec3<f32>, footprint: f32, octaves: i32) -> Surface {
    // Clouds that run round in four days, drawn out into a lying Y.
    let latitude = p.z;
    let turn = 1.5 * latitude * latitude;
    let q = vec3<f32>(p.x * cos(turn) - p.y * sin(turn), p.x * sin(turn) + p.y * cos(turn), p.z);
    let a = fractal(q * vec3<f32>(1.4, 1.4, 4.0) + 2.0, 5, 0.55, footprint * 4.0);
    let b = fractal(q * vec3<f32>(2.6, 2.6, 9.0) + 0.7 * a, min(octaves, 7), 0.55, footprint * 9.0);
    let colour = mix(vec3<f32>(0.72, 0.60, 0.40), vec3<f32>(0.90, 0.84, 0.70), clamp(0.55 + 0.35 * a + 0.35 * b, 0.0, 1.0));
    return plain(mix(colour, vec3<f32>(0.92, 0.88, 0.78), 0.6 * smoothstep(0.75, 0.95, abs(latitude))), p);
}

fn titan(p: vec3<f32>) -> Surface {
    let haze = fractal(p * vec3<f32>(0.8, 0.8, 2.0), 3, 0.5, 0.0);
    return plain(mix(vec3<f32>(0.56, 0.35, 0.11), vec3<f32>(0.66, 0.44, 0.17), clamp(0.5 + 0.4 * haze + 0.3 * p.z, 0.0, 1.0)), p);
}

// The Sun: brightness relative to the middle of its disc. Limb darkening with coefficients by wavelength (Allen's
// Astrophysical Quantities 2000, section 14.7: u = 0.5 at 650 nm, 0.6 at 550 nm, 0.75 at 450 nm).
fn sun(p: vec3<f32>, mu: f32, footprint: f32, octaves: i32) -> vec3<f32> {
    let dark = 1.0 - vec3<f32>(0.50, 0.60, 0.75) * (1.0 - mu);
    let cells = fractal(p * 60.0, min(octaves, 8), 0.75, footprint * 60.0);
    let restless = smoothstep(0.18, 0.55, noise(p * vec3<f32>(3.0, 3.0, 4.0) + 1.0)) * exp(-pow((abs(p.z) - 0.28) / 0.14, 2.0));
    let spots = smoothstep(0.30, 0.52, noise(p * 11.0 + 4.0) * restless * 1.6) ;
    let umbra = smoothstep(0.5, 0.75, noise(p * 11.0 + 4.0) * restless * 1.6);
    let bright = (1.0 + 0.13 * cells * (0.4 + 0.6 * mu)) * (1.0 - 0.55 * spots) * (1.0 - 0.7 * umbra)
        * (1.0 + 0.22 * restless * (1.0 - mu) * (1.0 - spots));
    return max(dark, vec3<f32>(0.0)) * bright * vec3<f32>(1.0, 0.93, 0.82);
}
