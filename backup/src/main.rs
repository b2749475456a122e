//! The program `spacetime-backup`. Must never hold anything but this call: tests use the library.

fn main() -> std::process::ExitCode {
    backup::cli::main()
}
