//! The shader compiler of the build: includes, and errors that name the right file and line.

#[path = "../build/wgsl.rs"]
mod wgsl;

use std::path::Path;

/// Compiles `main.wgsl` of a folder with those files.
fn compile(files: &[(&str, &str)]) -> Result<Option<Vec<u32>>, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a written file");
    }
    wgsl::compile(folder.path(), "main.wgsl")
}

const ENTRY: &str = "@fragment fn f() -> @location(0) vec4<f32> { return vec4<f32>(one()); }\n";

#[test]
fn an_included_function_is_there_once() {
    let main = format!("//!include a.wgsl\n//!include b.wgsl\n{ENTRY}");
    let files = [
        ("main.wgsl", main.as_str()),
        ("a.wgsl", "//!include b.wgsl\n"),
        ("b.wgsl", "fn one() -> f32 { return 1.0; }"),
    ];
    assert!(compile(&files).unwrap().is_some_and(|words| words[0] == 0x0723_0203));
    let shared = compile(&[("main.wgsl", "fn one() -> f32 { return 1.0; }")]);
    assert_eq!(shared, Ok(None), "a file without an entry point gives no SPIR-V");
}

#[test]
fn errors_name_file_and_line() {
    let main = format!("//!include a.wgsl\n\n{ENTRY}");
    let starts = |files: &[(&str, &str)], with: &str| {
        let why = compile(files).unwrap_err();
        assert!(why.starts_with(with), "{why}");
    };
    // Not parsed; a wrong type found when validated; an unknown name; a missing file.
    starts(&[("main.wgsl", &main), ("a.wgsl", "\n\nfn one( { }")], "shaders/a.wgsl:3: ");
    starts(&[("main.wgsl", &main), ("a.wgsl", "\nfn one() -> f32 { return vec2<f32>(1.0); }")], "shaders/a.wgsl:2: ");
    starts(&[("main.wgsl", &main), ("a.wgsl", "fn two() {}")], "shaders/main.wgsl:3: ");
    starts(&[("main.wgsl", &main)], "shaders/main.wgsl:1: a.wgsl cannot be read");
}

#[test]
fn every_shader_of_the_crate_can_be_assembled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let source = wgsl::assemble(&folder, "bodies.wgsl").unwrap();
    assert_eq!(source.text.lines().count(), source.origin.len());
}
