//! Runs a target on files, without a fuzzer: `again TARGET FILE...`. With `TRACE` in the
//! environment, targets with a network say what happens on it.

use std::{env, error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let name = args.next().ok_or("usage: again TARGET FILE...")?;
    let (_, run) = sealgram_fuzz::TARGETS
        .iter()
        .find(|(target, _)| *target == name)
        .ok_or("no such target")?;
    for file in args {
        run(&fs::read(&file)?);
        println!("{file}: no fault");
    }
    Ok(())
}
