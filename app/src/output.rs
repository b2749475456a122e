//! Standard output, standard error and output files. Must never panic: a closed pipe ends the output quietly,
//! any other failure is an error with a sentence.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::exit::Failure;

/// Writes text to standard output. A reader that has gone away (`| head`) is no error.
///
/// # Errors
/// [`Failure::Unwritable`], such as for a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::unwritable(Path::new("standard output"), error))
        }
        _ => Ok(()),
    }
}

/// Writes a value as indented JSON to standard output.
///
/// # Errors
/// As [`fn@print`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|e| Failure::unwritable(Path::new("standard output"), e))?;
    text.push('\n');
    print(&text)
}

/// Writes one sentence to standard error.
pub fn complain(sentence: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "spacetime: {sentence}");
}

/// Opens a file to read it, with a sentence for what people get wrong.
///
/// # Errors
/// [`Failure::Unreadable`].
pub fn open(path: &Path) -> Result<File, Failure> {
    let file = File::open(path).map_err(|e| Failure::unreadable(path, plain(&e)))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(Failure::unreadable(path, "it is a directory")),
        Ok(_) => Ok(file),
        Err(error) => Err(Failure::unreadable(path, plain(&error))),
    }
}

/// Makes an output file, or empties it; never one of the command's own inputs.
///
/// # Errors
/// [`Failure::Misused`] for an input, [`Failure::Unwritable`].
pub fn create(path: &Path, inputs: &[&Path]) -> Result<File, Failure> {
    if let Ok(target) = fs::canonicalize(path)
        && inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| same_file(&input, &target)))
    {
        return Err(Failure::Misused(format!("{} is also the input; name another output", path.display())));
    }
    File::create(path).map_err(|e| Failure::unwritable(path, plain(&e)))
}

/// Whether two paths lead to one file, also through hard links where the system can tell.
fn same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) {
            return (a.dev(), a.ino()) == (b.dev(), b.ino());
        }
    }
    a == b
}

/// An operating system's error as a plain clause.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission is denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// A digest as it is shown everywhere: sixteen hexadecimal digits.
#[must_use]
pub fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}

/// A whole number with thin groups of three digits, for people.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people_are_grouped() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn an_input_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("a");
        fs::write(&input, "precious").unwrap();
        let link = folder.path().join("b");
        fs::hard_link(&input, &link).unwrap();
        assert!(matches!(create(&link, &[&input]), Err(Failure::Misused(_))));
        assert_eq!(fs::read_to_string(&input).unwrap(), "precious");
        assert!(create(&folder.path().join("c"), &[&input]).is_ok());
    }
}
