//! Identified events into a fold, and the fold into a flush.

mod common;

use common::{Input, RECORDS};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use seismolog::engine::{Engine, Identified, Outcome};
use seismolog::event::{Dimensions, ErrorEvent, Text, Thrown};
use seismolog::fold::{FoldLimits, Folder};
use seismolog::generate::Scenario;
use seismolog::identity::Identity;
use seismolog::rules::RuleSet;
use std::hint::black_box;
use std::sync::Arc;

type Known = (ErrorEvent<'static>, Arc<Identity>, Arc<Dimensions>);

/// The events of an input, identified; stacks are left out, since folding does not look at them.
fn identified(input: &Input, rules: &Arc<RuleSet>) -> Vec<Known> {
    let mut engine = Engine::new(Arc::clone(rules), jiff::tz::TimeZone::UTC);
    let mut known = Vec::new();
    for record in &input.records {
        engine.read(record, &mut |outcome| {
            if let Outcome::Folded(found) = outcome {
                let event = ErrorEvent {
                    layout: found.event.layout,
                    time: found.event.time,
                    level: None,
                    logger: None,
                    thread: None,
                    message: Text::Owned(found.event.message.decoded().into_owned()),
                    thrown: Thrown::Absent,
                    root_class: None,
                    root_message: None,
                    fields: Default::default(),
                    truncated: false,
                };
                known.push((event, Arc::clone(found.identity), Arc::clone(found.dimensions)));
            }
        });
    }
    known
}

fn fold(criterion: &mut Criterion) {
    let Ok(rules) = RuleSet::shipped().map(Arc::new) else {
        return;
    };
    let source: Arc<str> = "bench".into();
    let mut group = criterion.benchmark_group("fold");
    group.sample_size(20);
    for scenario in [Scenario::Steady, Scenario::Storm] {
        let input = Input::mix(scenario);
        let known = identified(&input, &rules);
        group.throughput(criterion::Throughput::Elements(RECORDS));
        let filled = || {
            let mut folder = Folder::new(FoldLimits {
                keys: usize::MAX,
                bytes: usize::MAX,
            });
            for (event, identity, dimensions) in &known {
                folder.record(&source, 1);
                folder.add(&Identified::new(event, identity, dimensions), &source);
            }
            folder
        };
        group.bench_function(format!("add/{}", input.name), |bench| {
            bench.iter_with_large_drop(filled)
        });
        group.bench_function(format!("take/{}", input.name), |bench| {
            bench.iter_batched(
                filled,
                |mut folder| black_box(folder.take().is_ok()),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
