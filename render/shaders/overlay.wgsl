//!include comfort.wgsl
// Flat shapes and text over the finished picture, as `render::hud::paint` defines them.

// Eleven words a corner: position, local, shape, colour (four 16-bit parts), kind.
@group(0) @binding(0) var<storage, read> vertices: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var atlas: texture_2d<f32>;
@group(0) @binding(3) var nearest: sampler;
// Size of the picture in pixels, and which eye's it is.
@group(0) @binding(4) var<uniform> size: vec4<f32>;
@group(0) @binding(5) var<uniform> frame: Frame;

const STRIP: u32 = 0u;
const BOX: u32 = 1u;

struct Varyings {
    @builtin(position) position: vec4<f32>,
    @location(0) local: vec2<f32>,
    @location(1) shape: vec4<f32>,
    @location(2) colour: vec4<f32>,
    @location(3) @interpolate(flat) kind: u32,
}

fn number(word: u32) -> f32 {
    return bitcast<f32>(vertices[word]);
}

@vertex
fn vertex_main(@builtin(vertex_index) vertex: u32) -> Varyings {
    let at = indices[vertex] * 11u;
    let pixel = vec2<f32>(number(at), number(at + 1u));
    return Varyings(
        vec4<f32>(pixel / size.xy * 2.0 - 1.0, 0.0, 1.0),
        vec2<f32>(number(at + 2u), number(at + 3u)),
        vec4<f32>(number(at + 4u), number(at + 5u), number(at + 6u), number(at + 7u)),
        vec4<f32>(unpack2x16unorm(vertices[at + 8u]), unpack2x16unorm(vertices[at + 9u])),
        vertices[at + 10u],
    );
}

// The part of a pixel between two edges that are a and b pixels away, positive inside.
fn cover(a: f32, b: f32) -> f32 {
    return clamp(min(a, 0.5) + min(b, 0.5), 0.0, 1.0);
}

fn covered(in: Varyings) -> f32 {
    if in.kind == STRIP {
        return cover(in.shape.x, in.shape.y) * cover(in.shape.z, in.shape.w);
    }
    if in.kind == BOX {
        let q = abs(in.local) - in.shape.xy + in.shape.z;
        let d = length(max(q, vec2<f32>(0.0))) + min(max(q.x, q.y), 0.0) - in.shape.z;
        if in.shape.w > 0.0 {
            return cover(in.shape.w * 0.5 - d, in.shape.w * 0.5 + d);
        }
        return cover(-d, 2.0 * min(in.shape.x, in.shape.y) + d);
    }
    let texels = vec2<f32>(textureDimensions(atlas));
    return textureSampleLevel(atlas, nearest, in.local / texels, 0.0).r;
}

@fragment
fn fragment_main(in: Varyings) -> @location(0) vec4<f32> {
    let colour = in.colour * covered(in);
    return vec4<f32>(colour.rgb * light_left(u32(size.z), in.position.xy / size.xy), colour.a);
}
