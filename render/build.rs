//! Compiles the shaders to SPIR-V. An error in a shader stops the build with the shader's file and line.

#[path = "build/wgsl.rs"]
mod wgsl;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=shaders");
    println!("cargo::rerun-if-changed=build");
    match compile_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // cargo shows what a failed build script wrote to its error output.
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn compile_all() -> Result<(), String> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo set no OUT_DIR")?);
    let shaders = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let entries = std::fs::read_dir(&shaders).map_err(|e| format!("{}: {e}", shaders.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|n| n.ends_with(".wgsl")) else { continue };
        let Some(words) = wgsl::compile(&shaders, name)? else { continue };
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let to = out.join(name).with_extension("spv");
        std::fs::write(&to, bytes).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    Ok(())
}
