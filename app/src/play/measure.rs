//! How long frames take, and a log of what is seen. Must never slow down the frames that it measures by more than a line a
//! second.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use render::{FrameTimes, Work};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::exit::Failure;
use crate::output;

/// Before measuring, so that all shaders are compiled.
const WARM_UP: Duration = Duration::from_secs(1);
/// Most frames that are kept.
const FRAMES_MAX: usize = 1 << 20;

/// Times of one kind, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Half took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// Mean of the squared distance to the mean, ms^2.
    pub variance: f64,
}

impl Times {
    /// Of some values; all 0 of none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len().max(1) as f64;
        let at = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            values.get(rank.max(1) - 1).copied().unwrap_or(0.0)
        };
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0), variance }
    }
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// From the frame before to this one.
    pub whole_ms: f64,
    /// Filling the scene and reading instruments.
    pub scene_ms: f64,
    /// Recording and handing over commands; and the device's time.
    pub drawn: FrameTimes,
}

/// A measurement that goes on.
#[derive(Debug)]
pub struct Measure {
    began: Option<Instant>,
    lasts: Duration,
    frames: Vec<Frame>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The graphics device.
    pub device: String,
    /// Pixels of the window.
    pub size: [u32; 2],
    /// Drawn pixels along each edge of one of them.
    pub scale: f64,
    /// How long it took.
    pub seconds: f64,
    /// How many.
    pub frames: usize,
    /// Frames a second.
    pub rate_hz: f64,
    /// From frame to frame, ms.
    pub frame_ms: Times,
    /// The processor's part: scene and commands, ms.
    pub cpu_ms: Times,
    /// Of that, filling the scene and reading instruments, ms.
    pub scene_ms: Times,
    /// The device's part by its own clock, ms; nothing where it has none.
    pub gpu_ms: Option<Times>,
    /// Draws of the last frame.
    pub draws: u32,
    /// Triangles of the last frame.
    pub triangles: u64,
    /// Frames that took more than twice as long as the display shows one.
    pub dropped_frames: usize,
    /// What the display shows a second.
    pub display_hz: f64,
}

impl Measure {
    /// For so many seconds.
    #[must_use]
    pub fn new(seconds: u32) -> Self {
        Self { began: None, lasts: Duration::from_secs(u64::from(seconds)), frames: Vec::new() }
    }

    /// Takes a frame in; whether it was the last.
    pub fn frame(&mut self, now: Instant, frame: Frame) -> bool {
        let began = *self.began.get_or_insert(now);
        let since = now.saturating_duration_since(began);
        if since >= WARM_UP && self.frames.len() < FRAMES_MAX {
            self.frames.push(frame);
        }
        since >= WARM_UP + self.lasts
    }

    /// The result.
    #[must_use]
    pub fn result(&self, device: &str, (size, scale): ([u32; 2], f64), display_hz: f64, work: Work) -> Measured {
        let of = |part: fn(&Frame) -> f64| Times::of(self.frames.iter().map(part).collect());
        let gpu: Vec<f64> = self.frames.iter().filter_map(|frame| frame.drawn.gpu_ms).collect();
        let seconds = self.frames.iter().map(|frame| frame.whole_ms).sum::<f64>() / 1e3;
        let late_ms = 2e3 / display_hz.max(1.0);
        Measured {
            device: device.to_owned(),
            size,
            scale,
            seconds,
            frames: self.frames.len(),
            rate_hz: self.frames.len() as f64 / seconds.max(1e-9),
            frame_ms: of(|frame| frame.whole_ms),
            cpu_ms: of(|frame| frame.scene_ms + frame.drawn.cpu_ms),
            scene_ms: of(|frame| frame.scene_ms),
            gpu_ms: (!gpu.is_empty()).then(|| Times::of(gpu)),
            draws: work.draws,
            triangles: work.triangles,
            dropped_frames: self.frames.iter().filter(|frame| frame.whole_ms > late_ms).count(),
            display_hz,
        }
    }
}

impl Measured {
    /// Prints it.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn print(&self, as_json: bool) -> Result<(), Failure> {
        if as_json {
            return output::print_json(self);
        }
        let row = |name: &str, times: &Times| {
            format!(
                "{name:12} median {:.2} ms, 99 % below {:.2} ms, longest {:.2} ms\n",
                times.p50, times.p99, times.max
            )
        };
        output::print(&format!(
            "{} frames in {:.1} s on {}, {} x {} pixels: {:.1} a second, {} dropped; {} draws, {} triangles\n{}{}{}{}",
            self.frames,
            self.seconds,
            self.device,
            self.size[0],
            self.size[1],
            self.rate_hz,
            self.dropped_frames,
            self.draws,
            self.triangles,
            row("frame", &self.frame_ms),
            row("processor", &self.cpu_ms),
            row("of it scene", &self.scene_ms),
            self.gpu_ms.map_or(String::new(), |times| row("device", &times)),
        ))
    }
}

/// A file with a line of JSON for each second and each change.
pub struct Log {
    file: File,
    path: PathBuf,
    began: Instant,
    told: Option<(Instant, Json)>,
    frames: u64,
}

impl Log {
    /// Makes the file, which is none of the program's inputs.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn create(path: &Path, inputs: &[&Path]) -> Result<Self, Failure> {
        let file = output::create(path, inputs)?;
        Ok(Self { file, path: path.to_owned(), began: Instant::now(), told: None, frames: 0 })
    }

    /// A frame was drawn, of a window of that size.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn frame(&mut self, now: Instant, size: [u32; 2], state: Json) -> Result<(), Failure> {
        self.frames += 1;
        // What changes all the time is no change.
        let mut key =
            json!({ "size": size, "page": state["page"], "line": state["line"], "message": state["message"] });
        for name in ["kind", "ship", "held", "camera", "assist", "playing", "guide", "recording", "peers"] {
            key[name] = state["game"][name].clone();
        }
        let is_due = self
            .told
            .as_ref()
            .is_none_or(|(at, known)| *known != key || now.saturating_duration_since(*at) >= Duration::from_secs(1));
        if !is_due {
            return Ok(());
        }
        self.told = Some((now, key));
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        let mut line = json!({ "seconds": seconds, "frames": self.frames, "size": size, "memory_kb": memory_kb() });
        if let (Some(line), Json::Object(state)) = (line.as_object_mut(), state) {
            line.extend(state);
        }
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.map_err(|e| Failure::unwritable(&self.path, output::plain(&e)))
    }
}

/// Memory of this process in RAM, kB; where the system tells.
#[must_use]
pub fn memory_kb() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_after_the_first_second_count() {
        let (mut measure, began) = (Measure::new(2), Instant::now());
        let mut last = false;
        for frame in 0..=150 {
            let whole_ms = if frame % 50 == 49 { 60.0 } else { 20.0 };
            let gpu_ms = (frame > 100).then_some(4.0);
            let drawn = FrameTimes { cpu_ms: 1.0, gpu_ms };
            assert!(!last, "frame {frame}");
            last = measure.frame(began + Duration::from_millis(frame * 20), Frame { whole_ms, scene_ms: 0.5, drawn });
        }
        assert!(last);
        let told = measure.result("a card", ([640, 360], 1.0), 60.0, Work { draws: 7, triangles: 900 });
        assert_eq!((told.frames, told.dropped_frames, told.cpu_ms.p50), (101, 2, 1.5));
        assert_eq!((told.frame_ms.p50, told.frame_ms.max, told.gpu_ms.map(|times| times.p99)), (20.0, 60.0, Some(4.0)));
        assert_eq!((told.draws, told.triangles), (7, 900));
        assert!((told.seconds - 2.1).abs() < 1e-9 && told.cpu_ms.variance < 1e-9);
        let spread = Times::of(vec![1.0, 3.0]);
        assert_eq!((spread.variance, Times::of(Vec::new())), (1.0, Times::default()));
    }

    #[test]
    fn the_log_has_changes_and_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut log, now) = (Log::create(&path, &[]).unwrap(), Instant::now());
        let state = |page: &str, tick: u64| json!({ "page": page, "tick": tick, "game": Json::Null });
        for (ms, page, tick) in [(0, "main", 1), (10, "main", 2), (20, "new", 3), (30, "new", 4), (1_020, "new", 5)] {
            log.frame(now + Duration::from_millis(ms), [3, 2], state(page, tick)).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let ticks: Vec<Json> =
            text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["tick"].clone()).collect();
        assert_eq!(ticks, [1, 3, 5]);
        assert!(text.contains("\"memory_kb\""));
    }
}
