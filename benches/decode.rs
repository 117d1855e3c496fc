//! Bytes to events: the steady mix, and each layout on its own.

mod common;

use common::Input;
use criterion::{Criterion, criterion_group, criterion_main};
use seismolog::decode::{Decoder, Limits};
use seismolog::generate::{LayoutKind, Scenario};
use std::hint::black_box;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(20);
    let mixes = [Input::mix(Scenario::Steady), Input::mix(Scenario::Storm)];
    for input in mixes.into_iter().chain(LayoutKind::ALL.map(Input::in_layout)) {
        group.throughput(input.throughput());
        let mut decoder = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
        group.bench_function(input.name, |bench| {
            bench.iter(|| {
                for record in &input.records {
                    decoder.decode(record, &mut |outcome| {
                        black_box(outcome.is_ok());
                    });
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
