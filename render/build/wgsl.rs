//! From WGSL files with `//!include` lines to SPIR-V words. Used by the build script and by its test; must never write
//! a file.

#[path = "combine.rs"]
mod combine;

use std::path::Path;

use naga::SourceLocation;
use naga::back::spv;
use naga::front::wgsl;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use combine::combine;

/// A shader with everything that it includes, and where each of its lines came from.
#[derive(Debug, Default)]
pub struct Source {
    /// The whole text.
    pub text: String,
    /// File and line (from 1) of each line of the text.
    pub origin: Vec<(String, usize)>,
}

impl Source {
    /// The file and line from which the text's `line` (from 1) came, as `file:line`.
    fn place(&self, line: usize) -> String {
        let origin = self.origin.get(line.saturating_sub(1)).or(self.origin.last());
        origin.map_or_else(String::new, |(file, line)| format!("shaders/{file}:{line}"))
    }
}

/// Reads `file` in `folder`. A line `//!include other.wgsl` is replaced by that file, the first time that it is named.
///
/// # Errors
/// A file that cannot be read, with the line that names it.
pub fn assemble(folder: &Path, file: &str) -> Result<Source, String> {
    let mut source = Source::default();
    let mut seen = Vec::new();
    include(folder, file, "the build", &mut seen, &mut source)?;
    Ok(source)
}

fn include(folder: &Path, file: &str, from: &str, seen: &mut Vec<String>, into: &mut Source) -> Result<(), String> {
    if seen.iter().any(|s| s == file) {
        return Ok(());
    }
    seen.push(file.to_owned());
    let text = std::fs::read_to_string(folder.join(file)).map_err(|e| format!("{from}: {file} cannot be read: {e}"))?;
    for (i, line) in text.lines().enumerate() {
        if let Some(other) = line.strip_prefix("//!include ") {
            include(folder, other.trim(), &format!("shaders/{file}:{}", i + 1), seen, into)?;
        } else {
            into.text.push_str(line);
            into.text.push('\n');
            into.origin.push((file.to_owned(), i + 1));
        }
    }
    Ok(())
}

/// SPIR-V of the shader in `file`, or nothing for a file without an entry point, which others include.
///
/// # Errors
/// What is wrong, as `shaders/file:line: message`.
pub fn compile(folder: &Path, file: &str) -> Result<Option<Vec<u32>>, String> {
    let source = assemble(folder, file)?;
    // What is only included may use what the including file declares, so it is compiled only there.
    let own = |line: &&(String, usize)| line.0 == file;
    let has_entry = source.text.lines().zip(&source.origin).any(|(line, origin)| {
        own(&origin) && ["@vertex", "@fragment", "@compute"].iter().any(|e| line.trim_start().starts_with(e))
    });
    if !has_entry {
        return Ok(None);
    }
    // What is wrong with no line in particular is wrong with the file.
    let place = |location: Option<SourceLocation>| {
        location.map_or_else(|| format!("shaders/{file}:1"), |l| source.place(l.line_number as usize))
    };
    let module = wgsl::parse_str(&source.text).map_err(|e| {
        format!("{}: {}\n{}", place(e.location(&source.text)), e.message(), e.emit_to_string(&source.text))
    })?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::MULTIVIEW).validate(&module).map_err(|e| {
        format!("{}: {}\n{}", place(e.location(&source.text)), e.as_inner(), e.emit_to_string(&source.text))
    })?;
    let options = spv::Options {
        lang_version: (1, 3),
        // The projection is made by hand, y down and depth reversed, so nothing is to be flipped or clamped.
        flags: spv::WriterFlags::LABEL_VARYINGS,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Restrict,
            image_load: BoundsCheckPolicy::Restrict,
            binding_array: BoundsCheckPolicy::Restrict,
        },
        // Every loop here counts to a constant.
        force_loop_bounding: false,
        ..spv::Options::default()
    };
    let words = spv::write_vec(&module, &info, &options, None).map_err(|e| format!("shaders/{file}:1: {e}"))?;
    combine(&words).map(Some).map_err(|e| format!("shaders/{file}:1: {e}"))
}
