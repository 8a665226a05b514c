//! Writes recordings and seeds.
//!
//! ```text
//! seeds record FOLDER           the recordings that vectors/recordings keeps
//! seeds write FOLDER            seeds of every target, each target in a folder of its own
//! seeds import FROM FOLDER      seeds made of other people's corpora, unpacked in FROM
//! ```

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use sealgram_fuzz::{TARGETS, seeds};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["record", folder] => {
            fs::create_dir_all(folder)?;
            for (name, bytes) in seeds::recordings() {
                fs::write(Path::new(folder).join(name).with_extension("bin"), bytes)?;
            }
        }
        ["write", folder] => {
            for (target, _) in TARGETS {
                write(&Path::new(folder).join(target), "seed", &seeds::of(target))?;
            }
        }
        ["import", from, folder] => import(Path::new(from), Path::new(folder))?,
        _ => return Err("usage: seeds record FOLDER | write FOLDER | import FROM FOLDER".into()),
    }
    Ok(())
}

fn write(folder: &Path, prefix: &str, seeds: &[Vec<u8>]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{prefix}-{number:04}")), seed)?;
    }
    Ok(())
}

/// Every file, whatever it is: a certificate, or what a client or a server reads.
fn import(from: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(from, &mut files)?;
    files.sort();
    for (number, path) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        let name = path.to_string_lossy();
        for (target, seeds) in seeds::import(&name, &bytes) {
            write(&folder.join(target), &format!("import-{number:05}"), &seeds)?;
        }
    }
    println!("{} files", files.len());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
