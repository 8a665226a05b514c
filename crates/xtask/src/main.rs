//! Checks of the workspace that no compiler makes, run as `cargo xtask CHECK`.
//!
//! - `layers`: who may depend on whom, and what every crate must declare ([`layers`]).
//! - `msrv`: whether the sources keep to the Rust version that their crate promises ([`msrv`]).
//! - `rfc`: which sections of which RFC the code and its tests cite ([`rfc`]).
#![forbid(unsafe_code)]

mod graph;
mod layers;
mod msrv;
mod rfc;
mod source;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask CHECK

  layers   check every crate against the table of layers; exit 1 if one breaks a rule
  msrv     look for syntax that is newer than a crate's rust-version; exit 1 if there is any
  rfc      list the RFC sections that code and tests cite, with counts
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["layers"] => run_layers(),
        ["msrv"] => run_msrv(),
        ["rfc"] => run_rfc(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(true)
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the workspace keeps every rule.
fn run_layers() -> Result<bool, String> {
    let workspace = graph::Workspace::load(layers::is_product)?;
    let violations = layers::check(&workspace);
    for violation in &violations {
        eprintln!("{violation}\n");
    }
    match violations.len() {
        0 => println!("layers: {} crates keep the rules", workspace.packages.len()),
        n => eprintln!("layers: {n} broken rule(s)"),
    }
    Ok(violations.is_empty())
}

/// Whether every source can be read by the compiler that its crate promises.
fn run_msrv() -> Result<bool, String> {
    let workspace = graph::Workspace::load(layers::is_product)?;
    let found = msrv::check(&workspace.packages);
    for line in &found {
        eprintln!("{line}");
    }
    if found.is_empty() {
        println!("msrv: {} crates keep to their rust-version", workspace.packages.len());
    }
    Ok(found.is_empty())
}

fn run_rfc() -> Result<bool, String> {
    let root = graph::workspace_root()?;
    print!("{}", rfc::report(&rfc::citations_below(&root)?));
    Ok(true)
}
