//!include earth.wgsl
// Which body has which surface. The numbers are those of `Look` in `src/bodies/look.rs`.

fn surface(look: u32, p: vec3<f32>, footprint: f32, octaves: i32, time: f32, sun_up: f32) -> Surface {
    switch look {
        case 1u: { return mercury(p, footprint, octaves); }
        case 2u: { return venus(p, footprint, octaves); }
        case 3u: { return earth(p, footprint, octaves, time, sun_up); }
        case 4u: { return moon(p, footprint, octaves); }
        case 5u: { return mars(p, footprint, octaves); }
        case 6u: { return jupiter(p, footprint, octaves); }
        case 7u: { return saturn(p, footprint, octaves); }
        case 8u: { return uranus(p, footprint); }
        case 9u: { return neptune(p, footprint, octaves); }
        case 10u: { return pluto(p, footprint, octaves); }
        case 11u: { return titan(p); }
        default: { return rock(p, footprint, octaves); }
    }
}
