//! Whether the recordings of a session's peers agree: each is simulated again, and their logs are compared tick by tick.
//! Must never believe what the peers say of themselves.

use std::ops::Range;

use crate::exit::Failure;
use crate::progress::Progress;
use crate::replay::signed::{self, SignedVerdict};
use crate::replay::{Recording, verify};

/// What the recordings show.
#[derive(Debug)]
pub struct Agreement {
    /// Ticks that all of them have.
    pub common: Range<u64>,
    /// Per recording: simulated again, it gave every digest.
    pub exact: Vec<bool>,
    /// Per recording: ticks of the common ones whose inputs or digest are not those of the first one.
    pub differing: Vec<u64>,
    /// Per recording: digest after the last common tick.
    pub digests: Vec<u64>,
    /// Per recording: what the signatures beside it say, where there are any.
    pub signed: Vec<Option<SignedVerdict>>,
    /// Ticks that were simulated again, of all together.
    pub verified_ticks: u64,
}

impl Agreement {
    /// How many agree with the first one, that one included, and are exact.
    #[must_use]
    pub fn count(&self) -> usize {
        self.exact.iter().zip(&self.differing).filter(|(exact, differing)| **exact && **differing == 0).count()
    }
}

/// Verifies recordings of one session and compares them.
///
/// # Errors
/// [`Failure`] for what cannot be read.
pub fn check(recordings: &mut [Recording], progress: Progress) -> Result<Agreement, Failure> {
    let (mut exact, mut signed) = (Vec::new(), Vec::new());
    let mut verified_ticks = 0;
    for recording in recordings.iter_mut() {
        let verdict = verify::verify(recording, None, progress)?;
        verified_ticks += verdict.ticks;
        exact.push(verdict.first_divergence.is_none() && verdict.complete);
        signed.push(signed::check(recording)?);
    }
    let from = recordings.iter().map(|recording| recording.reader.ticks().start).max().unwrap_or(0);
    let to = recordings.iter().map(Recording::last_tick).min().unwrap_or(0);
    let common = from..to.max(from);
    let (differing, digests) = compare(recordings, &common)?;
    Ok(Agreement { common, exact, differing, digests, signed, verified_ticks })
}

fn compare(recordings: &mut [Recording], common: &Range<u64>) -> Result<(Vec<u64>, Vec<u64>), Failure> {
    let count = (common.end - common.start) as usize;
    let mut first = Vec::new();
    let (mut differing, mut digests) = (Vec::new(), Vec::new());
    for (number, recording) in recordings.iter_mut().enumerate() {
        let path = recording.path.clone();
        let steps = recording.reader.frames_from(common.start).take(count);
        let (mut differ, mut last, mut seen) = (0, 0, 0);
        for step in steps {
            let step = step.map_err(|e| Failure::unreadable(&path, e))?;
            last = step.digest;
            if number == 0 {
                first.push(step);
            } else {
                differ += u64::from(first.get(seen) != Some(&step));
            }
            seen += 1;
        }
        differing.push(differ + (count - seen) as u64);
        digests.push(last);
    }
    Ok((differing, digests))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sim::{InputFrame, Membership, PlayerId, Role, Simulation};

    use super::*;
    use crate::record::{Options, Recorder};
    use crate::scenario_cmd;

    /// A recording of 60 ticks from `from` on, where a player joins at tick `joins`.
    fn recorded(path: &Path, from: u64, joins: u64) -> Recording {
        let scenario = scenario_cmd::load("demo").expect("shipped");
        let mut simulation = Simulation::new(&scenario);
        let mut recorder = None;
        for tick in 0..from + 60 {
            if tick == from {
                let begun = Recorder::create(path, &scenario, &simulation, Options::default(), &[]);
                recorder = Some(begun.expect("it is written"));
            }
            let mut frame = InputFrame::default();
            if tick == joins {
                frame.membership.push(Membership::Join { player: PlayerId(1), role: Role::Pilot });
            }
            let report = simulation.step(&frame);
            if let Some(recorder) = &mut recorder {
                recorder.push(&frame, report.digest.total, &simulation).expect("it is written");
            }
        }
        recorder.expect("begun").finish(&simulation).expect("it is written");
        Recording::open(path).expect("a recording")
    }

    #[test]
    fn a_peer_that_went_another_way_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let mut all = [
            recorded(&file("a"), 0, 40),
            recorded(&file("b"), 20, 40),
            recorded(&file("c"), 0, 50),
            recorded(&file("d"), 0, 40),
        ];
        let agreement = check(&mut all, Progress::new(true)).unwrap();
        assert_eq!(agreement.common, 20..60);
        assert_eq!(agreement.exact, [true; 4]);
        assert_eq!(agreement.differing[..2], [0, 0]);
        assert_eq!(agreement.differing[2], 11, "ten ticks without the member, and the one that has it join");
        assert_eq!((agreement.count(), agreement.verified_ticks), (3, 240));
        assert_eq!(agreement.digests[0], agreement.digests[3]);
    }

    #[test]
    fn a_recording_that_was_changed_is_not_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        drop(recorded(&path, 0, 40));
        let length = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length - 40).unwrap();
        let mut all = [Recording::open(&path).unwrap()];
        assert_eq!(check(&mut all, Progress::new(true)).unwrap().count(), 0);
    }
}
