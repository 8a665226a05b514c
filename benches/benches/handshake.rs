//! Whole handshakes in memory, client and server together, beside the public-key operations that
//! such a handshake needs.
#![forbid(unsafe_code)]
#![expect(missing_docs, reason = "criterion's macro writes a public function")]

use criterion::{Criterion, criterion_group, criterion_main};
use sealgram_benches::handshakes;

fn bench(criterion: &mut Criterion) {
    for mut work in handshakes(|_| true) {
        let mut group = criterion.benchmark_group(&work.name);
        group.bench_function("sealgram", |bencher| bencher.iter(&mut work.ours));
        if let Some(raw) = &mut work.raw {
            group.bench_function("public-key operations", |bencher| bencher.iter(&mut *raw));
        }
        group.finish();
    }
}

criterion_group!(handshake, bench);
criterion_main!(handshake);
