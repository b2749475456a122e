//! Ships, stations and the cockpit: from the glTF 2.0 binaries in `fixtures/models/` to plain vertex arrays in body axes. Must never
//! panic, whatever bytes it is given, nor hold more memory than [`VERTICES_MAX`] allows.
//!
//! Not all of glTF is read, but what those files hold: meshes named NAME_lod0 and on with indexed triangles, NAME_panes
//! with four vertices for each pane, materials without textures, and marker nodes right below the root. How they are made and what their axes are is described in
//! `fixtures/scripts/make_models.py` and `fixtures/scripts/modelling/glb.py`.

use bytemuck::{Pod, Zeroable};
use glam::Vec3;

use glb::{Document, Glb, Material, Mesh};

mod glb;

/// The models that come with the program, by name.
pub const BUILT_IN: [(&str, &[u8]); 5] = [
    ("scout", include_bytes!("../../fixtures/models/scout.glb")),
    ("freighter", include_bytes!("../../fixtures/models/freighter.glb")),
    ("shuttle", include_bytes!("../../fixtures/models/shuttle.glb")),
    ("station", include_bytes!("../../fixtures/models/station.glb")),
    ("probe", include_bytes!("../../fixtures/models/probe.glb")),
];

/// The cockpit that is drawn around a pilot, whatever the ship; its origin is between the eyes.
pub const COCKPIT: &[u8] = include_bytes!("../../fixtures/models/cockpit.glb");

/// Most vertices, and most indices, that one level of detail may have.
pub const VERTICES_MAX: usize = 1 << 20;
/// Farthest coordinate that a model may have, metres.
const EXTENT_MAX_M: f32 = 1e6;
/// Most levels of detail that are looked for.
const LEVELS_MAX: usize = 8;

/// Why a model cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no glTF 2.0 binary.
    #[error("this is no glTF 2.0 binary: {0}")]
    Gltf(String),
    /// It has no mesh for the finest level of detail.
    #[error("the model has no mesh whose name ends in _lod0")]
    NoMesh,
    /// A mesh is not as a model's must be.
    #[error("mesh {mesh} of the model cannot be used: {what}")]
    Mesh {
        /// Its name.
        mesh: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A marker's place, direction or size makes no sense.
    #[error("marker {0} of the model is not finite, or has no size")]
    Marker(String),
}

/// One corner of a triangle. All colours are linear sRGB.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Vertex {
    /// Metres from the model's origin, body axes (x forward, y left, z up).
    pub position_m: [f32; 3],
    /// Unit vector outwards, body axes.
    pub normal: [f32; 3],
    /// Base colour.
    pub colour: [f32; 3],
    /// 0 for paint and glass, 1 for bare metal.
    pub metallic: f32,
    /// 0 for a mirror, 1 for chalk.
    pub roughness: f32,
    /// Light that it gives off, on the scale on which a white wall in sunlight is about 1.
    pub emissive: [f32; 3],
    /// 1 where the emitted light is to be multiplied by the engine's throttle, else 0.
    pub throttled: f32,
}

/// One level of detail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// Corners.
    pub vertices: Vec<Vertex>,
    /// Three for each triangle, counter-clockwise seen from outside; each below `vertices.len()`.
    pub indices: Vec<u32>,
}

/// A place on a model that means something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marker {
    /// Metres, body axes.
    pub place_m: Vec3,
    /// Unit vector outwards, body axes: where an engine blows to, a docking port faces to, a pilot looks to.
    pub direction: Vec3,
    /// Metres.
    pub radius_m: f32,
}

/// How large the finest level is, metres, body axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest coordinates.
    pub min_m: Vec3,
    /// Largest coordinates.
    pub max_m: Vec3,
    /// Farthest vertex of any level from the origin.
    pub radius_m: f32,
}

/// A model, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Levels of detail, the finest first; at least one.
    pub levels: Vec<Level>,
    /// Engines' exits.
    pub nozzles: Vec<Marker>,
    /// Docking ports.
    pub docks: Vec<Marker>,
    /// The pilot's eyes.
    pub eye: Option<Marker>,
    /// What light falls in through: four corners each, metres, body axes, counter-clockwise seen from within.
    pub panes: Vec<[Vec3; 4]>,
    /// Size.
    pub bounds: Bounds,
}

/// The model in a glTF 2.0 binary.
///
/// # Errors
/// With what keeps the bytes from being a model; see [`ModelError`].
pub fn load(bytes: &[u8]) -> Result<Model, ModelError> {
    let glb = Glb::read(bytes).map_err(ModelError::Gltf)?;
    let mut levels = Vec::new();
    for number in 0..LEVELS_MAX {
        let ending = format!("_lod{number}");
        let Some(mesh) = glb.document.meshes.iter().find(|m| m.name.ends_with(&ending)) else { break };
        levels.push(level(mesh, &glb).map_err(|what| ModelError::Mesh { mesh: mesh.name.clone(), what })?);
    }
    let bounds = bounds(&levels).ok_or(ModelError::NoMesh)?;
    Ok(Model {
        nozzles: markers(&glb.document, "nozzle_")?,
        docks: markers(&glb.document, "dock_")?,
        eye: markers(&glb.document, "eye")?.first().copied(),
        panes: panes(&glb)?,
        levels,
        bounds,
    })
}

/// glTF's axes (y up, z forward, x left) to a body's (x forward, y left, z up).
fn body_from_gltf([x, y, z]: [f32; 3]) -> [f32; 3] {
    [z, x, y]
}

fn level(mesh: &Mesh, glb: &Glb<'_>) -> Result<Level, &'static str> {
    let mut level = Level::default();
    for primitive in &mesh.primitives {
        let (positions, normals) = (primitive.attributes.position, primitive.attributes.normal);
        let indices = primitive.indices.filter(|_| primitive.is_triangles()).ok_or("it has no indexed triangles")?;
        let more = |held: usize, accessor| held.saturating_add(glb.count(accessor));
        if more(level.vertices.len(), positions).max(more(level.indices.len(), indices)) > VERTICES_MAX {
            return Err("it is too large");
        }
        if glb.count(positions) != glb.count(normals) || !glb.count(indices).is_multiple_of(3) {
            return Err("it has not as many normals as positions, or its indices do not come in threes");
        }
        let material = primitive.material.map(|i| glb.document.materials.get(i).ok_or("a material of it is missing"));
        let look = material.transpose()?.map_or_else(|| look(&Material::default()), look);
        let first = level.vertices.len() as u32;
        for (position, normal) in glb.vectors(positions)?.zip(glb.vectors(normals)?) {
            let (position_m, normal) = (body_from_gltf(position), Vec3::from_array(body_from_gltf(normal)));
            if !position_m.iter().all(|c| c.abs() < EXTENT_MAX_M) || !(0.98..1.02).contains(&normal.length()) {
                return Err("a position is not finite, or a normal not of length 1");
            }
            level.vertices.push(Vertex { position_m, normal: normal.normalize().to_array(), ..look });
        }
        for index in glb.indices(indices)? {
            if index >= level.vertices.len() as u32 - first {
                return Err("an index leads to no vertex");
            }
            level.indices.push(first + index);
        }
    }
    if level.indices.is_empty() { Err("it is empty") } else { Ok(level) }
}

/// The panes of a model that has some.
fn panes(glb: &Glb<'_>) -> Result<Vec<[Vec3; 4]>, ModelError> {
    let Some(mesh) = glb.document.meshes.iter().find(|m| m.name.ends_with("_panes")) else { return Ok(Vec::new()) };
    let found = level(mesh, glb).map_err(|what| ModelError::Mesh { mesh: mesh.name.clone(), what })?;
    let corners = |four: &[Vertex]| [0, 1, 2, 3].map(|i| Vec3::from_array(four[i].position_m));
    Ok(found.vertices.chunks_exact(4).map(corners).collect())
}

/// A vertex that has only its material yet.
fn look(material: &Material) -> Vertex {
    let surface = &material.surface;
    let [r, g, b, _] = surface.base_color_factor;
    let sound = |x: f32, most: f32| if x.is_finite() { x.clamp(0.0, most) } else { 0.0 };
    Vertex {
        colour: [r, g, b].map(|c| sound(c, 1.0)),
        metallic: sound(surface.metallic_factor, 1.0),
        roughness: sound(surface.roughness_factor, 1.0),
        emissive: material.emissive_factor.map(|c| sound(c * material.extensions.emissive.emissive_strength, 1e6)),
        throttled: if material.name.starts_with("engine") { 1.0 } else { 0.0 },
        ..Vertex::default()
    }
}

fn bounds(levels: &[Level]) -> Option<Bounds> {
    let places = |level: &Level| level.vertices.iter().map(|v| Vec3::from_array(v.position_m)).collect::<Vec<_>>();
    let finest = places(levels.first()?);
    let all = levels.iter().flat_map(places);
    Some(Bounds {
        min_m: finest.iter().copied().reduce(Vec3::min)?,
        max_m: finest.iter().copied().reduce(Vec3::max)?,
        radius_m: all.map(Vec3::length).reduce(f32::max)?,
    })
}

/// The nodes whose names begin so, in their order by name.
fn markers(document: &Document, prefix: &str) -> Result<Vec<Marker>, ModelError> {
    let mut found = Vec::new();
    for node in document.nodes.iter().filter(|n| n.name.starts_with(prefix)) {
        let outwards = rotated(node.rotation, Vec3::Z);
        let marker = Marker {
            place_m: Vec3::from_array(body_from_gltf(node.translation)),
            direction: Vec3::from_array(body_from_gltf(outwards.to_array())),
            radius_m: node.scale[0],
        };
        let sound = marker.place_m.abs().max_element() < EXTENT_MAX_M
            && (0.98..1.02).contains(&marker.direction.length())
            && (1e-3..1e6).contains(&marker.radius_m);
        if !sound {
            return Err(ModelError::Marker(node.name.clone()));
        }
        found.push((node.name.as_str(), Marker { direction: marker.direction.normalize(), ..marker }));
    }
    found.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    Ok(found.into_iter().map(|(_, marker)| marker).collect())
}

/// `v` turned by a quaternion, whatever its length; no unit vector comes out unless the quaternion is one.
fn rotated(rotation: [f32; 4], v: Vec3) -> Vec3 {
    let [x, y, z, w] = rotation;
    let u = Vec3::new(x, y, z);
    v * (w * w - u.length_squared()) + u * (2.0 * u.dot(v)) + u.cross(v) * (2.0 * w)
}
