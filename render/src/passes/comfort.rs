//! Darkness around the middle of the picture, or over all of it, against sickness. Must never show anything.

use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::format::Format;
use vulkano::image::view::ImageView;

use super::shader;
use crate::gpu::{Blend, Drawing, Gpu, GpuError, Pass, PassBuilder, Uploads};
use crate::hud::Comfort;

/// The dark begins softly, over so many radians: 10 degrees.
const EDGE_RAD: f32 = 0.175;

/// The pipeline.
pub(crate) struct ComfortPass {
    pass: Pass,
}

impl ComfortPass {
    /// Makes the pass for pictures of that format.
    pub(crate) fn new(gpu: &Gpu, views: u32, format: Format) -> Result<Self, GpuError> {
        let spirv = shader!("comfort");
        let pass = PassBuilder { name: "comfort", spirv, format, blend: Blend::Cover, ..Default::default() };
        Ok(Self { pass: pass.build(gpu, views)? })
    }

    /// Draws it over all eyes' pictures, where there is anything to draw.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        uploads: &Uploads,
        frame: &Subbuffer<[u8]>,
        comfort: Comfort,
        onto: &Arc<ImageView>,
    ) -> Result<(), GpuError> {
        let Some(data) = data(comfort) else { return Ok(()) };
        let set = self.pass.bind_buffers(gpu, &[frame, &uploads.put(&[data])?])?;
        to.onto(onto, None, false)?;
        to.draw(&self.pass, set, 6, 1)?;
        to.end()
    }
}

/// What the shader reads; nothing where the picture stays as it is.
fn data(comfort: Comfort) -> Option<[f32; 4]> {
    // No angle is as large as that.
    let clear = comfort.clear_rad.filter(|angle| angle.is_finite()).unwrap_or(4.0).max(0.0);
    let fade = if comfort.fade.is_finite() { comfort.fade.clamp(0.0, 1.0) } else { 0.0 };
    (comfort.clear_rad.is_some() || fade > 0.0).then_some([clear, clear + EDGE_RAD, fade, 0.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_for_is_nothing_drawn() {
        assert_eq!(data(Comfort::default()), None);
        assert_eq!(data(Comfort { clear_rad: None, fade: f32::NAN }), None);
        let faded = data(Comfort { clear_rad: None, fade: 2.0 }).unwrap();
        assert!(faded[0] > std::f32::consts::PI && faded[2] == 1.0);
        assert_eq!(data(Comfort { clear_rad: Some(0.5), fade: 0.0 }), Some([0.5, 0.5 + EDGE_RAD, 0.0, 0.0]));
    }
}
