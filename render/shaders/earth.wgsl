//!include clouded.wgsl
// The Earth: coasts from a map, and everything finer by noise; sea, forests, deserts, ice, clouds, city lights.

// Share of land at a place, 0 to 1, with the map's blur taken for the footprint.
fn land_map(p: vec3<f32>, footprint: f32) -> f32 {
    let longitude = atan2(p.y, p.x) / 6.2831853;
    let latitude = asin(clamp(p.z, -1.0, 1.0)) / 3.14159265;
    let level = max(log2(footprint * 2048.0 / 6.2831853), 0.0);
    return textureSampleLevel(land, smooth_sampler, vec2<f32>(longitude + 0.5, 0.5 - latitude), level).r;
}

// Cover of clouds, 0 to 1.
fn clouds(p: vec3<f32>, time: f32, footprint: f32, octaves: i32) -> f32 {
    let drift = 0.05 * time;
    let turned = vec3<f32>(p.x * cos(drift) - p.y * sin(drift), p.x * sin(drift) + p.y * cos(drift), p.z);
    let broad = clamp(octaves - 2, 0, 4);
    let a = vec3<f32>(
        fractal(turned * 2.2 + 1.0, broad, 0.5, 0.0),
        fractal(turned * 2.2 + 7.0, broad, 0.5, 0.0),
        fractal(turned * 2.2 + 13.0, min(broad, 3), 0.5, 0.0),
    );
    let q = turned + 0.20 * a;
    let flow = fractal(q * vec3<f32>(3.6, 3.6, 5.4) + 3.0, min(octaves, 12), 0.56, footprint * 5.0);
    let fleece = fractal(q * 15.0 + 2.0 * a, min(octaves, 9), 0.64, footprint * 15.0);
    // Rain belts along the equator and in the middle latitudes, clear subtropics.
    let s = abs(p.z);
    let belts = 0.30 * exp(-pow(p.z - 0.07, 2.0) / 0.010) + 0.42 * exp(-pow(s - 0.82, 2.0) / 0.045) - 0.24 * exp(-pow(s - 0.40, 2.0) / 0.022);
    let cover = flow + 0.42 * fleece * (0.55 + 0.45 * smoothstep(-0.3, 0.5, flow)) + belts;
    return smoothstep(-0.02, 0.80, cover);
}

fn land_colour(p: vec3<f32>, latitude: f32, rough_ground: f32, footprint: f32, octaves: i32) -> vec3<f32> {
    let broad = fractal(p * 5.0 + 2.0, min(octaves, 5), 0.55, footprint * 5.0);
    let fine = fractal(p * 40.0, min(octaves, 9), 0.6, footprint * 40.0);
    // Deserts: the trade winds' belts, and the great ones by name.
    var dry = array<vec3<f32>, 9>(
        vec3<f32>(23.0, 3.0, 13.0), vec3<f32>(22.0, 24.0, 13.0), vec3<f32>(22.0, 46.0, 10.0), vec3<f32>(40.5, 84.0, 8.0),
        vec3<f32>(-25.0, 131.0, 14.0), vec3<f32>(-23.0, 19.0, 7.0), vec3<f32>(34.0, -112.0, 8.0), vec3<f32>(-24.0, -68.5, 4.5),
        vec3<f32>(31.0, 60.0, 7.0),
    );
    // Rain: the tropics, monsoon lands, and the west winds' forests.
    var wet = array<vec3<f32>, 10>(
        vec3<f32>(-5.0, -62.0, 15.0), vec3<f32>(0.0, 20.0, 11.0), vec3<f32>(5.0, 110.0, 24.0), vec3<f32>(27.0, 112.0, 11.0),
        vec3<f32>(37.0, -83.0, 11.0), vec3<f32>(51.0, 12.0, 14.0), vec3<f32>(-25.0, -52.0, 8.0), vec3<f32>(14.0, -88.0, 8.0),
        vec3<f32>(25.0, 92.0, 8.0), vec3<f32>(37.0, 137.0, 8.0),
    );
    let q = normalize(p + 0.05 * vec3<f32>(noise(p * 7.0), noise(p * 7.0 + 3.0), noise(p * 7.0 + 6.0)));
    var desert = 0.0;
    for (var i = 0; i < 9; i++) {
        desert = max(desert, patch_at(q, dry[i], 6.0));
    }
    var rain = 0.0;
    for (var i = 0; i < 10; i++) {
        rain = max(rain, patch_at(q, wet[i], 5.0));
    }
    let forest = mix(vec3<f32>(0.040, 0.085, 0.026), vec3<f32>(0.075, 0.105, 0.038), clamp(0.5 + fine, 0.0, 1.0));
    let steppe = mix(vec3<f32>(0.155, 0.150, 0.066), vec3<f32>(0.25, 0.205, 0.11), clamp(0.5 + fine, 0.0, 1.0));
    let sand = mix(vec3<f32>(0.44, 0.32, 0.175), vec3<f32>(0.57, 0.45, 0.285), clamp(0.5 + 0.8 * fine + 0.4 * broad, 0.0, 1.0));
    let taiga = vec3<f32>(0.055, 0.082, 0.040);
    let tundra = mix(vec3<f32>(0.17, 0.15, 0.105), vec3<f32>(0.26, 0.24, 0.20), clamp(0.5 + fine, 0.0, 1.0));
    let north = abs(latitude) + 5.0 * broad;
    var colour = mix(forest, steppe, smoothstep(0.0, 0.55, broad + 0.45 * smoothstep(8.0, 28.0, north) - 0.35 * smoothstep(35.0, 50.0, north) - 0.75 * rain));
    colour = mix(colour, sand, clamp(desert * (0.95 + 0.35 * broad), 0.0, 1.0));
    colour = mix(colour, taiga, smoothstep(47.0, 56.0, north) * (1.0 - desert));
    colour = mix(colour, tundra, smoothstep(61.0, 69.0, north));
    return colour * (1.0 + 0.20 * rough_ground);
}

fn earth(p: vec3<f32>, footprint: f32, octaves: i32, time: f32, sun_up: f32) -> Surface {
    // Coasts finer than the map, by bending it.
    let bend = 0.0032 * vec3<f32>(
        fractal(p * 130.0, min(octaves, 7), 0.6, footprint * 130.0),
        fractal(p * 130.0 + 5.0, min(octaves, 7), 0.6, footprint * 130.0),
        fractal(p * 130.0 + 9.0, min(octaves, 7), 0.6, footprint * 130.0),
    );
    let share = land_map(normalize(p + bend), footprint);
    let sharp = 0.5 * clamp(footprint * 700.0, 0.06, 1.0);
    let is_land = smoothstep(0.5 - sharp, 0.5 + sharp, share);
    let latitude = degrees(asin(clamp(p.z, -1.0, 1.0)));
    let ground = rough(p, 20.0, clamp(octaves - 2, 0, 10), footprint);
    let hills = ground.height;

    // Sea: deep blue, paler over shelves.
    let shelf = land_map(p, max(footprint, 0.012));
    var sea = mix(vec3<f32>(0.010, 0.030, 0.075), vec3<f32>(0.018, 0.082, 0.115), smoothstep(0.02, 0.45, shelf));
    var colour = mix(sea, land_colour(p, latitude, hills, footprint, octaves), is_land);

    // Ice: the Arctic sea, Greenland, Antarctica and the sea around it, snow on high ground.
    let ragged = 3.0 * fractal(p * 9.0, min(octaves, 8), 0.55, footprint * 9.0);
    let greenland = is_land * max(patch_at(p, vec3<f32>(73.0, -40.0, 10.5), 1.5), patch_at(p, vec3<f32>(66.0, -45.0, 4.5), 1.2));
    let arctic = smoothstep(77.0, 80.5, latitude + ragged);
    let antarctic = smoothstep(-63.0, -66.5, latitude + ragged) * mix(0.85, 1.0, is_land);
    let snow = is_land * smoothstep(0.15, 0.6, hills + 0.035 * (abs(latitude) - 50.0));
    let white = max(max(max(greenland, arctic), antarctic), 0.7 * snow);
    colour = mix(colour, vec3<f32>(0.74, 0.79, 0.84) * (1.0 + 0.05 * hills), clamp(white, 0.0, 1.0));

    // Clouds are white, hide what is below and throw shadows.
    let cover = clouds(p, time, footprint, octaves);
    colour = mix(colour * (1.0 - 0.35 * cover), vec3<f32>(0.80, 0.81, 0.82), cover * 0.94);

    // Cities, where people live, glow at night.
    let populous = (1.0 - smoothstep(48.0, 62.0, abs(latitude))) * is_land * (1.0 - white);
    let cities = fractal(p * 70.0 + 21.0, min(octaves, 8), 0.85, footprint * 70.0) + 0.6 * fractal(p * 9.0 + 5.0, min(octaves, 3), 0.5, 0.0);
    let town = smoothstep(0.75, 1.9, cities) * populous * smoothstep(0.05, -0.12, sun_up);
    let glow = vec3<f32>(1.0, 0.62, 0.26) * town * 0.05 * (1.0 - 0.85 * cover);

    let clear = (1.0 - cover) * (1.0 - is_land) * (1.0 - clamp(white, 0.0, 1.0));
    // Young mountain chains are steep, old plains flat.
    let chains = smoothstep(0.25, 0.75, ridges(p * 3.1 + 5.0, min(octaves, 3), 0.5, 0.0) - 0.25);
    let slope = ground.slope * (0.025 + 0.13 * chains) * is_land * (1.0 - cover);
    return Surface(colour, tilted(p, slope), glow, clear, 0.16);
}
