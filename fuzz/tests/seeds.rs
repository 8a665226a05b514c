//! Every seed goes through its target without a fault.

use sealgram_fuzz::{TARGETS, recording, seeds};

/// One test, because targets share their sources of randomness and count what is on the heap.
#[test]
fn seeds_of_every_target_run_and_recordings_stay_the_same() {
    assert!(seeds::recordings() == seeds::recordings(), "something is not deterministic");
    for (name, run) in TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            run(&seed);
            // Cut anywhere it is a program as well.
            for len in (0..seed.len()).step_by(seed.len() / 16 + 1) {
                run(&seed[..len]);
            }
        }
    }
    kept_recordings_can_be_read();
}

fn kept_recordings_can_be_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/recordings");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        let recording = recording::decode(&bytes);
        assert_eq!(recording::encode(&recording), bytes, "{path:?}");
        assert!(recording.len() > 4, "{path:?}");
        found += 1;
    }
    assert!(found > 0);
}
