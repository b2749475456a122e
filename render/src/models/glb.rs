//! The part of glTF 2.0 binaries that the models use: two chunks, typed JSON, accessors into the second chunk. Must
//! never panic on any bytes, and gives out nothing that lies outside of them.
//!
//! Why not a library: the usual one (gltf 1.4) indexes unchecked while it validates and subtracts from the header's
//! length unseen, so a damaged file ends the program. Source: the glTF 2.0 specification of the Khronos Group (2021),
//! sections 3.6 (binary data), 4 (GLB) and 5 (properties).

use serde::Deserialize;

/// Magic and version of a file, and the types of its chunks.
const MAGIC: &[u8] = b"glTF\x02\0\0\0";
const JSON: &[u8] = b"JSON";
const BINARY: &[u8] = b"BIN\0";
/// Component types of accessors.
const U16: u32 = 5123;
const U32: u32 = 5125;
const F32: u32 = 5126;
/// Primitive mode for lists of triangles.
const TRIANGLES: u32 = 4;

/// What the JSON chunk says, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Document {
    pub nodes: Vec<Node>,
    pub meshes: Vec<Mesh>,
    pub materials: Vec<Material>,
    accessors: Vec<Accessor>,
    buffer_views: Vec<View>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub name: String,
    pub translation: [f32; 3],
    /// x, y, z, w.
    pub rotation: [f32; 4],
    pub scale: [f32; 3],
}

impl Default for Node {
    fn default() -> Self {
        Self { name: String::new(), translation: [0.0; 3], rotation: [0.0, 0.0, 0.0, 1.0], scale: [1.0; 3] }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mesh {
    pub name: String,
    pub primitives: Vec<Primitive>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Primitive {
    pub attributes: Attributes,
    pub indices: Option<usize>,
    pub material: Option<usize>,
    #[serde(default = "triangles")]
    mode: u32,
}

impl Primitive {
    pub fn is_triangles(&self) -> bool {
        self.mode == TRIANGLES
    }
}

fn triangles() -> u32 {
    TRIANGLES
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) struct Attributes {
    pub position: usize,
    pub normal: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Material {
    pub name: String,
    #[serde(rename = "pbrMetallicRoughness")]
    pub surface: Surface,
    pub emissive_factor: [f32; 3],
    pub extensions: Extensions,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Surface {
    pub base_color_factor: [f32; 4],
    pub metallic_factor: f32,
    pub roughness_factor: f32,
}

impl Default for Surface {
    fn default() -> Self {
        Self { base_color_factor: [1.0; 4], metallic_factor: 1.0, roughness_factor: 1.0 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Extensions {
    #[serde(rename = "KHR_materials_emissive_strength")]
    pub emissive: Emissive,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Emissive {
    pub emissive_strength: f32,
}

impl Default for Emissive {
    fn default() -> Self {
        Self { emissive_strength: 1.0 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accessor {
    buffer_view: usize,
    #[serde(default)]
    byte_offset: usize,
    component_type: u32,
    count: usize,
    #[serde(rename = "type")]
    shape: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    buffer: usize,
    #[serde(default)]
    byte_offset: usize,
    byte_length: usize,
    byte_stride: Option<usize>,
}

/// A file taken apart.
#[derive(Debug)]
pub(super) struct Glb<'b> {
    pub document: Document,
    binary: &'b [u8],
}

impl<'b> Glb<'b> {
    /// Takes the bytes of a file apart. The error is the end of a sentence.
    pub fn read(bytes: &'b [u8]) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as one")?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or("it ends within its header")?;
        if u32::from_le_bytes(*length) as usize != bytes.len() {
            return Err("it is not as long as its header says".to_owned());
        }
        let (json, rest) = chunk(rest, JSON).ok_or("its first chunk is not whole, or not JSON")?;
        let (binary, rest) = chunk(rest, BINARY).ok_or("its second chunk is not whole, or not binary")?;
        if !rest.is_empty() {
            return Err("more bytes follow its second chunk".to_owned());
        }
        let document = serde_json::from_slice(json).map_err(|e| format!("its JSON cannot be read: {e}"))?;
        Ok(Self { document, binary })
    }

    /// How many elements an accessor has.
    pub fn count(&self, accessor: usize) -> usize {
        self.document.accessors.get(accessor).map_or(0, |a| a.count)
    }

    /// The elements of an accessor that holds three f32 each.
    pub fn vectors(&self, accessor: usize) -> Result<impl Iterator<Item = [f32; 3]> + 'b, &'static str> {
        let (_, elements) = self.elements(accessor, "VEC3", |kind| (kind == F32).then_some(12))?;
        let number = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        Ok(elements.map(move |b| [number(&b[0..4]), number(&b[4..8]), number(&b[8..12])]))
    }

    /// The elements of an accessor that holds indices of 16 or 32 bits.
    pub fn indices(&self, accessor: usize) -> Result<impl Iterator<Item = u32> + 'b, &'static str> {
        let size = |kind| match kind {
            U16 => Some(2),
            U32 => Some(4),
            _ => None,
        };
        let (kind, elements) = self.elements(accessor, "SCALAR", size)?;
        Ok(elements.map(move |b| match kind {
            U16 => u32::from(u16::from_le_bytes([b[0], b[1]])),
            _ => u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        }))
    }

    /// Component type and elements of an accessor, each exactly as many bytes as `size` gives for the type.
    fn elements(
        &self,
        accessor: usize,
        shape: &str,
        size: impl Fn(u32) -> Option<usize>,
    ) -> Result<(u32, impl Iterator<Item = &'b [u8]> + 'b), &'static str> {
        const OUTSIDE: &str = "its data lie outside of the file";
        let accessor = self.document.accessors.get(accessor).ok_or("an accessor of it is missing")?;
        let view = self.document.buffer_views.get(accessor.buffer_view).ok_or("a buffer view of it is missing")?;
        let size = size(accessor.component_type).filter(|_| accessor.shape == shape && view.buffer == 0);
        let size = size.ok_or("its data are of an unexpected type")?;
        let stride = view.byte_stride.unwrap_or(size);
        let end = view.byte_offset.checked_add(view.byte_length).ok_or(OUTSIDE)?;
        let bytes =
            self.binary.get(view.byte_offset..end).and_then(|v| v.get(accessor.byte_offset..)).ok_or(OUTSIDE)?;
        // The last element need not be followed by the rest of its stride.
        let last = accessor.count.checked_sub(1).and_then(|n| n.checked_mul(stride)).ok_or(OUTSIDE)?;
        if stride < size || last.checked_add(size).is_none_or(|needed| needed > bytes.len()) {
            return Err(OUTSIDE);
        }
        Ok((accessor.component_type, (0..accessor.count).map(move |i| &bytes[i * stride..i * stride + size])))
    }
}

/// The chunk of that type at the front, and what follows it.
fn chunk<'b>(bytes: &'b [u8], kind: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.strip_prefix(kind)?.split_at_checked(u32::from_le_bytes(*length) as usize)
}
