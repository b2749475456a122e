//! The program `spacetime`. Must never hold anything but this call: tests use the library.

fn main() -> std::process::ExitCode {
    app::main()
}
