//! What the deliverer makes of receivers that misbehave.

use super::outbox::{Memory, change, now};
use super::receiver::{Answer, Receiver, ok};
use super::{brisk, deliverer, routes};
use seismolog::alert::AlertId;
use seismolog::alert::notify::{Deliverer, LiveRoutes, Pace};
use seismolog::store::{ChangeKind, DeliveryOutcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn webhook(name: &str, url: &str) -> String {
    format!("  {name}: {{kind: webhook, url: '{url}/hook'}}\n")
}

fn only(url: &str) -> String {
    format!("destinations:\n{}", webhook("it", url))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let hanging = Receiver::start(|_, _| Answer::Hangs).await;
    let well = Receiver::start(|_, _| ok()).await;
    let text = format!(
        "destinations:\n{}{}",
        webhook("slow", &hanging.url),
        webhook("well", &well.url)
    );
    let outbox = Arc::new(Memory::default());
    for n in 0..50 {
        outbox.put("slow", change(n, i64::from(n), ChangeKind::Fired));
    }
    for n in 0..50 {
        outbox.put("well", change(n, i64::from(n), ChangeKind::Fired));
    }
    let pace = Pace {
        patience: Duration::from_secs(60),
        ..brisk()
    };
    let deliverer = deliverer(outbox.clone(), &text, pace);
    outbox.empty("well", LONG).await;
    assert_eq!(well.got().len(), 50);
    assert_eq!(hanging.got().len(), 1, "one at a time");
    let begun = Instant::now();
    deliverer.shutdown(Duration::from_millis(200)).await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "a hanging receiver held up the shutdown"
    );
    assert_eq!(outbox.left("slow"), 50, "nothing of what was not taken is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_was_not_taken_is_told_again_under_the_same_key() {
    let receiver = Receiver::start(|number, _| match number {
        0 => Answer::Says(500, "", "down".to_owned()),
        1 => Answer::Closes,
        2 => Answer::Hangs,
        _ => ok(),
    })
    .await;
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("it", change(7, 1, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), &only(&receiver.url), brisk());
    outbox.empty("it", LONG).await;
    deliverer.shutdown(LONG).await;
    let got = receiver.got();
    let keys: BTreeSet<_> = got
        .iter()
        .map(|one| one.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(got.len(), 4);
    assert_eq!(keys, BTreeSet::from([format!("{}-1-it", AlertId(7))]));
    let again = DeliveryOutcome::Retried;
    assert_eq!(outbox.outcomes(id), [again, again, again, DeliveryOutcome::Delivered]);
    let attempts: Vec<u32> = outbox.notes().iter().map(|(_, one)| one.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_given_up_at_once_with_the_reason_and_the_rest_goes_on() {
    for (status, headers, wanted) in [
        (400, "", "answered 400: no such field"),
        (404, "", "answered 404"),
        (
            302,
            "location: http://127.0.0.1:1/elsewhere\r\n",
            "a redirect, which is not followed",
        ),
    ] {
        let receiver = Receiver::start(move |_, got| {
            if got.body.contains("job-1 ") {
                Answer::Says(status, headers, "no such field".to_owned())
            } else {
                ok()
            }
        })
        .await;
        let outbox = Arc::new(Memory::default());
        let refused = outbox.put("it", change(1, 1, ChangeKind::Fired));
        let taken = outbox.put("it", change(2, 2, ChangeKind::Fired));
        let deliverer = deliverer(outbox.clone(), &only(&receiver.url), brisk());
        outbox.empty("it", LONG).await;
        deliverer.shutdown(LONG).await;
        assert_eq!(outbox.outcomes(refused), [DeliveryOutcome::GivenUp]);
        assert_eq!(outbox.outcomes(taken), [DeliveryOutcome::Delivered]);
        assert_eq!(receiver.got().len(), 2);
        let detail = outbox.notes()[0].1.detail.clone().unwrap();
        assert!(detail.contains(wanted), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_when_is_not_asked_before() {
    let receiver = Receiver::start(|number, _| match number {
        0 => Answer::Says(429, "retry-after: 1\r\n", String::new()),
        _ => ok(),
    })
    .await;
    let outbox = Arc::new(Memory::default());
    for n in 1..4 {
        outbox.put("it", change(n, i64::from(n), ChangeKind::Fired));
    }
    let deliverer = deliverer(outbox.clone(), &only(&receiver.url), brisk());
    outbox.empty("it", LONG).await;
    deliverer.shutdown(LONG).await;
    let got = receiver.got();
    assert_eq!(got.len(), 4);
    let waited = got[1].at - got[0].at;
    assert!(waited >= Duration::from_millis(950), "asked again after {waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_costs_bounded_memory_and_counts_as_taken() {
    let receiver = Receiver::start(|_, _| Answer::Floods(500 << 20)).await;
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("it", change(1, 1, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), &only(&receiver.url), brisk());
    outbox.empty("it", LONG).await;
    deliverer.shutdown(LONG).await;
    assert_eq!(outbox.outcomes(id), [DeliveryOutcome::Delivered]);
    assert!(outbox.notes()[0].1.detail.as_ref().unwrap().chars().count() < 400);
}

/// Fails every other request by its number, and one message in a third of the tries.
fn shaky(number: usize) -> bool {
    number.is_multiple_of(2) || number.is_multiple_of(3)
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_an_alert_arrive_in_order_none_is_lost_none_is_made_up_over_stops_at_any_moment() {
    let receiver = Receiver::start(|number, _| {
        if shaky(number) {
            Answer::Says(503, "", String::new())
        } else {
            ok()
        }
    })
    .await;
    let outbox = Arc::new(Memory::default());
    let kinds = [
        ChangeKind::Fired,
        ChangeKind::Updated,
        ChangeKind::Reminded,
        ChangeKind::Resolved,
    ];
    let mut seq = 0;
    for kind in kinds {
        for alert in 0..40 {
            seq += 1;
            outbox.put("it", change(alert, seq, kind));
        }
    }
    let text = only(&receiver.url);
    // Killed again and again: with no grace, what is under way is cut off anywhere.
    for round in 0..12_u64 {
        let deliverer = deliverer(outbox.clone(), &text, brisk());
        tokio::time::sleep(Duration::from_millis(20 + 13 * round)).await;
        deliverer.shutdown(Duration::ZERO).await;
    }
    let last = deliverer(outbox.clone(), &text, brisk());
    outbox.empty("it", Duration::from_secs(60)).await;
    last.shutdown(LONG).await;

    let mut first_taken: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut keys: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for (number, got) in receiver.got().iter().enumerate() {
        let body = got.json();
        let seq = body["seq"].as_i64().unwrap();
        keys.entry(seq)
            .or_default()
            .insert(got.header("idempotency-key").unwrap().to_owned());
        let taken = first_taken
            .entry(body["alert"]["id"].as_str().unwrap().to_owned())
            .or_default();
        if !shaky(number) && !taken.contains(&seq) {
            taken.push(seq);
        }
    }
    assert_eq!(keys.len(), 160, "every change and no other");
    assert!(keys.values().all(|keys| keys.len() == 1), "one key per change");
    assert_eq!(first_taken.len(), 40);
    for (alert, seqs) in first_taken {
        assert_eq!(seqs.len(), 4, "{alert}");
        assert!(seqs.is_sorted(), "{alert}: {seqs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_that_never_gets_through_holds_up_only_its_own_alert() {
    let receiver = Receiver::start(|_, got| {
        if got.body.contains("job-3 ") {
            Answer::Says(500, "", String::new())
        } else {
            ok()
        }
    })
    .await;
    let outbox = Arc::new(Memory::default());
    let mut others = Vec::new();
    for n in 0..20 {
        let id = outbox.put("it", change(n, i64::from(n), ChangeKind::Fired));
        if n != 3 {
            others.push(id);
        }
    }
    let later = outbox.put("it", change(3, 99, ChangeKind::Resolved));
    let deliverer = deliverer(outbox.clone(), &only(&receiver.url), brisk());
    let begun = Instant::now();
    while outbox.left("it") > 2 {
        assert!(begun.elapsed() < LONG, "{} left", outbox.left("it"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    deliverer.shutdown(LONG).await;
    assert!(
        others
            .iter()
            .all(|id| outbox.outcomes(*id) == [DeliveryOutcome::Delivered])
    );
    assert!(
        outbox.outcomes(later).is_empty(),
        "a later change overtook the one that failed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_the_cap_is_summed_up_once_the_summary_was_taken_and_nothing_is_dropped() {
    // Nine alone, and the tenth for all others: this fails at first.
    let receiver = Receiver::start(|number, _| {
        if number == 9 {
            Answer::Says(503, "", String::new())
        } else {
            ok()
        }
    })
    .await;
    let outbox = Arc::new(Memory::default());
    let ids: Vec<i64> = (0..100)
        .map(|n| outbox.put("it", change(n, i64::from(n), ChangeKind::Fired)))
        .collect();
    let text = format!(
        "destinations:\n  it: {{kind: webhook, url: '{}/hook', per_minute: 10}}\n",
        receiver.url
    );
    let pace = Pace {
        minute: Duration::from_secs(3),
        ..brisk()
    };
    let deliverer = deliverer(outbox.clone(), &text, pace);
    outbox.empty("it", LONG).await;
    deliverer.shutdown(LONG).await;

    let got = receiver.got();
    assert!((11..=20).contains(&got.len()), "{} messages", got.len());
    for eleven in got.windows(11) {
        let span = eleven[10].at - eleven[0].at;
        assert!(span >= Duration::from_millis(2_500), "eleven within {span:?}");
    }
    let failed = got[9].json();
    assert_eq!(
        (&failed["type"], failed["count"].as_u64()),
        (&"summary".into(), Some(91))
    );
    let mut alone = BTreeSet::new();
    let mut in_summary = BTreeSet::new();
    for (_, one) in got.iter().enumerate().filter(|(number, _)| *number != 9) {
        let body = one.json();
        alone.extend(body["seq"].as_i64());
        for change in body["changes"].as_array().into_iter().flatten() {
            in_summary.extend(change["seq"].as_i64());
        }
    }
    assert!(alone.len() >= 9 && in_summary.len() >= 80, "{alone:?}");
    assert_eq!(
        alone.len() + in_summary.len(),
        100,
        "each is told, alone or in a summary"
    );
    for (seq, id) in ids.iter().enumerate() {
        let summed = in_summary.contains(&i64::try_from(seq).unwrap());
        let wanted = if summed {
            DeliveryOutcome::Summed
        } else {
            DeliveryOutcome::Delivered
        };
        let outcomes = outbox.outcomes(*id);
        assert_eq!(outcomes.last(), Some(&wanted), "{seq}");
        assert_eq!(
            outcomes.len(),
            if seq < 9 { 1 } else { 2 },
            "noted when it failed, and when it was told"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_a_destination_that_is_gone_is_given_up_and_said() {
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("gone", change(1, 1, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), "", brisk());
    outbox.empty("gone", LONG).await;
    deliverer.shutdown(LONG).await;
    assert_eq!(outbox.outcomes(id), [DeliveryOutcome::GivenUp]);
    assert!(
        outbox.notes()[0]
            .1
            .detail
            .as_ref()
            .unwrap()
            .contains("no destination of this name")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tried_for_too_long_is_given_up_with_the_last_reason() {
    let receiver = Receiver::start(|_, _| Answer::Says(503, "", "still away".to_owned())).await;
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("it", change(1, 1, ChangeKind::Fired));
    let pace = Pace {
        give_up: Duration::from_millis(300),
        ..brisk()
    };
    let deliverer = deliverer(outbox.clone(), &only(&receiver.url), pace);
    outbox.empty("it", LONG).await;
    deliverer.shutdown(LONG).await;
    assert_eq!(outbox.outcomes(id).last(), Some(&DeliveryOutcome::GivenUp));
    assert!(receiver.got().len() > 2);
    let last = outbox.notes().last().unwrap().1.detail.clone().unwrap();
    assert!(last.contains("still away"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secrets_of_a_hook_stand_in_no_note_even_where_the_receiver_repeats_them() {
    let receiver =
        Receiver::start(|_, got| Answer::Says(404, "", format!("no hook at {} for SEC-of-ours", got.path))).await;
    let folder = tempfile::tempdir().unwrap();
    let (hook, secret) = (folder.path().join("hook"), folder.path().join("secret"));
    std::fs::write(
        &hook,
        format!("{}/robot/send?access_token=0123456789abcdef\n", receiver.url),
    )
    .unwrap();
    std::fs::write(&secret, "SEC-of-ours\n").unwrap();
    let text = format!(
        "destinations:\n  it: {{kind: dingtalk, url_file: '{}', secret_file: '{}'}}\n  none: {{kind: slack, url_file: '{}/none'}}\n",
        hook.display(),
        secret.display(),
        folder.path().display(),
    );
    let outbox = Arc::new(Memory::default());
    outbox.put("it", change(1, 1, ChangeKind::Fired));
    let waits = outbox.put("none", change(1, 1, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), &text, brisk());
    outbox.empty("it", LONG).await;
    // The other one is repaired while we run: a mounted secret that comes late.
    while outbox.outcomes(waits).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let well = Receiver::start(|_, _| ok()).await;
    std::fs::write(folder.path().join("none"), format!("{}/services/T0/B0/XXXX", well.url)).unwrap();
    outbox.empty("none", LONG).await;
    deliverer.shutdown(LONG).await;
    assert!(
        receiver.got()[0].path.contains("access_token=0123456789abcdef"),
        "the hook itself was called"
    );
    let notes = format!("{:?}", outbox.notes());
    for hidden in ["0123456789abcdef", "SEC-of-ours", "T0/B0"] {
        assert!(!notes.contains(hidden), "{notes}");
    }
    assert_eq!(outbox.outcomes(waits).last(), Some(&DeliveryOutcome::Delivered));
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_hears_again_what_goes_on_until_it_is_over() {
    let receiver = Receiver::start(|_, _| ok()).await;
    let outbox = Arc::new(Memory::default());
    for n in 1..=3 {
        outbox.put("am", change(n, i64::from(n), ChangeKind::Fired));
    }
    let text = format!(
        "destinations:\n  am: {{kind: alertmanager, url: '{}/prefix'}}\n",
        receiver.url
    );
    let deliverer = deliverer(outbox.clone(), &text, brisk());
    let heard = async |times: usize| {
        while receiver.got().len() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    heard(4).await;
    outbox.put("am", change(2, 4, ChangeKind::Resolved));
    deliverer.poke();
    outbox.empty("am", LONG).await;
    heard(receiver.got().len() + 3).await;
    deliverer.shutdown(LONG).await;
    let got = receiver.got();
    assert!(got.iter().all(|one| one.path == "/prefix/api/v2/alerts"));
    assert_eq!(got[0].json().as_array().unwrap().len(), 3, "told in one request");
    let told = |id: u128, one: &super::receiver::Got| {
        let id = AlertId(id).to_string();
        one.json()
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["labels"]["alert_id"] == *id)
            .cloned()
    };
    let over = |alert: &serde_json::Value| {
        alert["endsAt"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_millisecond()
            <= now()
    };
    let ended = got
        .iter()
        .position(|one| told(2, one).is_some_and(|alert| over(&alert)))
        .unwrap();
    assert!(
        got[..ended].iter().filter(|one| told(2, one).is_some()).count() >= 3,
        "said again while it went on"
    );
    assert!(
        got[ended + 1..].iter().all(|one| told(2, one).is_none()),
        "said again after it was over"
    );
    assert!(
        got[ended + 1..]
            .iter()
            .filter(|one| told(1, one).is_some_and(|alert| !over(&alert)))
            .count()
            >= 2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_never_goes_to_our_own_api() {
    let ourselves = Receiver::start(|_, _| ok()).await;
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("loop", change(1, 1, ChangeKind::Fired));
    let text = format!(
        "destinations:\n  loop: {{kind: webhook, url: '{}/api/v1/ingest'}}\n",
        ourselves.url
    );
    let routes = Arc::new(routes(&text).unwrap());
    let live: LiveRoutes = Arc::new(move || Arc::clone(&routes));
    let deliverer = Deliverer::with_pace(outbox.clone(), live, Some(ourselves.url.clone()), brisk()).unwrap();
    outbox.empty("loop", LONG).await;
    deliverer.shutdown(LONG).await;
    assert_eq!(outbox.outcomes(id), [DeliveryOutcome::GivenUp]);
    assert!(ourselves.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_that_change_count_at_once_and_a_poke_is_heeded_at_once() {
    let receiver = Receiver::start(|_, _| ok()).await;
    let outbox = Arc::new(Memory::default());
    let before = Arc::new(routes("").unwrap());
    let after = Arc::new(routes(&only(&receiver.url)).unwrap());
    let swapped = Arc::new(AtomicUsize::new(0));
    let flag = Arc::clone(&swapped);
    let live: LiveRoutes = Arc::new(move || match flag.load(Ordering::SeqCst) {
        0 => Arc::clone(&before),
        _ => Arc::clone(&after),
    });
    let pace = Pace {
        look: Duration::from_secs(3_600),
        ..brisk()
    };
    let deliverer = Deliverer::with_pace(outbox.clone(), live, None, pace).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    swapped.store(1, Ordering::SeqCst);
    outbox.put("it", change(1, 1, ChangeKind::Fired));
    let begun = Instant::now();
    deliverer.poke();
    outbox.empty("it", LONG).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    deliverer.shutdown(LONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_pace_of_the_service_an_alert_is_received_within_two_seconds_without_a_poke() {
    let receiver = Receiver::start(|_, _| ok()).await;
    let outbox = Arc::new(Memory::default());
    let deliverer = deliverer(outbox.clone(), &only(&receiver.url), Pace::default());
    let mut put = Vec::new();
    for n in 0..12 {
        outbox.put("it", change(n, i64::from(n), ChangeKind::Fired));
        put.push(Instant::now());
        tokio::time::sleep(Duration::from_millis(137)).await;
    }
    outbox.empty("it", LONG).await;
    deliverer.shutdown(LONG).await;
    let received = receiver.got();
    let took = put
        .iter()
        .zip(&received)
        .map(|(put, got)| got.at.saturating_duration_since(*put));
    let slowest = took.max().unwrap();
    println!("the slowest of {} took {slowest:?}", received.len());
    assert_eq!(received.len(), 12);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
