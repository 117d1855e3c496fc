//! Flushes made by hand, for tests over the embedded store.

use super::{JAVA_STACK, rfc};
use seismolog::event::{Dimensions, EventTime, Fingerprint, Group, IssueId, Part, Severity};
use seismolog::fold::{DetailDelta, Flush, Ledger, Reject, Sample, SeenOn, SourcePosition, StatRow};
use seismolog::identity::Identity;
use std::collections::BTreeMap;
use std::sync::Arc;

const TYPES: &[(&str, &str, Severity, Part)] = &[
    ("database_unreachable", "dependency", Severity::Critical, Part::Root),
    ("checkpoint_expired", "checkpoint", Severity::High, Part::Symptom),
    ("user_code_exception", "user_code", Severity::High, Part::Root),
    ("connection_reset", "network", Severity::Medium, Part::Root),
    ("task_cancelled", "lifecycle", Severity::Info, Part::Noise),
];

/// The n-th error, as it is known.
pub fn identity(n: u64) -> Arc<Identity> {
    let (error_type, category, severity, part) = TYPES[n as usize % TYPES.len()];
    Arc::new(Identity {
        error_type: error_type.into(),
        category: category.into(),
        severity,
        part,
        rule: Some(error_type.into()),
        template: format!("Connection to <HOST> refused by part {n}"),
        exception: Some("org.postgresql.util.PSQLException".to_owned()),
        exception_chain: vec![
            "java.lang.RuntimeException".to_owned(),
            "org.postgresql.util.PSQLException".to_owned(),
        ],
        top_frame: Some("com.acme.orders.Db.open".to_owned()),
        exception_template: Some(format!("Connection to <HOST> refused by part {n}")),
        fingerprint: Fingerprint(u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) | 1),
        group: Group(u128::from(n % 50)),
    })
}

/// One flush: `errors` errors of each of the minutes before `now`, `count` events each.
pub fn flush(from: u64, errors: u64, now: i64, minutes_ago: &[i64], count: u64) -> Flush {
    let mut flush = Flush::default();
    let mut ledger = Ledger::default();
    for n in from..from + errors {
        let identity = identity(n);
        let job = format!("job-{:03}", n % 200);
        let dimensions = Arc::new(Dimensions {
            job_name: Some(job.clone().into()),
            cluster: Some("prod-eu-1".into()),
            team: Some(if n % 2 == 0 { "payments" } else { "search" }.into()),
            engine: Some("flink".into()),
            role: Some("taskmanager".into()),
            host: Some(format!("node{}.prod", n % 40).into()),
            ..Dimensions::default()
        });
        for ago in minutes_ago {
            let at = EventTime::from_millis(now - ago * 60_000 - i64::try_from(n % 50_000).unwrap());
            let named: BTreeMap<String, String> = dimensions
                .texts()
                .iter()
                .filter_map(|(name, value)| value.map(|v| ((*name).to_owned(), v.to_owned())))
                .collect();
            flush.details.push(DetailDelta {
                issue: IssueId::of(&job, identity.fingerprint),
                job: job.clone().into(),
                minute: at.minute(),
                identity: identity.clone(),
                count,
                first_seen: at,
                last_seen: at,
                seen_on: SeenOn {
                    hosts: vec![format!("node{}.prod", n % 40).into()],
                    roles: vec!["taskmanager".into()],
                    ..SeenOn::default()
                },
                sample: Arc::new(Sample {
                    event_time: at.rfc3339(),
                    level: Some("ERROR".to_owned()),
                    logger: Some("com.acme.orders.Db".to_owned()),
                    thread: Some("main".to_owned()),
                    message: format!("Connection to db-{n}:5432 refused by part {n}"),
                    stack: Some(JAVA_STACK.to_owned()),
                    dimensions: named,
                    layout: "log4j2-json".to_owned(),
                    truncated: false,
                    stack_bytes: None,
                    redactions: 0,
                }),
            });
            flush.stats.push(StatRow {
                minute: at.minute(),
                identity: identity.clone(),
                dimensions: dimensions.clone(),
                count,
            });
            ledger.records += count;
            ledger.folded += count;
        }
    }
    ledger.records += 1;
    ledger.rejected += 1;
    let source: Arc<str> = "logs/app.jsonl".into();
    flush.rejects.push(Reject {
        source: source.clone(),
        offset: from,
        reason: seismolog::event::Reason::InvalidJson,
        detail: "ended too early at byte 9".to_owned(),
        length: 9,
        bytes: b"{\"a\": \xff\"".to_vec(),
        rejected_at: now,
    });
    flush.positions.push(SourcePosition {
        source: source.clone(),
        next: from + errors,
        identity: format!("{{\"at\":{:?}}}", rfc(now)),
    });
    flush.ledger.insert(source, ledger);
    flush
}
