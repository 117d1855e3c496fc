//! What an error nobody has seen costs: every record of `novel` is one, and the engine begins empty each time.

mod common;

use common::Input;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use seismolog::engine::Engine;
use seismolog::generate::Scenario;
use seismolog::rules::RuleSet;
use std::hint::black_box;
use std::sync::Arc;

fn miss(criterion: &mut Criterion) {
    let Ok(rules) = RuleSet::shipped().map(Arc::new) else {
        return;
    };
    let mut group = criterion.benchmark_group("identify");
    group.sample_size(10);
    let input = Input::mix(Scenario::Novel);
    group.throughput(input.throughput());
    group.bench_function("miss", |bench| {
        let empty = || Engine::new(Arc::clone(&rules), jiff::tz::TimeZone::UTC);
        bench.iter_batched_ref(
            empty,
            |engine| {
                for record in &input.records {
                    engine.read(record, &mut |outcome| {
                        black_box(&outcome);
                    });
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, miss);
criterion_main!(benches);
