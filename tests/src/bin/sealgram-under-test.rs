//! The `sealgram` command as the tests start it: cargo builds it anew whenever it has changed.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sealgram_cli::main()
}
