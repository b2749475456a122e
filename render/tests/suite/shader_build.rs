//! The shader compiler of the build: includes, and errors that name the right file and line.

use crate::wgsl;
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

/// A shader that samples one texture and asks for its size.
const SAMPLING: &str = "
@group(0) @binding(3) var image: texture_2d<f32>;
@group(0) @binding(4) var one: sampler;
@group(0) @binding(5) var two: sampler;
@fragment fn f() -> @location(0) vec4<f32> {
    let size = vec2<f32>(textureDimensions(image));
    return textureSampleLevel(image, one, size, 0.0);
}
";

#[test]
fn a_texture_is_bound_together_with_its_sampler() {
    let words = compile(&[("main.wgsl", SAMPLING)]).unwrap().unwrap();
    let mut at = 5;
    let mut opcodes = Vec::new();
    while at < words.len() {
        opcodes.push(words[at] & 0xffff);
        at += (words[at] >> 16) as usize;
    }
    assert_eq!(at, words.len());
    let count = |opcode: u32| opcodes.iter().filter(|o| **o == opcode).count();
    // OpSampledImage is gone; OpImage takes the bare image back for its size; one sampled type, one load.
    assert_eq!([count(86), count(100), count(27), count(61)], [0, 1, 1, 1]);
    let twice = SAMPLING
        .replace("image, one, size, 0.0)", "image, one, size, 0.0) + textureSampleLevel(image, two, size, 0.0)");
    let why = compile(&[("main.wgsl", &twice)]).unwrap_err();
    assert!(why.contains("two samplers"), "{why}");
}

#[test]
fn every_shader_of_the_crate_can_be_assembled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let source = wgsl::assemble(&folder, "bodies.wgsl").unwrap();
    assert_eq!(source.text.lines().count(), source.origin.len());
}
