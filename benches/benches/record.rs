//! One record sealed and opened through the public API, beside the same with raw *ring*.
#![forbid(unsafe_code)]
#![expect(missing_docs, reason = "criterion's macro writes a public function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealgram_benches::records;

fn bench(criterion: &mut Criterion) {
    for mut work in records(|_| true) {
        let mut group = criterion.benchmark_group(&work.name);
        group.throughput(Throughput::Bytes(u64::try_from(work.bytes).expect("small")));
        group.bench_function("sealgram", |bencher| bencher.iter(&mut work.ours));
        if let Some(raw) = &mut work.raw {
            group.bench_function("ring", |bencher| bencher.iter(&mut *raw));
        }
        if let Some(floor) = &mut work.floor {
            group.bench_function("ring, with type and masks", |bencher| bencher.iter(&mut *floor));
        }
        group.finish();
    }
}

criterion_group!(record, bench);
criterion_main!(record);
