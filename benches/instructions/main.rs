//! `hotpaths`: counts the instructions of each hot path under callgrind and compares them with a committed baseline,
//! so that a slowdown shows on a machine too noisy for a stopwatch. `scripts/instructions` builds and starts it.
//!
//!     hotpaths list               the names
//!     hotpaths run NAME           one path, for callgrind (or perf) to watch
//!     hotpaths check BASELINE     all paths under callgrind; exit 1 if one is slower than the baseline allows
//!     hotpaths update BASELINE    all paths under callgrind; writes the baseline anew
//!
//! Callgrind starts counting when [`counted`] is entered and stops when it returns, so neither building the scene nor
//! warming up is in the count. Everything runs on this one thread: rayon's pool is the calling thread itself, because
//! callgrind switches its counter per thread. It must never take a time.

mod baseline;
mod paths;

use std::process::{Command, ExitCode};

use baseline::{Baseline, Counts};
use paths::HotPath;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["list"] => {
            paths::TABLE.iter().for_each(|path| println!("{}", path.name));
            Ok(true)
        }
        ["run", name] => run(name).map(|()| true),
        ["check", file] => check(file),
        ["update", file] => update(file).map(|()| true),
        _ => Err("usage: hotpaths list | run NAME | check BASELINE | update BASELINE".to_owned()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("hotpaths: {message}");
            ExitCode::from(2)
        }
    }
}

/// The counted part. Callgrind finds it by name: it must stay one real function.
#[inline(never)]
fn counted(work: &mut dyn FnMut(), calls: u32) {
    for _ in 0..calls {
        work();
    }
}

fn run(name: &str) -> Result<(), String> {
    let path = paths::find(name).ok_or_else(|| format!("no hot path is called `{name}`; see `hotpaths list`"))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().map_err(|e| format!("no thread pool: {e}"))?;
    let mut work = (path.prepare)();
    warm_up(&mut *work);
    counted(&mut *work, path.calls);
    Ok(())
}

/// Lets buffers reach their size and lazily made tables exist. Not [`counted`], so not counted.
fn warm_up(work: &mut dyn FnMut()) {
    for _ in 0..2 {
        work();
    }
}

fn check(file: &str) -> Result<bool, String> {
    if !has_avx2() {
        println!("NOT COMPARED: the baseline counts the wide paths, and this processor has no AVX2");
        return Ok(true);
    }
    let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    let baseline = Baseline::parse(&text)?;
    let rustc = rustc_version()?;
    if rustc != baseline.rustc {
        println!("note: the baseline is of `{}`, this is `{rustc}`", baseline.rustc);
    }
    let rows = baseline.compare(&count_all()?);
    print!("{}", baseline::table(&rows));
    Ok(!rows.iter().any(|row| row.3.fails()))
}

fn update(file: &str) -> Result<(), String> {
    if !has_avx2() {
        return Err("the baseline counts the wide paths, and this processor has no AVX2".to_owned());
    }
    let baseline = Baseline { rustc: rustc_version()?, counts: count_all()? };
    print!("{}", baseline::table(&baseline.compare(&baseline.counts)));
    std::fs::write(file, baseline.render()).map_err(|e| format!("{file}: {e}"))
}

fn count_all() -> Result<Counts, String> {
    paths::TABLE.iter().map(|path| Ok((path.name.to_owned(), count(path)?))).collect()
}

/// Instructions per call of one path, by running this program again under callgrind.
fn count(path: &HotPath) -> Result<f64, String> {
    let this = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=hotpaths::counted")
        .arg(this)
        .args(["run", path.name])
        .output()
        .map_err(|e| format!("valgrind does not start: {e}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("`{}` failed under callgrind:\n{text}", path.name));
    }
    let instructions = collected(&text).ok_or_else(|| format!("callgrind gave no count:\n{text}"))?;
    // An unreadable symbol would toggle nothing and count nothing; that must not pass for very fast.
    if instructions < u64::from(path.calls) {
        return Err(format!("callgrind never saw `hotpaths::counted` (count {instructions})"));
    }
    Ok(instructions as f64 / f64::from(path.calls))
}

/// The number in callgrind's line `==123== Collected : 4567`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split("Collected :").nth(1))?.trim().parse().ok()
}

/// Whether the simulation takes its wide paths here.
fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The compiler found first on the path, which is the one that built this program.
fn rustc_version() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output().map_err(|e| format!("rustc does not start: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_callgrind_prints() {
        let text = "==12== \n==12== Events    : Ir\n==12== Collected : 53000\n==12== \n";
        assert_eq!(collected(text), Some(53_000));
        assert_eq!(collected("==12== Collected : many"), None);
        assert_eq!(collected(""), None);
    }
}
