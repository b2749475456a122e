//! A thread for work that nothing waits for but people. Must never take time from ticks: it has what they leave.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::exit::Failure;

/// How much less than others it is let on the processor.
const NICE: i32 = 15;

/// A pool of one thread, for what steps simulations: all of a step is done in it.
///
/// # Errors
/// [`Failure::Machine`] where the system gives no thread.
pub fn pool(name: &'static str) -> Result<ThreadPool, Failure> {
    let built =
        ThreadPoolBuilder::new().num_threads(1).thread_name(move |_| name.to_owned()).start_handler(|_| lower());
    built.build().map_err(|e| Failure::Machine(format!("there is no thread for recordings: {e}")))
}

/// Lets others before the calling thread from now on.
pub fn lower() {
    // Of the calling thread, as Linux has it.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!("a thread keeps its priority: {error}");
    }
}
