//!include frame.wgsl
// A segment in space as a quad of some width in pixels. It is cut here, before it is flat: what lies behind the eye has
// no place in the picture, and what is far outside none that f32 could hold.

struct Corner {
    position: vec4<f32>,
    // In pixels, from the segment's first end: along it and across it.
    at_px: vec2<f32>,
    // Of the segment, in pixels, and half the quad's width.
    length_px: f32,
    half_px: f32,
    // 0 for a segment out of sight.
    shown: f32,
}

// How far the point is on the good side of one of five planes; those at the sides lie well outside of the picture.
fn side(p: vec4<f32>, plane: i32) -> f32 {
    let edge = 2.0 * p.w;
    switch plane {
        case 0: { return p.w - 2.0 * frame.near_m; }
        case 1: { return edge - p.x; }
        case 2: { return edge + p.x; }
        case 3: { return edge - p.y; }
        default: { return edge + p.y; }
    }
}

// From `a` to `b`, metres from the camera, `radius_m` thick and at least so many pixels. With round ends (`cap` 1) the
// quad reaches over them.
fn segment(eye: Eye, a: vec3<f32>, b: vec3<f32>, radius_m: f32, least_px: f32, cap: f32, vertex: u32) -> Corner {
    var from_end = eye.clip_from_world * vec4<f32>(a, 1.0);
    var to_end = eye.clip_from_world * vec4<f32>(b, 1.0);
    var first = 0.0;
    var last = 1.0;
    for (var plane = 0; plane < 5; plane++) {
        let f = side(from_end, plane);
        let t = side(to_end, plane);
        if f < 0.0 && t < 0.0 {
            first = 2.0;
        } else if f < 0.0 {
            first = max(first, f / (f - t));
        } else if t < 0.0 {
            last = min(last, f / (f - t));
        }
    }
    if first >= last {
        return Corner(vec4<f32>(0.0, 0.0, 0.0, 1.0), vec2<f32>(0.0), 0.0, 1.0, 0.0);
    }
    let cut_from = mix(from_end, to_end, first);
    let cut_to = mix(from_end, to_end, last);
    let half = 0.5 * frame.size;
    let from_px = cut_from.xy / cut_from.w * half;
    let to_px = cut_to.xy / cut_to.w * half;
    let way = to_px - from_px;
    let length_px = length(way);
    let along = select(vec2<f32>(1.0, 0.0), way / length_px, length_px > 1e-3);
    let across = vec2<f32>(-along.y, along.x);
    let corner = square(vertex);
    let far = corner.x > 0.0;
    let w = select(cut_from.w, cut_to.w, far);
    let half_px = max(radius_m / (frame.pixel_rad * w), least_px);
    // A pixel more for a smooth edge.
    let reach = half_px + 1.0;
    let px = select(from_px, to_px, far) + along * (corner.x * reach * cap) + across * (corner.y * reach);
    let at_px = vec2<f32>(select(0.0, length_px, far) + corner.x * reach * cap, corner.y * reach);
    return Corner(vec4<f32>(px / half * w, frame.near_m, w), at_px, length_px, half_px, 1.0);
}

// How far a place in a quad is from its segment, in pixels.
fn from_segment(at_px: vec2<f32>, length_px: f32) -> f32 {
    return length(vec2<f32>(at_px.x - clamp(at_px.x, 0.0, length_px), at_px.y));
}
