//! The models that come with the program: closed, sized, smooth where they should be; and the loader against any bytes.
//! Must never be made to pass by leaving a model out: each test walks over all of them.

use std::collections::BTreeMap;

use glam::Vec3;
use proptest::prelude::*;
use render::models::{BUILT_IN, Level, Model, ModelError, load};

fn all() -> impl Iterator<Item = (&'static str, Model)> {
    BUILT_IN.into_iter().map(|(name, bytes)| (name, load(bytes).unwrap_or_else(|e| panic!("{name}: {e}"))))
}

pub fn triangles(level: &Level) -> impl Iterator<Item = [Vec3; 3]> + '_ {
    let place = |i: u32| Vec3::from_array(level.vertices[i as usize].position_m);
    level.indices.chunks_exact(3).map(move |t| [place(t[0]), place(t[1]), place(t[2])])
}

/// Edges that are not passed as often one way as the other.
pub fn open_edges(level: &Level) -> usize {
    let bits = |p: Vec3| p.to_array().map(f32::to_bits);
    let mut passed: BTreeMap<[[u32; 3]; 2], i32> = BTreeMap::new();
    for [a, b, c] in triangles(level) {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            let (from, to) = (bits(from), bits(to));
            *passed.entry([from.min(to), from.max(to)]).or_default() += if from < to { 1 } else { -1 };
        }
    }
    passed.values().filter(|balance| **balance != 0).count()
}

pub fn volume_m3(level: &Level) -> f32 {
    triangles(level).map(|[a, b, c]| a.dot(b.cross(c)) / 6.0).sum()
}

#[test]
fn every_level_is_closed_and_looks_outwards() {
    for (name, model) in all() {
        for (number, level) in model.levels.iter().enumerate() {
            assert_eq!(open_edges(level), 0, "{name} level {number} has holes");
            assert!(volume_m3(level) > 0.0, "{name} level {number} is inside out");
        }
    }
    let (_, mut model) = all().next().expect("there are models");
    model.levels[0].indices.truncate(3 * 100);
    assert!(open_edges(&model.levels[0]) > 0, "a torn model would be noticed");
}

#[test]
fn levels_have_the_triangles_that_their_distance_is_worth() {
    for (name, model) in all() {
        let counts: Vec<usize> = model.levels.iter().map(|l| l.indices.len() / 3).collect();
        assert_eq!(counts.len(), 3, "{name}");
        for (count, allowed) in counts.iter().zip([2500..8000, 400..1300, 100..270]) {
            assert!(allowed.contains(count), "{name}: {counts:?}");
        }
        for pair in model.levels.windows(2) {
            // What a coarse level may lack: antennas and the like, never the outline.
            let [fine, coarse] = [&pair[0], &pair[1]].map(volume_m3);
            assert!((0.6..1.7).contains(&(coarse / fine)), "{name}: volume {fine} to {coarse}");
        }
    }
}

#[test]
fn sizes_are_those_of_the_classes() {
    // Half the length along x, y, z in metres, and the radius about the origin.
    let expected: BTreeMap<&str, ([f32; 3], f32)> = BTreeMap::from([
        ("scout", ([5.45, 3.49, 1.32], 5.96)),
        ("freighter", ([21.5, 4.33, 7.40], 21.88)),
        ("shuttle", ([4.55, 3.05, 2.05], 5.18)),
        ("station", ([29.65, 47.95, 47.95], 53.71)),
        ("probe", ([1.93, 4.43, 3.20], 4.51)),
    ]);
    for (name, model) in all() {
        let (half, radius) = expected[name];
        let bounds = model.bounds;
        let found = (bounds.max_m - bounds.min_m) / 2.0;
        assert!((found - Vec3::from_array(half)).abs().max_element() < 0.05, "{name}: {found}");
        assert!((bounds.radius_m - radius).abs() < 0.05, "{name}: {}", bounds.radius_m);
    }
}

#[test]
fn normals_are_unit_vectors_and_belong_to_their_faces() {
    for (name, model) in all() {
        for level in &model.levels {
            for (triangle, [a, b, c]) in level.indices.chunks_exact(3).zip(triangles(level)) {
                let face = (b - a).cross(c - a);
                for index in triangle {
                    let normal = Vec3::from_array(level.vertices[*index as usize].normal);
                    assert!((normal.length() - 1.0).abs() < 1e-5, "{name}: {normal}");
                    // Nothing is smoothed over more than an edge of 60 degrees; slivers have no normal worth the name.
                    let aligned = normal.dot(face.normalize_or_zero());
                    assert!(aligned > 0.4 || face.length() < 1e-4, "{name}: {aligned} at {a}");
                }
            }
        }
    }
}

#[test]
fn materials_and_markers_are_there() {
    for (name, model) in all() {
        let finest = &model.levels[0];
        let lit = |wanted: f32| finest.vertices.iter().any(|v| v.emissive != [0.0; 3] && v.throttled == wanted);
        assert!(lit(0.0), "{name} has lamps");
        assert_eq!(lit(1.0), !model.nozzles.is_empty(), "{name}: what has nozzles glows in them");
        for nozzle in &model.nozzles {
            assert!(nozzle.direction.distance(Vec3::NEG_X) < 1e-5, "{name} blows backwards: {nozzle:?}");
        }
        let markers = model.nozzles.iter().chain(&model.docks).chain(&model.eye);
        for marker in markers {
            let inside = marker.place_m.clamp(model.bounds.min_m, model.bounds.max_m);
            assert!(inside.distance(marker.place_m) < 0.05, "{name}: {marker:?}");
        }
        for vertex in finest.vertices.iter() {
            assert!(vertex.colour.iter().all(|c| (0.0..=1.0).contains(c)));
            assert!((0.0..=1.0).contains(&vertex.metallic) && (0.0..=1.0).contains(&vertex.roughness));
        }
    }
    let found: BTreeMap<_, _> = all().map(|(n, m)| (n, (m.nozzles.len(), m.docks.len(), m.eye.is_some()))).collect();
    assert_eq!(found["scout"], (2, 0, true));
    assert_eq!(found["freighter"], (4, 1, true));
    assert_eq!(found["shuttle"], (2, 1, true));
    assert_eq!(found["station"], (0, 1, false));
    assert_eq!(found["probe"], (1, 0, false));
}

#[test]
fn left_is_left() {
    // The scout's port lamp is red, and port is left: y above zero.
    let (_, model) = all().find(|(name, _)| *name == "scout").expect("there is a scout");
    let lamps = model.levels[0].vertices.iter().filter(|v| v.emissive[0] > 5.0 && v.emissive[1] < 1.0);
    assert!(lamps.clone().count() > 0 && lamps.clone().all(|v| v.position_m[1] > 3.0));
    let shuttle = all().find(|(name, _)| *name == "shuttle").expect("there is a shuttle").1;
    assert!(shuttle.docks[0].direction.distance(Vec3::Z) < 1e-5, "its port is on the roof");
}

#[test]
fn errors_are_sentences() {
    let message = |bytes: &[u8]| load(bytes).expect_err("this is no model").to_string();
    assert_eq!(message(b""), "this is no glTF 2.0 binary: it does not begin as one");
    // A length in the header that is shorter than the header.
    assert_eq!(
        message(b"glTF\x02\0\0\0\x04\0\0\0"),
        "this is no glTF 2.0 binary: it is not as long as its header says"
    );
    let named = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let mut bytes = BUILT_IN[0].1.to_vec();
        let at: Vec<usize> =
            (0..bytes.len() - from.len()).filter(|i| bytes[*i..].starts_with(from.as_bytes())).collect();
        assert!(!at.is_empty(), "{from}");
        for at in at {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        load(&bytes).expect_err("the change matters")
    };
    assert_eq!(named("scout_lod0", "scout_none"), ModelError::NoMesh);
    assert_eq!(named("\"scale\":[0.5,", "\"scale\":[0.0,"), ModelError::Marker("nozzle_0".to_owned()));
    assert!(matches!(named("\"version\":\"2.0\"", "\"version\":\"2.0}"), ModelError::Gltf(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), begin_well in any::<bool>()) {
        let mut bytes = bytes;
        if begin_well {
            let head: Vec<u8> = [b"glTF\x02\0\0\0".as_slice(), &(bytes.len() as u32).to_le_bytes(), &200u32.to_le_bytes(), b"JSON"].concat();
            let len = head.len().min(bytes.len());
            bytes[..len].copy_from_slice(&head[..len]);
        }
        prop_assert!(load(&bytes).is_err());
    }

    #[test]
    fn a_damaged_model_is_an_error_or_a_sound_model(
        which in 0..BUILT_IN.len(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_json in any::<bool>(),
        digits in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = BUILT_IN[which].1.to_vec();
        let json_end = 20 + u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize;
        let range = if in_json { json_end } else { bytes.len() };
        for (place, value) in places {
            let mut at = place.index(range);
            if digits {
                // Numbers are where a document can lie while it stays a document.
                at = (at..json_end).find(|i| bytes[*i].is_ascii_digit()).unwrap_or(at);
                bytes[at] = b'0' + value % 10;
            } else {
                bytes[at] = value;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(12 + cut.index(bytes.len() - 12));
            let len = bytes.len() as u32;
            bytes[8..12].copy_from_slice(&len.to_le_bytes());
        }
        if let Ok(model) = load(&bytes) {
            for level in &model.levels {
                prop_assert!(level.indices.iter().all(|i| (*i as usize) < level.vertices.len()));
                prop_assert!(level.vertices.iter().all(|v| v.position_m.iter().all(|c| c.is_finite())));
            }
        }
    }
}
