//! Uncompressed video as YUV4MPEG2: a text header, then each frame as three planes. 4:4:4, so that thin lines keep their
//! colour; BT.709 in limited range. The pixels stay encoded as sRGB. Must never buffer more than a frame.
//!
//! The format's header names the range but has no word for the matrix: players take BT.709 for pictures from 720 lines
//! on, and have an option for smaller ones.

use std::io::{self, Write};

use render::Picture;

/// A stream of frames of one size. The header goes out with the first one.
pub struct Y4m<W: Write> {
    out: W,
    fps: u32,
    begun: bool,
    planes: Vec<u8>,
}

impl<W: Write> Y4m<W> {
    /// A stream of so many frames per second.
    pub fn new(out: W, fps: u32) -> Self {
        Self { out, fps, begun: false, planes: Vec::new() }
    }

    /// Writes one frame.
    ///
    /// # Errors
    /// If the stream fails.
    pub fn frame(&mut self, picture: &Picture) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            let (w, h, fps) = (picture.width, picture.height, self.fps);
            writeln!(self.out, "YUV4MPEG2 W{w} H{h} F{fps}:1 Ip A1:1 C444 XYSCSS=444 XCOLORRANGE=LIMITED")?;
        }
        self.out.write_all(b"FRAME\n")?;
        let pixels = picture.rgba.len() / 4;
        self.planes.resize(3 * pixels, 0);
        let (luma, chroma) = self.planes.split_at_mut(pixels);
        let (blue, red) = chroma.split_at_mut(pixels);
        let planes = luma.iter_mut().zip(blue).zip(red);
        for (rgba, ((y, cb), cr)) in picture.rgba.chunks_exact(4).zip(planes) {
            [*y, *cb, *cr] = ycbcr([rgba[0], rgba[1], rgba[2]]);
        }
        self.out.write_all(&self.planes)
    }

    /// Sends off what is still held back.
    ///
    /// # Errors
    /// If the stream fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// 8-bit Y'CbCr of limited range (ITU-R BT.709-6, items 3.2 to 3.5 and 4.6).
fn ycbcr(rgb: [u8; 3]) -> [u8; 3] {
    const RED: f32 = 0.2126;
    const BLUE: f32 = 0.0722;
    let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
    let y = RED * r + (1.0 - RED - BLUE) * g + BLUE * b;
    let (cb, cr) = ((b - y) / (2.0 * (1.0 - BLUE)), (r - y) / (2.0 * (1.0 - RED)));
    // All are within 16 to 240.
    [16.0 + 219.0 * y, 128.0 + 224.0 * cb, 128.0 + 224.0 * cr].map(|value| value.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_standard() {
        // By hand from 16 + 219 Y, 128 + 224 (B - Y) / 1.8556, 128 + 224 (R - Y) / 1.5748.
        for (rgb, expected) in [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([128, 128, 128], [126, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 255, 0], [173, 42, 26]),
            ([0, 0, 255], [32, 240, 118]),
            ([255, 255, 0], [219, 16, 138]),
        ] {
            assert_eq!(ycbcr(rgb), expected, "{rgb:?}");
        }
    }

    #[test]
    fn a_stream_is_a_header_and_planes() {
        let picture = Picture { width: 2, height: 1, rgba: vec![255, 0, 0, 255, 0, 0, 255, 255] };
        let mut out = Vec::new();
        let mut video = Y4m::new(&mut out, 25);
        video.frame(&picture).unwrap();
        video.frame(&picture).unwrap();
        video.flush().unwrap();
        let frame = b"FRAME\n\x3f\x20\x66\xf0\xf0\x76";
        let header = b"YUV4MPEG2 W2 H1 F25:1 Ip A1:1 C444 XYSCSS=444 XCOLORRANGE=LIMITED\n";
        assert_eq!(out, [&header[..], frame, frame].concat());
    }
}
