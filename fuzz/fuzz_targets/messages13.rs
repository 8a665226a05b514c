#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealgram_fuzz::messages13::run(data));
