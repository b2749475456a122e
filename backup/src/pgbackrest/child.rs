//! A program that is run to its end, or to the end of our patience. Must never leave it running, nor read more of what it
//! says than fits.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Most bytes that are kept of each of its outputs.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It is not there.
    #[error("{} is not installed: `apt-get install {}`", .0, if .0 == "psql" { "postgresql-client" } else { "pgbackrest" })]
    Missing(String),
    /// It cannot be run.
    #[error("{program} cannot be run: {source}")]
    Unusable {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("{program} was not done after {patience:?} and was ended")]
    TimedOut {
        /// Which.
        program: String,
        /// How long it had.
        patience: Duration,
    },
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// With 0.
    pub is_well: bool,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub error: String,
}

/// Runs a program; as another user and group, where that is given.
pub(super) fn run(
    program: &str,
    arguments: &[String],
    owner: Option<(u32, u32)>,
    patience: Duration,
) -> Result<Finished, ChildError> {
    let deadline = Instant::now() + patience;
    let unusable = |source: io::Error| ChildError::Unusable { program: program.to_owned(), source };
    let mut command = Command::new(program);
    // Where it is run from is not to matter, and need not be readable for the other user.
    command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ChildError::Missing(program.to_owned()),
        _ => unusable(error),
    })?;
    let (sender, said) = channel();
    read_all(0, child.stdout.take(), &sender).map_err(unusable)?;
    read_all(1, child.stderr.take(), &sender).map_err(unusable)?;
    let mut texts = [String::new(), String::new()];
    for _ in 0..texts.len() {
        let Ok((which, text)) = said.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
            // Either may fail where it has just ended.
            let _ = child.kill();
            let _ = child.wait();
            return Err(ChildError::TimedOut { program: program.to_owned(), patience });
        };
        texts[which] = text;
    }
    // It has closed its outputs, so it ends.
    let is_well = child.wait().map_err(unusable)?.success();
    let [out, error] = texts;
    Ok(Finished { is_well, out, error })
}

fn read_all(which: usize, pipe: Option<impl Read + Send + 'static>, to: &Sender<(usize, String)>) -> io::Result<()> {
    let to = to.clone();
    let read = move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What does not fit or read is dropped, so that the program can write on.
            let _ = (&mut pipe).take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        // Nobody listens after the time is over.
        let _ = to.send((which, String::from_utf8_lossy(&bytes).into_owned()));
    };
    std::thread::Builder::new().spawn(read).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<Finished, ChildError> {
        run("sh", &["-c".to_owned(), script.to_owned()], None, patience)
    }

    #[test]
    fn outputs_and_the_end_are_told() {
        let done = shell("echo out; echo error >&2; exit 3", Duration::from_secs(60)).unwrap();
        assert_eq!((done.is_well, done.out.as_str(), done.error.as_str()), (false, "out\n", "error\n"));
        assert!(shell("true", Duration::from_secs(60)).unwrap().is_well);
        let missing = run("no-such-program-here", &[], None, Duration::from_secs(60));
        assert!(matches!(missing, Err(ChildError::Missing(_))));
    }

    #[test]
    fn one_that_takes_too_long_is_ended() {
        let began = Instant::now();
        assert!(matches!(shell("exec sleep 60", Duration::from_millis(200)), Err(ChildError::TimedOut { .. })));
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
