//! The core without `std`: the program in `tests/no_std` is built and run.

use std::path::Path;
use std::process::Command;

/// The most that either side may take during a handshake, in bytes, the connection itself and its
/// heap: what ARCHITECTURE.md says.
const HANDSHAKE: usize = 16 * 1024;

/// The same for a connection five minutes after its handshake.
const IDLE: usize = 8 * 1024;

#[test]
fn program_without_std_completes_handshakes_in_little_memory() {
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
    let ended = Command::new(program).output().expect("the program can be run");
    let said = String::from_utf8_lossy(&ended.stdout);
    println!("{said}");
    // 10 and up: a step of the first setup failed; 20 and up: one of the second.
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(said.lines().count(), 5, "one line for each setup");
    for line in said.lines() {
        let (_, numbers) = line.split_once(": ").expect("a name");
        let numbers: Vec<usize> = numbers.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [client, client_idle, server, server_idle] = numbers[..] else { panic!("{line}") };
        assert!(client.max(server) <= HANDSHAKE, "{line}");
        assert!(client_idle.max(server_idle) <= IDLE, "{line}");
    }
}
