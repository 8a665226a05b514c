//! The `sealgram` command: a client and a server of DTLS for people who debug, test and run it.
//!
//! ```text
//!   args ──> setup ──> sealgram's configurations ──> connect, listen, demo
//!                                                          │
//!             failure: exit codes and advice  <────────────┤
//!             report:  one JSON object per connection  <───┘
//! ```
//!
//! Application data goes to standard output, everything else to standard error. What comes from
//! the network ends neither a server nor, with anything but an exit code, a client.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

mod args;
mod cert;
mod certificates;
mod connect;
mod demo;
mod failure;
mod files;
mod hex;
mod keylog;
mod listen;
mod names;
mod raw;
mod report;
mod screen;
mod sessions;
mod setup;
mod verifier;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use failure::Failure;

/// Runs the command with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version were asked for; everything else is a mistake.
            let code = if error.use_stderr() { failure::USAGE } else { failure::DONE };
            // If nobody reads it, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::from(failure::DONE),
        Err(failure) => {
            screen::say(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo => demo::run(),
        Command::Listen(args) => listen::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Cert(args) => cert::run(&args),
        Command::Proxy(_) => Err(Failure::unavailable("`sealgram proxy`")),
        Command::Bench(_) => Err(Failure::unavailable("`sealgram bench`")),
    }
}
