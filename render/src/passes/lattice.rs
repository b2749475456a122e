//! The lattice: a glowing grid under the camera that sinks toward masses, in the plane of the strongest one's equator (the
//! ecliptic's for the Sun). It shows where space is curved and towards what; depths are chosen to be seen: each mass
//! counts by the square root of its share of the strongest, and a well is as wide as a seventh of the distance to it. Must
//! never be read as a measure.

use bytemuck::{Pod, Zeroable};
use glam::{DVec2, DVec3};
use vulkano::buffer::Subbuffer;

use super::shader;
use crate::bodies::Look;
use crate::gpu::{Blend, Depth, Drawing, Gpu, GpuError, Pass, PassBuilder, Uploads};
use crate::scene::{Body, Scene};

/// Lines to each side and segments between two lines; as in the shader.
const LINES: u32 = 27;
const STEPS: u32 = 4;
/// Most masses that it sinks toward.
const WELLS: usize = 6;
/// Obliquity of the ecliptic at J2000, radians (IAU 2006: 84381.406 seconds of arc).
const OBLIQUITY_RAD: f64 = 84_381.406 / 3600.0 * core::f64::consts::PI / 180.0;
/// All lengths follow from the distance to the strongest mass: the least height over the plane, the depth of the deepest
/// well and its width, and how far the grid reaches.
const HEIGHT: f64 = 0.08;
const DEPTH: f64 = 0.5;
const WIDTH: f64 = 0.14;
const REACH: f64 = 1.6;
/// Half the width of lines, pixels of the finished picture.
const HALF_PX: f64 = 0.6;

/// `Lattice` of `shaders/lattice.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub(crate) struct LatticeData {
    node: [f32; 4],
    across: [f32; 4],
    beside: [f32; 4],
    normal: [f32; 4],
    shape: [f32; 4],
    wells: [[f32; 4]; WELLS],
    cores: [[f32; 4]; WELLS],
    parity: [f32; 4],
}

/// The pipeline.
pub(crate) struct Lattice {
    pass: Pass,
}

impl Lattice {
    /// Makes the pass.
    pub(crate) fn new(gpu: &Gpu, views: u32) -> Result<Self, GpuError> {
        let pass = PassBuilder {
            name: "lattice",
            spirv: shader!("lattice"),
            blend: Blend::Add,
            depth: Depth::Test,
            ..Default::default()
        };
        Ok(Self { pass: pass.build(gpu, views)? })
    }

    /// Draws it.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        uploads: &Uploads,
        frame: &Subbuffer<[u8]>,
        lattice: &LatticeData,
    ) -> Result<(), GpuError> {
        let set = self.pass.bind_buffers(gpu, &[frame, &uploads.put(&[*lattice])?])?;
        to.draw(&self.pass, set, 6, 2 * (2 * LINES + 1) * 2 * LINES * STEPS)
    }
}

/// The lattice of a scene, where it has one; `scale` drawn pixels along an edge become one of the finished picture.
pub(crate) fn pack(scene: &Scene, scale: f64) -> Option<LatticeData> {
    let camera = scene.camera.position;
    let away = |body: &Body| body.position.minus(camera);
    let pull = |body: &Body| body.gm_m3_s2 / away(body).length_squared().max(body.radius_m.powi(2));
    let strongest = scene.bodies.iter().max_by(|a, b| pull(a).total_cmp(&pull(b)));
    let strongest = strongest.filter(|body| scene.options.lattice && body.gm_m3_s2 > 0.0)?;
    let to_centre = away(strongest);
    let distance_m = to_centre.length().max(strongest.radius_m).max(1.0);
    let normal = if strongest.look == Look::Sun {
        DVec3::new(0.0, -OBLIQUITY_RAD.sin(), OBLIQUITY_RAD.cos())
    } else {
        (strongest.icrf_from_body * DVec3::Z).normalize_or(DVec3::Z)
    };
    let (across, beside) = normal.any_orthonormal_pair();
    // From the plane's origin, which moves with the mass, to the camera; the plane is always under it.
    let height_m = (-to_centre.dot(normal)).max(HEIGHT * distance_m);
    let foot = DVec2::new(-to_centre.dot(across), -to_centre.dot(beside));
    // Of 8 to 16 lines to the mass, every second one comes or goes.
    let spacing_m = 2f64.powf((distance_m / 8.0).log2().floor());
    let index = (foot / spacing_m).round();
    let aside = index * spacing_m - foot;
    let node = across * aside.x + beside * aside.y - normal * height_m;
    let four = |v: DVec3, w: f64| v.as_vec3().extend(w as f32).to_array();
    let mut data = LatticeData {
        node: four(node, spacing_m),
        across: four(across, 0.0),
        beside: four(beside, 0.0),
        normal: four(normal, REACH * distance_m),
        shape: [DEPTH * distance_m, WIDTH * distance_m, HALF_PX * scale, 0.0].map(|v| v as f32),
        wells: [[0.0; 4]; WELLS],
        cores: [[0.0; 4]; WELLS],
        parity: [
            index.x.rem_euclid(2.0) as f32,
            index.y.rem_euclid(2.0) as f32,
            (2.0 - distance_m / spacing_m / 8.0).clamp(0.0, 1.0) as f32,
            0.0,
        ],
    };
    let near = scene.bodies.iter().filter(|body| away(body).length() < 4.0 * REACH * distance_m);
    let weights = near.map(|body| ((body.gm_m3_s2 / strongest.gm_m3_s2).max(0.0).sqrt().min(1.0), body));
    for (weight, body) in weights.filter(|(weight, _)| *weight > 0.0) {
        // The lightest of those that have a place makes room.
        let lightest = (0..WELLS).min_by(|a, b| data.wells[*a][3].total_cmp(&data.wells[*b][3])).unwrap_or(0);
        if weight as f32 > data.wells[lightest][3] {
            data.wells[lightest] = four(away(body), weight);
            data.cores[lightest][0] = (0.9 * body.radius_m) as f32;
        }
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Camera;
    use glam::DQuat;
    use sim::Position;

    fn over_the_earth(height_m: f64, east_m: f64) -> LatticeData {
        let camera = Camera::one(Position::ORIGIN, DQuat::IDENTITY, 1.0, 1.0);
        let mut scene = Scene::solar_system(2_451_545.0, camera).unwrap();
        scene.options.lattice = true;
        let earth = *scene.find(Look::Earth).unwrap();
        let pole = earth.icrf_from_body * DVec3::Z;
        scene.camera.position = earth.position.plus(pole * height_m + pole.any_orthonormal_vector() * east_m);
        pack(&scene, 1.0).unwrap()
    }

    #[test]
    fn it_is_anchored_to_the_mass_and_under_the_camera() {
        // A step of exactly two lines moves the node by none.
        let (one, other) = (over_the_earth(2e6, 3.0e7), over_the_earth(2e6, 3.0e7 + 1000.0));
        let spacing = f64::from(one.node[3]);
        assert_eq!(spacing.log2().fract(), 0.0);
        assert!((8.0..16.0).contains(&(3.0e7f64.hypot(2e6) / spacing)));
        let node = |data: &LatticeData| glam::Vec3::from_slice(&data.node[..3]).as_dvec3();
        let moved = node(&one) - node(&other);
        assert!((moved.length() - 1000.0).abs() < 5.0, "the grid stays where it is: {moved}");
        let below = over_the_earth(-5e6, 1e7);
        let normal = glam::Vec3::from_slice(&below.normal[..3]);
        assert!(node(&below).dot(normal.as_dvec3()) < -0.07 * 1.1e7);
    }

    #[test]
    fn the_strongest_and_its_neighbours_are_wells() {
        let data = over_the_earth(0.0, 2e8);
        let weights: Vec<f32> = data.wells.iter().map(|well| well[3]).filter(|w| *w > 0.0).collect();
        assert_eq!(weights.len(), 2, "the Earth and the Moon: {weights:?}");
        assert!(weights.contains(&1.0) && weights.iter().any(|w| (w - 0.111).abs() < 0.002), "{weights:?}");
    }

    #[test]
    fn no_mass_no_lattice() {
        let camera = Camera::one(Position::ORIGIN, DQuat::IDENTITY, 1.0, 1.0);
        let mut scene = Scene::empty(camera);
        scene.options.lattice = true;
        assert_eq!(pack(&scene, 1.0), None);
    }
}
