//! Where things of a person are kept: settings, recordings, screenshots, by the XDG base directories. Must never make a
//! folder before something is written into it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use crate::exit::Failure;
use crate::output;

/// The folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// The settings file.
    pub settings: PathBuf,
    /// Recordings of flights.
    pub recordings: PathBuf,
    /// Screenshots.
    pub screenshots: PathBuf,
}

impl Folders {
    /// By the environment.
    ///
    /// # Errors
    /// [`Failure::Misused`] where no home is known.
    pub fn find() -> Result<Self, Failure> {
        Self::of(|name| std::env::var_os(name).map(PathBuf::from)).ok_or_else(|| {
            Failure::Misused("there is no home folder: set HOME, or XDG_CONFIG_HOME and XDG_DATA_HOME".into())
        })
    }

    /// By variables that `get` gives; those that are not absolute do not count.
    fn of(get: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        let absolute = |name| get(name).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let below = |place: &str| home.as_ref().map(|home| home.join(place));
        let config = absolute("XDG_CONFIG_HOME").or_else(|| below(".config"))?.join("spacetime");
        let data = absolute("XDG_DATA_HOME").or_else(|| below(".local/share"))?.join("spacetime");
        let pictures = absolute("XDG_PICTURES_DIR").map(|pictures| pictures.join("spacetime"));
        Some(Self {
            settings: config.join("settings.toml"),
            recordings: data.join("recordings"),
            screenshots: pictures.unwrap_or_else(|| data.join("screenshots")),
        })
    }
}

/// The date and time of day (UTC) of a moment, as file names have it: `2026-03-01-174500`.
#[must_use]
pub fn stamp(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    let at = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    format!("{:04}-{:02}-{:02}-{hour:02}{minute:02}{second:02}", date.year(), u8::from(date.month()), date.day())
}

/// A file that is to be written, by a name that nothing else has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Where.
    pub folder: PathBuf,
    /// What it begins with.
    pub name: String,
    /// Its ending, without the dot.
    pub ending: &'static str,
}

impl NewFile {
    /// Takes the first name that is free (`name.png`, else `name-2.png` and so on) and makes an empty file of it, so that
    /// nobody else takes it.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn reserve(&self) -> Result<PathBuf, Failure> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Failure::unwritable(&self.folder, output::plain(&e)))?;
        loop {
            let path = unused(&self.folder, &self.name, self.ending);
            match std::fs::File::create_new(&path) {
                Ok(_) => return Ok(path),
                // Somebody was quicker; where all names are taken, that is an error.
                Err(e)
                    if e.kind() == ErrorKind::AlreadyExists
                        && unused(&self.folder, &self.name, self.ending) != path => {}
                Err(e) => return Err(Failure::unwritable(&path, output::plain(&e))),
            }
        }
    }
}

/// Removes a file that was reserved and never written.
pub fn discard_empty(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        // It stays where it cannot be removed; nobody lists it.
        let _ = std::fs::remove_file(path);
    }
}

/// A path in a folder with this name and ending that does not exist: `name.png`, else `name-2.png` and so on.
#[must_use]
pub fn unused(folder: &Path, name: &str, ending: &str) -> PathBuf {
    let first = folder.join(format!("{name}.{ending}"));
    let later = (2..10_000).map(|n| folder.join(format!("{name}-{n}.{ending}")));
    std::iter::once(first.clone()).chain(later).find(|path| !path.exists()).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_dates() {
        for (days, date) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_513, "2026-03-01"), (47_541, "2100-03-01")]
        {
            let at = UNIX_EPOCH + std::time::Duration::from_secs(days * 86_400 + 63_900);
            assert_eq!(stamp(at), format!("{date}-174500"));
        }
    }

    #[test]
    fn no_two_files_get_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = NewFile { folder: folder.path().join("new"), name: "a".to_owned(), ending: "strec" };
        let paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| file.reserve().unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let different: std::collections::BTreeSet<&PathBuf> = paths.iter().collect();
        assert_eq!(different.len(), 8, "{paths:?}");
        std::fs::write(&paths[1], "flown").unwrap();
        paths.iter().for_each(|path| discard_empty(path));
        assert_eq!(paths.iter().filter(|path| path.exists()).count(), 1);
        let nowhere = NewFile { folder: paths[1].clone(), ..file };
        assert!(nowhere.reserve().is_err());
    }

    #[test]
    fn variables_say_where_and_relative_ones_do_not_count() {
        let of = |pairs: &'static [(&str, &str)]| {
            Folders::of(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, path)| PathBuf::from(path)))
        };
        let found = of(&[("HOME", "/h"), ("XDG_DATA_HOME", "relative")]).expect("there is a home");
        assert_eq!(found.settings, PathBuf::from("/h/.config/spacetime/settings.toml"));
        assert_eq!(found.recordings, PathBuf::from("/h/.local/share/spacetime/recordings"));
        assert_eq!(found.screenshots, PathBuf::from("/h/.local/share/spacetime/screenshots"));
        let found = of(&[("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d"), ("XDG_PICTURES_DIR", "/p")]);
        assert_eq!(found.map(|found| found.screenshots), Some(PathBuf::from("/p/spacetime")));
        assert_eq!(of(&[("HOME", "h")]), None);
    }

    #[test]
    fn names_are_not_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        let first = unused(folder.path(), "a", "png");
        std::fs::write(&first, "").unwrap();
        assert!(first.ends_with("a.png") && unused(folder.path(), "a", "png").ends_with("a-2.png"));
    }
}
