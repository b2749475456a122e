//! What stands still behind everything: the glow of the Milky Way and the stars. Bodies too small to be discs are
//! drawn as stars too. Must never hide anything, nor leave depth.

use bytemuck::{Pod, Zeroable};
use vulkano::buffer::Subbuffer;
use vulkano::descriptor_set::WriteDescriptorSet;

use super::frame::Shared;
use super::shader;
use crate::gpu::{Blend, Depth, Drawing, Gpu, GpuError, Pass, PassBuilder, lasting};
use crate::sky::catalogue::Star;

/// `Star` of `shaders/stars.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct Spot {
    /// Unit vector, ICRF.
    pub direction: [f32; 3],
    /// Light relative to a star of magnitude 0.
    pub flux: f32,
    /// Linear sRGB of luminance 1.
    pub colour: [f32; 3],
    /// Temperature of its light, kelvin; 0 for what shines in sunlight.
    pub kelvin: f32,
}

/// The sky's pipelines and the stars.
pub(crate) struct Sky {
    galaxy: Pass,
    stars: Pass,
    catalogue: Vec<Star>,
    /// The catalogue's spots as of some year, and their number.
    spots: Option<(i64, Subbuffer<[u8]>, u32)>,
}

/// Stars move so little that their places are found anew only once in so many years: the fastest crosses a tenth of a
/// hundredth of a degree.
const YEARS_PER_STEP: f64 = 0.25;

impl Sky {
    /// Makes the pass, with stars of `catalogue`.
    pub(crate) fn new(gpu: &Gpu, views: u32, catalogue: Vec<Star>) -> Result<Self, GpuError> {
        let galaxy = PassBuilder {
            name: "galaxy",
            spirv: shader!("galaxy"),
            blend: Blend::Add,
            depth: Depth::Test,
            ..Default::default()
        };
        let stars = PassBuilder {
            name: "stars",
            spirv: shader!("stars"),
            blend: Blend::Add,
            depth: Depth::Test,
            ..Default::default()
        };
        Ok(Self { galaxy: galaxy.build(gpu, views)?, stars: stars.build(gpu, views)?, catalogue, spots: None })
    }

    /// Draws the glow of the Milky Way.
    pub(crate) fn draw_galaxy(&self, gpu: &Gpu, to: &mut Drawing, shared: &Shared) -> Result<(), GpuError> {
        to.draw(&self.galaxy, self.galaxy.bind(gpu, shared.writes())?, 6, 1)
    }

    /// Draws at most so many stars, the brightest first as the catalogue has them, as they stand `years` after J2000.
    pub(crate) fn draw_stars(
        &mut self,
        gpu: &Gpu,
        to: &mut Drawing,
        shared: &Shared,
        (years, most): (f64, u32),
    ) -> Result<(), GpuError> {
        let step = (years / YEARS_PER_STEP).round() as i64;
        if self.spots.as_ref().is_none_or(|(at, ..)| *at != step) && !self.catalogue.is_empty() {
            let spots: Vec<Spot> = self.catalogue.iter().map(|star| spot(star, step as f64 * YEARS_PER_STEP)).collect();
            self.spots = Some((step, lasting(gpu, &spots)?, u32::try_from(spots.len()).unwrap_or(u32::MAX)));
        }
        let Some((_, spots, count)) = &self.spots else { return Ok(()) };
        self.draw_spots(gpu, to, shared, spots, (*count).min(most))
    }

    /// Draws `count` spots.
    pub(crate) fn draw_spots(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        shared: &Shared,
        spots: &Subbuffer<[u8]>,
        count: u32,
    ) -> Result<(), GpuError> {
        let writes = shared.writes().into_iter().chain([WriteDescriptorSet::buffer(1, spots.clone())]);
        to.draw(&self.stars, self.stars.bind(gpu, writes)?, 6, count)
    }
}

fn spot(star: &Star, years: f64) -> Spot {
    Spot {
        direction: star.direction(years).as_vec3().to_array(),
        flux: star.relative_irradiance(),
        colour: star.linear_srgb(),
        kelvin: star.temperature_k() as f32,
    }
}
