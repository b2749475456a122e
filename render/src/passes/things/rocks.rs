//! Shapes of asteroids: spheres with dents and bumps, made from noise once. Must give the same rocks on every machine:
//! integer hashes, and only sums, products and roots of floats.

use std::collections::BTreeMap;

use glam::Vec3;

use crate::models::{Level, Vertex};

/// How many shapes there are.
pub(super) const SHAPES: usize = 4;
/// How often the triangles of each level of detail are split in four.
const SPLITS: [usize; 3] = [4, 2, 1];
/// Dents of a rock.
const DENTS: u32 = 14;

/// A rock whose farthest point lies one metre from its centre, and the radius of a ball as large.
pub(super) fn shape(number: u32) -> ([Level; 3], f32) {
    let mut levels = SPLITS.map(|splits| mesh(number, splits));
    let [fine, ..] = &levels;
    let farthest = fine.vertices.iter().map(|v| Vec3::from(v.position_m).length()).fold(0.0, f32::max);
    let whole = volume(fine);
    for level in &mut levels {
        // Coarse levels cut corners; as large as the finest they do not jump.
        let scale = (whole / volume(level)).cbrt() / farthest;
        for vertex in &mut level.vertices {
            vertex.position_m = (Vec3::from(vertex.position_m) * scale).to_array();
        }
    }
    let ball = (whole * 3.0 / (4.0 * core::f32::consts::PI)).cbrt() / farthest;
    (levels, ball)
}

fn volume(level: &Level) -> f32 {
    let place = |i: u32| Vec3::from(level.vertices[i as usize].position_m);
    level.indices.chunks_exact(3).map(|t| place(t[0]).dot(place(t[1]).cross(place(t[2]))) / 6.0).sum()
}

fn mesh(number: u32, splits: usize) -> Level {
    let (directions, triangles) = sphere(splits);
    let places: Vec<Vec3> = directions.iter().map(|d| place(number, *d)).collect();
    let mut normals = vec![Vec3::ZERO; places.len()];
    for [a, b, c] in &triangles {
        let face = (places[*b] - places[*a]).cross(places[*c] - places[*a]);
        for corner in [a, b, c] {
            normals[*corner] += face;
        }
    }
    let vertices = places.iter().zip(&normals).zip(&directions).map(|((place, normal), direction)| {
        // Dusty hollows are lighter.
        let dust = 0.5 + 0.5 * fractal(*direction * 3.1 + Vec3::splat(number as f32 * 7.7), 4);
        let grey = 0.13 + 0.09 * dust.clamp(0.0, 1.0);
        Vertex {
            position_m: place.to_array(),
            normal: normal.normalize_or(*direction).to_array(),
            colour: [grey * 1.04, grey, grey * 0.93],
            metallic: 0.0,
            roughness: 0.95,
            ..Vertex::default()
        }
    });
    let indices = triangles.iter().flatten().map(|i| *i as u32);
    Level { vertices: vertices.collect(), indices: indices.collect() }
}

/// Where the ground is in a direction.
fn place(number: u32, direction: Vec3) -> Vec3 {
    let seed = Vec3::splat(number as f32 * 31.0 + 5.0);
    let stretch = Vec3::new(1.0, 0.70 + 0.06 * number as f32, 0.84 - 0.07 * number as f32);
    let mut height = 1.0 + 0.22 * fractal(direction * 1.3 + seed, 2) + 0.075 * fractal(direction * 4.0 + seed, 4);
    for dent in 0..DENTS {
        let random = |n: i32| unit([number as i32 * 97 + 13, dent as i32, n]) * 2.0 - 1.0;
        let centre = Vec3::new(random(0), random(1), random(2)).normalize_or(Vec3::X);
        let size = 0.14 + 0.30 * (0.5 + 0.5 * random(3)).powi(3);
        let near = (direction - centre).length() / size;
        if near < 1.5 {
            // A bowl with a rim.
            let bowl = (1.0 - near * near).max(0.0);
            let rim = (1.0 - (near - 1.0).abs() * 2.0).max(0.0);
            height += size * (0.07 * rim * rim - 0.26 * bowl);
        }
    }
    direction * height.max(0.2) * stretch
}

/// An icosahedron whose triangles are split in four so often, as directions and corners.
fn sphere(splits: usize) -> (Vec<Vec3>, Vec<[usize; 3]>) {
    let g = (1.0 + 5f32.sqrt()) / 2.0;
    let mut directions: Vec<Vec3> = [(1.0, g), (-1.0, g), (1.0, -g), (-1.0, -g)]
        .iter()
        .flat_map(|&(a, b)| [Vec3::new(a, b, 0.0), Vec3::new(0.0, a, b), Vec3::new(b, 0.0, a)])
        .map(Vec3::normalize)
        .collect();
    let edge = (directions[0] - directions[3]).length() * 1.01;
    let mut triangles = Vec::new();
    for a in 0..12 {
        for b in a + 1..12 {
            for c in b + 1..12 {
                let near = |i: usize, j: usize| (directions[i] - directions[j]).length() < edge;
                if near(a, b) && near(b, c) && near(a, c) {
                    let outward = (directions[b] - directions[a]).cross(directions[c] - directions[a]);
                    let turned = outward.dot(directions[a]) < 0.0;
                    triangles.push(if turned { [a, c, b] } else { [a, b, c] });
                }
            }
        }
    }
    for _ in 0..splits {
        let mut middles = BTreeMap::new();
        let mut middle = |a: usize, b: usize| {
            *middles.entry((a.min(b), a.max(b))).or_insert_with(|| {
                directions.push((directions[a] + directions[b]).normalize());
                directions.len() - 1
            })
        };
        let mut finer = Vec::with_capacity(triangles.len() * 4);
        for [a, b, c] in triangles {
            let (ab, bc, ca) = (middle(a, b), middle(b, c), middle(c, a));
            finer.extend([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]);
        }
        triangles = finer;
    }
    (directions, triangles)
}

/// A number from 0 to 1 for a lattice point.
fn unit([x, y, z]: [i32; 3]) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x8DA6_B343)
        ^ (y as u32).wrapping_mul(0xD816_3841)
        ^ (z as u32).wrapping_mul(0xCB1A_B31F);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 13)).wrapping_mul(0x297A_2D39);
    ((h ^ (h >> 16)) >> 8) as f32 / 16_777_216.0
}

/// Value noise, -1 to 1, with features about as large as 1.
fn noise(p: Vec3) -> f32 {
    let cell = p.floor();
    let d = p - cell;
    let u = d * d * (Vec3::splat(3.0) - d * 2.0);
    let first = cell.to_array().map(|c| c as i32);
    let corner = |x: i32, y: i32, z: i32| unit([first[0] + x, first[1] + y, first[2] + z]);
    let along = |y: i32, z: i32| corner(0, y, z) * (1.0 - u.x) + corner(1, y, z) * u.x;
    let across = |z: i32| along(0, z) * (1.0 - u.y) + along(1, z) * u.y;
    (across(0) * (1.0 - u.z) + across(1) * u.z) * 2.0 - 1.0
}

/// Octaves of noise, each finer by two and weaker by two.
fn fractal(p: Vec3, octaves: u32) -> f32 {
    (0..octaves).map(|i| noise(p * (1 << i) as f32 + Vec3::splat(i as f32 * 17.3)) / (1 << i) as f32).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rocks_are_closed_look_outwards_and_fit_their_sphere() {
        for number in 0..SHAPES as u32 {
            let (levels, ball) = shape(number);
            assert!((0.55..0.95).contains(&ball), "{ball}");
            let counts = levels.each_ref().map(|level| level.indices.len() / 3);
            assert_eq!(counts, [5120, 320, 80]);
            for level in &levels {
                // As large as one another: no jump where one takes another's place.
                assert!((volume(level) / volume(&levels[0]) - 1.0).abs() < 1e-3);
                let mut edges = BTreeMap::new();
                for t in level.indices.chunks_exact(3) {
                    for (a, b) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
                        *edges.entry((a, b)).or_insert(0) += 1;
                    }
                }
                assert!(edges.iter().all(|((a, b), n)| *n == 1 && edges.get(&(*b, *a)) == Some(&1)));
            }
            let farthest = levels[0].vertices.iter().map(|v| Vec3::from(v.position_m).length()).fold(0.0, f32::max);
            assert!((farthest - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn rocks_differ() {
        assert_ne!(shape(0), shape(1));
        assert_eq!(shape(2), shape(2));
    }
}
