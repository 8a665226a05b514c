//! The core without `std`: the program in `tests/no_std` is built and run.

use std::path::Path;
use std::process::Command;

#[test]
fn program_without_std_completes_a_handshake_in_both_versions() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("no_std/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_std");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .expect("cargo can be run");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = target.join("debug/sealgram-no-std");
    let ended = Command::new(program).status().expect("the program can be run");
    // 10 and up: a step of 1.2 failed; 20 and up: one of 1.3.
    assert_eq!(ended.code(), Some(0));
}
