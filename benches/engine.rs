//! The whole pure path, bytes to identified events, with a memo that has seen the errors: the path nearly every
//! record takes.

mod common;

use common::Input;
use criterion::{Criterion, criterion_group, criterion_main};
use seismolog::engine::Engine;
use seismolog::generate::Scenario;
use seismolog::rules::RuleSet;
use std::hint::black_box;
use std::sync::Arc;

fn hit(criterion: &mut Criterion) {
    let Ok(rules) = RuleSet::shipped().map(Arc::new) else {
        return;
    };
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(20);
    for scenario in [Scenario::Steady, Scenario::Storm, Scenario::Fleet] {
        let input = Input::mix(scenario);
        group.throughput(input.throughput());
        let mut engine = Engine::new(Arc::clone(&rules), jiff::tz::TimeZone::UTC);
        let mut read_all = || {
            for record in &input.records {
                engine.read(record, &mut |outcome| {
                    black_box(&outcome);
                });
            }
        };
        read_all();
        group.bench_function(input.name, |bench| bench.iter(&mut read_all));
    }
    group.finish();
}

criterion_group!(benches, hit);
criterion_main!(benches);
