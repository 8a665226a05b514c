//! The shim that BoringSSL's protocol test suite (BoGo) drives: sealgram under its virtual clock.
//!
//! The suite starts this program once for each test, says on the command line what to do and what
//! to expect, and plays a peer that knows every trick. README.md tells how to run it.
//!
//! ```text
//!   runner ──TCP──> link ──datagrams, time──> drive ──> sealgram::Connection
//!                                               │
//!   flags ──> configs ──────────────────────────┘──> report: exit code and one line
//! ```
#![forbid(unsafe_code)]

mod clock;
mod configs;
mod credentials;
mod drive;
mod flags;
mod link;
mod provider;
mod report;
mod sessions;
mod verify;

use std::env;
use std::process::ExitCode;

use clock::Clock;
use flags::Flags;
use report::Failure;
use sessions::Sessions;

/// What the runner takes for "this test asks for something that the stack does not have".
const UNIMPLEMENTED: u8 = 89;

fn main() -> ExitCode {
    let args: Vec<Vec<u8>> =
        env::args_os().skip(1).map(|arg| arg.as_encoded_bytes().to_vec()).collect();
    // The runner wants to know whether handshakes can be split over two processes.
    if args.iter().any(|arg| arg == b"-is-handshaker-supported") {
        println!("No");
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unimplemented(what)) => {
            eprintln!("not implemented: {what}");
            ExitCode::from(UNIMPLEMENTED)
        }
        Err(Failure::Failed(why)) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// All connections of the test, one after the other.
fn run(args: &[Vec<u8>]) -> Result<(), Failure> {
    let flags = Flags::parse(args)?;
    let clock = Clock::start();
    let sessions = Sessions::new(&provider::chosen()?, &*clock)?;
    for nth in 0..=flags.resumptions() {
        let options = flags.options(nth);
        drive::connection(&clock, &sessions, options, nth)
            .map_err(|failure| failure.in_connection(nth))?;
    }
    Ok(())
}
