//! The `sealgram` command. Everything is in the library, so that tests can link it too.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sealgram_cli::main()
}
