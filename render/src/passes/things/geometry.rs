//! All meshes in one list of vertices and one of indices, and where each model's are: for `shaders/things.wgsl`. Must
//! never be made anew: it is the same for every frame.

use bytemuck::{Pod, Zeroable};
use glam::Vec3;

use super::rocks;
use crate::models::{self, Level, Model, ModelError};

/// `Vertex` of `shaders/mesh.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct VertexData {
    position: [f32; 3],
    throttled: f32,
    normal: [f32; 3],
    roughness: f32,
    colour: [f32; 3],
    metallic: f32,
    emissive: [f32; 3],
    rock: f32,
}

/// `Model` of `shaders/things.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub(super) struct ModelData {
    scale: f32,
    albedo: f32,
    seeming: f32,
    pad: f32,
    jet_first: u32,
    jets: u32,
    nozzles: u32,
    pad1: u32,
    levels: [[u32; 4]; 3],
}

/// `Jet` of `shaders/jets.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct JetData {
    place: [f32; 3],
    radius: f32,
    direction: [f32; 3],
    kind: f32,
}

/// Share of its sphere's disc that a ship's light is worth from afar, and of its radius that it seems to have.
const SHIP_ALBEDO: f32 = 0.35;
const SHIP_SEEMING: f32 = 0.6;
/// Mean of the rocks' vertices.
const ROCK_ALBEDO: f32 = 0.175;
/// Radius of a manoeuvring thruster's jet, of the ship's.
const PUFF: f32 = 0.022;

/// Everything that stays.
#[derive(Default)]
pub(super) struct Geometry {
    pub vertices: Vec<VertexData>,
    pub indices: Vec<u32>,
    pub models: Vec<ModelData>,
    pub jets: Vec<JetData>,
}

impl Geometry {
    /// The built-in ships, then the rocks.
    ///
    /// # Errors
    /// A built-in model that cannot be read: a mistake in the build.
    pub(super) fn new() -> Result<Self, ModelError> {
        let mut all = Self::default();
        for (_, bytes) in models::BUILT_IN {
            let model = models::load(bytes)?;
            let jet_first = all.jets.len() as u32;
            all.add_jets(&model);
            let data = ModelData {
                scale: 1.0 / model.bounds.radius_m.max(1e-3),
                albedo: SHIP_ALBEDO,
                seeming: SHIP_SEEMING,
                jet_first,
                jets: all.jets.len() as u32 - jet_first,
                nozzles: model.nozzles.len() as u32,
                ..ModelData::default()
            };
            all.add(data, &model.levels, 0.0);
        }
        for number in 0..rocks::SHAPES as u32 {
            let (levels, ball) = rocks::shape(number);
            all.add(ModelData { scale: 1.0, albedo: ROCK_ALBEDO, seeming: ball, ..ModelData::default() }, &levels, 1.0);
        }
        Ok(all)
    }

    /// Adds a model; where it has fewer levels of detail, the last one stands for those that are missing.
    fn add(&mut self, mut data: ModelData, levels: &[Level], rock: f32) {
        for number in 0..data.levels.len() {
            let Some(level) = levels.get(number) else {
                data.levels[number] = data.levels[number.saturating_sub(1)];
                continue;
            };
            let first = [self.indices.len(), self.vertices.len()].map(|n| n as u32);
            data.levels[number] = [level.indices.len() as u32, first[0], first[1], 0];
            self.indices.extend(&level.indices);
            self.vertices.extend(level.vertices.iter().map(|v| VertexData {
                position: v.position_m,
                throttled: v.throttled,
                normal: v.normal,
                roughness: v.roughness,
                colour: v.colour,
                metallic: v.metallic,
                emissive: v.emissive,
                rock,
            }));
        }
        self.models.push(data);
    }

    /// Main engines first, then thrusters: two to each side, one ahead and one back.
    fn add_jets(&mut self, model: &Model) {
        for nozzle in &model.nozzles {
            let (place, direction) = (nozzle.place_m.to_array(), nozzle.direction.to_array());
            self.jets.push(JetData { place, radius: nozzle.radius_m, direction, kind: 0.0 });
        }
        if model.nozzles.is_empty() {
            return;
        }
        let radius = model.bounds.radius_m * PUFF;
        for (axis, kind) in [(Vec3::X, 1.0), (Vec3::Y, 2.0), (Vec3::Z, 3.0)] {
            for sign in [1.0, -1.0] {
                // It pushes the other way.
                let out = -axis * sign;
                let along: &[f32] = if axis == Vec3::X { &[0.0] } else { &[0.55, -0.55] };
                for part in along {
                    let place = on_hull(model, out, *part).to_array();
                    self.jets.push(JetData { place, radius, direction: out.to_array(), kind: kind * sign });
                }
            }
        }
    }
}

/// The vertex that lies farthest in a direction across x among those about so far ahead, as a share of the length; or
/// farthest along x among those near the middle line.
fn on_hull(model: &Model, out: Vec3, part: f32) -> Vec3 {
    let half = (model.bounds.max_m - model.bounds.min_m) / 2.0;
    let middle = (model.bounds.max_m + model.bounds.min_m) / 2.0;
    let wanted = middle + Vec3::X * half.x * part;
    let vertices = model.levels.first().map(|level| level.vertices.as_slice()).unwrap_or_default();
    let fits = |place: &Vec3| {
        let off = (*place - wanted).abs() / half.max(Vec3::splat(1e-3));
        // Near the plane through the middle, too: wings and booms have no thrusters.
        let aside = if out.z == 0.0 { off.z } else { off.y };
        aside < 0.35 && (out.x != 0.0 || off.x < 0.2)
    };
    let places = vertices.iter().map(|v| Vec3::from(v.position_m)).filter(fits);
    places.max_by(|a, b| a.dot(out).total_cmp(&b.dot(out))).unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_leads_to_a_vertex_of_its_own_level() {
        let all = Geometry::new().expect("built-in models are sound");
        assert_eq!(all.models.len(), models::BUILT_IN.len() + rocks::SHAPES);
        for model in &all.models {
            let mut coarser = u32::MAX;
            for [count, first, vertex, _] in model.levels {
                let indices = &all.indices[first as usize..(first + count) as usize];
                assert!(indices.iter().all(|i| ((i + vertex) as usize) < all.vertices.len()));
                assert!(count < coarser && count > 0);
                coarser = count;
            }
            assert!((model.jet_first + model.jets) as usize <= all.jets.len() && model.nozzles <= model.jets);
        }
        assert!(all.jets.iter().all(|jet| Vec3::from(jet.direction).is_normalized() && jet.radius > 0.0));
    }
}
