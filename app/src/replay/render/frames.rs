//! Where the frames of a video go: into a folder as PNG files, or to standard output as Y4M. Must never write over what
//! an earlier run left.

use std::fs;
use std::io::{self, BufWriter, Stdout};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use render::Picture;

use super::y4m::Y4m;
use crate::exit::Failure;
use crate::output;

/// Takes frames one by one.
pub struct Frames {
    to: To,
    count: u64,
}

enum To {
    Folder(PathBuf),
    Stream(Y4m<BufWriter<Stdout>>),
}

impl Frames {
    /// PNG files `frame-000001.png` and so on; the folder is made if it does not exist.
    ///
    /// # Errors
    /// [`Failure::Misused`] if there are such files already, [`Failure::Unwritable`].
    pub fn folder(path: &Path) -> Result<Self, Failure> {
        let failed = |e: io::Error| Failure::unwritable(path, output::plain(&e));
        fs::create_dir_all(path).map_err(failed)?;
        for entry in fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("frame-") && name.ends_with(".png")) {
                let path = path.display();
                return Err(Failure::Misused(format!("{path} has frames already; name another folder or remove them")));
            }
        }
        Ok(Self { to: To::Folder(path.to_owned()), count: 0 })
    }

    /// Y4M on standard output.
    #[must_use]
    pub fn stream(fps: u32) -> Self {
        Self { to: To::Stream(Y4m::new(BufWriter::new(io::stdout()), fps)), count: 0 }
    }

    /// Writes one; breaks when nobody reads any more.
    ///
    /// # Errors
    /// [`Failure::Unwritable`], such as for a full disk.
    pub fn put(&mut self, picture: &Picture) -> Result<ControlFlow<()>, Failure> {
        match &mut self.to {
            To::Folder(folder) => {
                let path = folder.join(format!("frame-{:06}.png", self.count + 1));
                picture.save(&path).map_err(|e| Failure::unwritable(&path, e))?;
            }
            To::Stream(video) => {
                if taken(video.frame(picture))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.count += 1;
        Ok(ControlFlow::Continue(()))
    }

    /// How many were written.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sends off what is still held back.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn end(&mut self) -> Result<(), Failure> {
        match &mut self.to {
            To::Folder(_) => Ok(()),
            // Whether anybody read the last of it is all the same.
            To::Stream(video) => taken(video.flush()).map(|_| ()),
        }
    }
}

/// A reader that has gone away (`| head`) is no error.
fn taken(written: io::Result<()>) -> Result<ControlFlow<()>, Failure> {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::unwritable(Path::new("standard output"), output::plain(&error))),
    }
}
