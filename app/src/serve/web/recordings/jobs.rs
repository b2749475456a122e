//! Verifications and comparisons, one after the other beside the running world. Must never go on for longer than it has time,
//! nor keep more of them than a list shows, nor come to an end by one that the program cannot get through.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::ports::{
    Comparison, Divergence, FieldDifference, Job, RecordingError, Stage, Task, TimedId, Unverified, Verification,
};

use super::background;
use super::shelf::{Shelf, said, without_path};
use crate::exit::Failure;
use crate::replay::verify::Watch;
use crate::replay::{Recording, diff, verify};

/// Most that wait.
const WAITING_MAX: usize = 16;
/// Most that are kept to be asked about.
const KEPT_MAX: usize = 64;
/// Longest that one may take.
const TIME_MAX: Duration = Duration::from_secs(600);
/// Most intervals that could not be compared that are told.
const UNVERIFIED_MAX: usize = 100;

/// One of them.
struct Entry {
    state: Mutex<Job>,
    done: AtomicU64,
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, Job> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes of one.
type Found = (Option<Verification>, Option<Comparison>);

/// What is done.
pub struct Jobs {
    kept: Mutex<VecDeque<Arc<Entry>>>,
    sender: SyncSender<Arc<Entry>>,
    is_over: Arc<AtomicBool>,
}

impl Jobs {
    /// Nothing yet.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system gives no thread.
    pub fn start(shelf: Arc<Shelf>) -> Result<Self, Failure> {
        Self::doing(move |kind, recordings, watch| match (kind, recordings) {
            (Task::Verify, [id]) => verified(&shelf, *id, watch).map(|found| (Some(found), None)),
            (Task::Diff, [left, right]) => compared(&shelf, [*left, *right], watch).map(|found| (None, Some(found))),
            _ => Err("that is no job".to_owned()),
        })
    }

    /// The same with what is done for one.
    fn doing(
        one: impl Fn(Task, &[TimedId], Watch<'_>) -> Result<Found, String> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (sender, waiting) = sync_channel(WAITING_MAX);
        let is_over = Arc::new(AtomicBool::new(false));
        let (pool, over) = (background::pool("recordings")?, Arc::clone(&is_over));
        let thread = std::thread::Builder::new().name("jobs".to_owned());
        let run = move || pool.install(move || work(one, &waiting, &over));
        thread.spawn(run).map_err(|e| Failure::Machine(format!("there is no thread for recordings: {e}")))?;
        Ok(Self { kept: Mutex::default(), sender, is_over })
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job; there are so many ticks to look at.
    ///
    /// # Errors
    /// [`RecordingError::Full`].
    pub fn add(&self, id: TimedId, kind: Task, recordings: Vec<TimedId>, ticks: u64) -> Result<(), RecordingError> {
        let job = Job {
            job: id,
            kind,
            state: Stage::Waiting,
            why: None,
            recordings,
            ticks_done: 0,
            ticks_total: ticks,
            verification: None,
            comparison: None,
        };
        let entry = Arc::new(Entry { state: Mutex::new(job), done: AtomicU64::new(0) });
        let mut kept = self.kept();
        self.sender.try_send(Arc::clone(&entry)).map_err(|_| RecordingError::Full)?;
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(entry);
        Ok(())
    }

    /// A job, while it is kept.
    pub fn get(&self, id: TimedId) -> Option<Job> {
        let entry = self.kept().iter().find(|entry| entry.state().job == id).cloned()?;
        let mut job = entry.state().clone();
        job.ticks_done = entry.done.load(Ordering::Relaxed).min(job.ticks_total);
        Some(job)
    }

    /// The one that runs ends soon, and no other begins.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}

fn work(
    one: impl Fn(Task, &[TimedId], Watch<'_>) -> Result<Found, String>,
    waiting: &Receiver<Arc<Entry>>,
    is_over: &AtomicBool,
) {
    for entry in waiting {
        let (kind, recordings) = {
            let mut job = entry.state();
            job.state = Stage::Running;
            (job.kind, job.recordings.clone())
        };
        let began = Instant::now();
        let is_late = || began.elapsed() > TIME_MAX || is_over.load(Ordering::Acquire);
        let advanced = |ticks| {
            entry.done.fetch_add(ticks, Ordering::Relaxed);
        };
        let watch = Watch { advanced: &advanced, is_over: &is_late };
        // Files come from outside: one that leads the program astray is the end of its job alone.
        let outcome = catch_unwind(AssertUnwindSafe(|| one(kind, &recordings, watch))).unwrap_or_else(|_| {
            tracing::error!(?recordings, "a job panicked");
            Err("the program is at fault: it could not get through what is recorded".to_owned())
        });
        let outcome = if is_late() {
            Err(format!("it was ended: it took longer than {} s, or the service ends", TIME_MAX.as_secs()))
        } else {
            outcome
        };
        let mut job = entry.state();
        match outcome {
            Ok((verification, comparison)) => {
                (job.state, job.verification, job.comparison) = (Stage::Done, verification, comparison);
            }
            Err(why) => (job.state, job.why) = (Stage::Failed, Some(why)),
        }
    }
}

fn open(shelf: &Shelf, id: TimedId) -> Result<Recording, String> {
    let file = shelf.file(id);
    if shelf.get(id).is_none() {
        return Err(format!("the recording {id} is gone"));
    }
    Recording::open(&file).map_err(|failure| said(&failure, &file))
}

fn verified(shelf: &Shelf, id: TimedId, watch: Watch<'_>) -> Result<Verification, String> {
    let mut recording = open(shelf, id)?;
    let file = recording.path.clone();
    let verdict = verify::verify_here(&mut recording, watch).map_err(|failure| said(&failure, &file))?;
    let plain = |text: String| without_path(&text, &file);
    let unverified = verdict.unverified.into_iter().take(UNVERIFIED_MAX);
    Ok(Verification {
        verdict: verdict.verdict,
        complete: verdict.complete,
        lost: verdict.lost.map(plain),
        ticks: verdict.ticks,
        first_divergence: verdict.first_divergence.map(|found| Divergence {
            tick: found.tick,
            found_by: found.found_by,
            recorded: found.recorded,
            computed: found.computed,
            difference: found.difference.map(field),
        }),
        unverified: unverified
            .map(|gap| Unverified { from_tick: gap.from_tick, to_tick: gap.to_tick, reason: plain(gap.reason) })
            .collect(),
    })
}

fn compared(shelf: &Shelf, ids: [TimedId; 2], watch: Watch<'_>) -> Result<Comparison, String> {
    let [left, right] = ids;
    let mut recordings = [open(shelf, left)?, open(shelf, right)?];
    let files = recordings.each_ref().map(|recording| recording.path.clone());
    let plain = |text: &str| {
        files.iter().fold(text.to_owned(), |text, file: &std::path::PathBuf| without_path(&text, Path::new(file)))
    };
    let report = diff::diff_watched(&mut recordings, watch).map_err(|failure| plain(&failure.to_string()))?;
    Ok(Comparison {
        identical: report.identical,
        differ_in: report.differ_in,
        ticks_compared: report.ticks_compared,
        tick: report.tick,
        system: report.system,
        difference: report.difference.map(field),
        difference_tick: report.difference_tick,
        digests: report.digests.map(Vec::from),
        summary: plain(&report.summary),
    })
}

fn field(found: diff::FieldDifference) -> FieldDifference {
    FieldDifference {
        component: found.component,
        entity: found.entity,
        field: found.field,
        left: found.a,
        right: found.b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::clock::Moment;

    #[test]
    fn a_job_that_panics_has_failed_and_the_next_one_is_done() {
        let jobs = Jobs::doing(|kind, _, _| if kind == Task::Diff { panic!("led astray") } else { Ok((None, None)) });
        let (jobs, ids) = (jobs.unwrap(), [1, 2].map(|at| TimedId::draw(Moment(at)).unwrap()));
        jobs.add(ids[0], Task::Diff, Vec::new(), 7).unwrap();
        jobs.add(ids[1], Task::Verify, Vec::new(), 7).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let [first, second] = ids.map(|id| {
            loop {
                let job = jobs.get(id).unwrap();
                if matches!(job.state, Stage::Done | Stage::Failed) {
                    return job;
                }
                assert!(Instant::now() < deadline, "{job:?}");
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
        assert_eq!((first.state, second.state), (Stage::Failed, Stage::Done));
        assert!(first.why.is_some_and(|why| why.contains("the program is at fault")));
    }
}
