//! What lost records, large records, a missing right or a wrong password get on a real broker: a clear word or a
//! reject, never a silent jump.
//!
//! Needs a broker (`deploy/local/up kafka --with tls`); where none answers, the tests say so and pass, unless
//! `SEISMOLOG_LIVE=required`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test that meets a surprise ends there"
)]

mod kafka_bed;
mod live;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kafka_bed::{BROKER, Bed, Member, turn};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use seismolog::config::Secret;
use seismolog::config::servers::{KafkaConfig, TopicNames, TopicPlan};
use seismolog::source::kafka::admin::{ensure_topic, ensure_topics, remove_topics};
use seismolog::source::kafka::check::check_process;
use seismolog::source::kafka::{KafkaFault, KafkaSettings, load};
use seismolog::topics::detail::Detail;
use seismolog::topics::reject::{RejectRecord, Stage};
use seismolog::topics::stat::Stat;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn admin(bed: &Bed) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    (KafkaSettings::new(&bed.kafka).common().create().unwrap(), runtime)
}

fn seismolog(bed: &Bed, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seismolog"));
    command.args(args).arg("-c").arg(bed.config("cli")).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn records_removed_before_they_were_read_are_told_and_not_jumped_over() {
    let Some(_turn) = turn() else { return };
    let mut bed = Bed::new(400);
    bed.send(200);
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    bed.send(200);
    // Retention runs past the committed offset of one partition.
    let (admin, runtime) = admin(&bed);
    let mut list = TopicPartitionList::new();
    let topic = bed.kafka.topics[0].clone();
    list.add_partition_offset(&topic, 3, Offset::End).unwrap();
    let removed = runtime
        .block_on(admin.delete_records(&list, &AdminOptions::new()))
        .unwrap();
    let low = removed.elements()[0].offset().to_raw().unwrap();
    let before = bed.progress().0;
    let output = seismolog(&bed, &["run", "--role", "process"]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    let told = stderr(&output);
    for wanted in [
        format!("partition 3 of {topic} goes on at offset "),
        format!("and the broker has {low} to {low}: records were removed before they were read"),
        "nothing is skipped silently".into(),
        format!("--group {} --topic {topic}:3", bed.kafka.group_id),
    ] {
        assert!(told.contains(&wanted), "{wanted:?} is missing in {told}");
    }
    assert_eq!(bed.progress().0, before, "no offset moved");
}

#[test]
fn a_topic_deleted_and_made_anew_is_told_or_read_from_its_beginning_and_never_jumped_into() {
    let Some(_turn) = turn() else { return };
    let mut bed = Bed::new(4_000);
    let topic = bed.kafka.topics[0].clone();
    let kafka = bed.kafka.clone();
    let anew = || {
        remove_topics(&kafka, &[&topic]).unwrap();
        let plan = TopicPlan {
            partitions: kafka_bed::PARTITIONS,
            ..TopicPlan::default()
        };
        let until = Instant::now() + Duration::from_secs(20);
        // A moment passes until the name is free.
        while ensure_topic(&kafka, &topic, &plan).unwrap_or_default().is_empty() {
            assert!(Instant::now() < until, "the topic is not deleted");
            kafka_bed::wait(Duration::from_millis(200));
        }
    };
    let counted = |bed: &Bed| -> u64 {
        let stats = bed.read(&bed.topics.stats, |payload, _| {
            serde_json::from_slice::<Stat>(payload).unwrap()
        });
        stats.iter().map(|stat| stat.count).sum()
    };
    // Made anew while nobody reads, with more in it than was read before.
    bed.send(200);
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    anew();
    bed.send(400);
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert_eq!(counted(&bed), 600, "{}", bed.log("a"));
    // Made anew under a member that sleeps, with more in it than the member had read: it ends and says so.
    member.signal("-STOP");
    anew();
    bed.send(2_000);
    member.signal("-CONT");
    let ended = member.0.wait().unwrap();
    let told = bed.log("a");
    assert_eq!(ended.code(), Some(78), "{told}");
    assert!(told.contains("the topic was made anew"), "{told}");
    // Started again it reads the new one from its beginning.
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    assert_eq!(counted(&bed), 2_600, "{told}");
}

#[test]
fn a_broker_older_than_what_exactly_once_needs_is_told_with_the_version_that_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(old_broker(stream)));
        }
    });
    let kafka = KafkaConfig {
        brokers: address.clone(),
        topics: vec!["errors".into()],
        ..KafkaConfig::default()
    };
    let fault = check_process(&kafka, &TopicNames::default(), Duration::from_secs(20)).unwrap_err();
    assert!(matches!(fault, KafkaFault::TooOld(_)), "{fault}");
    assert!(fault.advice().contains("Kafka 2.5 or newer"), "{}", fault.advice());
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("seismolog.toml");
    let text = format!(
        "[source.kafka]\nbrokers = \"{address}\"\n[elasticsearch]\nurls = \"http://127.0.0.1:1\"\n\
                        [druid]\nurl = \"http://127.0.0.1:1\"\ntimeout = \"1s\"\n"
    );
    std::fs::write(&config, text).unwrap();
    for args in [
        &["config", "check", "--connect", "-o", "jsonl"][..],
        &["setup"],
        &["run", "--role", "process"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_seismolog"))
            .args(args)
            .arg("-c")
            .arg(&config)
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert_eq!(output.status.code(), Some(78), "{args:?}: {said}");
        assert!(
            said.contains("too old") && said.contains("Kafka 2.5 or newer"),
            "{args:?}: {said}"
        );
    }
}

/// Answers as a broker of Kafka 2.4 does when it is asked what it knows, and nothing else.
fn old_broker(mut stream: TcpStream) -> std::io::Result<()> {
    /// Request, and the versions of it from 0 on.
    const KNOWN: [(i16, i16); 21] = [
        (0, 8),
        (1, 11),
        (2, 5),
        (3, 9),
        (8, 8),
        (9, 6),
        (10, 3),
        (11, 6),
        (12, 4),
        (13, 4),
        (14, 4),
        (17, 1),
        (18, 2),
        (19, 5),
        (20, 4),
        (22, 2),
        (24, 1),
        (25, 1),
        (26, 1),
        (28, 2),
        (36, 2),
    ];
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut request)?;
        let version = i16::from_be_bytes([request[2], request[3]]);
        if request[..2] != 18_i16.to_be_bytes() {
            continue;
        }
        let mut answer = request[4..8].to_vec();
        // A version it does not know is answered in the first one, with what it knows.
        let code: i16 = if version > 2 { 35 } else { 0 };
        answer.extend(code.to_be_bytes());
        answer.extend(u32::try_from(KNOWN.len()).unwrap().to_be_bytes());
        for (key, highest) in KNOWN {
            answer.extend([key, 0, highest].into_iter().flat_map(i16::to_be_bytes));
        }
        if (1..=2).contains(&version) {
            answer.extend([0; 4]);
        }
        stream.write_all(&u32::try_from(answer.len()).unwrap().to_be_bytes())?;
        stream.write_all(&answer)?;
    }
}

#[test]
fn a_record_above_what_a_topic_takes_is_cut_and_counted() {
    let Some(_turn) = turn() else { return };
    let bed = Bed::new(1);
    let (admin, runtime) = admin(&bed);
    for topic in [&bed.topics.details, &bed.topics.rejects] {
        let alter = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", "120000");
        let done = runtime
            .block_on(admin.alter_configs(&[alter], &AdminOptions::new()))
            .unwrap();
        assert!(done[0].is_ok());
    }
    // Text that does not compress: the broker looks at what arrives.
    let noise = |length: usize| -> String {
        let mut state = 7_u64;
        (0..length)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                char::from(b'!' + u8::try_from(state >> 58).unwrap()).to_ascii_lowercase()
            })
            .filter(|c| !matches!(c, '"' | '\\'))
            .collect()
    };
    let mut sender = load::Sender::new(&bed.kafka, &bed.kafka.topics[0]).unwrap();
    let message = noise(400_000);
    let stack = format!("java.lang.IllegalStateException: boom\\n\\tat com.acme.Job.run(Job.java:7)\\n{message}");
    sender
        .send(
            format!(
                "{{\"@timestamp\":\"2026-11-21T00:53:04.300Z\",\"log.level\":\"ERROR\",\"message\":\"failed\",\
                 \"log.logger\":\"com.acme.Job\",\"service.name\":\"large\",\"error.stack_trace\":\"{stack}\"}}"
            )
            .as_bytes(),
        )
        .unwrap();
    let bad = format!("{{\"half\": \"{message}");
    sender.send(bad.as_bytes()).unwrap();
    sender.finish().unwrap();
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    let details = bed.read(&bed.topics.details, |payload, _| {
        serde_json::from_slice::<Detail>(payload).unwrap()
    });
    assert_eq!(details.len(), 1);
    let sample = details[0].sample.as_ref().unwrap();
    assert!(
        sample.truncated && sample.stack_bytes.unwrap() > 200_000,
        "{:?}",
        sample.stack_bytes
    );
    let rejects = bed.read(&bed.topics.rejects, |payload, _| {
        serde_json::from_slice::<RejectRecord>(payload).unwrap()
    });
    assert_eq!(rejects.len(), 1);
    let kept = rejects[0].decoded().unwrap();
    assert_eq!(rejects[0].length, bad.len() as u64);
    assert!(kept.len() > 50_000 && bad.as_bytes().starts_with(&kept));
}

#[test]
fn rejects_are_listed_shown_and_sent_back_only_where_that_helps() {
    let Some(_turn) = turn() else { return };
    let mut bed = Bed::new(101);
    bed.send(100);
    let mut member = bed.member("a");
    bed.wait_until_read();
    assert!(member.stop().success());
    // A reject that the present rules would take: as if they had changed.
    let good = b"{\"@timestamp\":\"2026-11-21T00:53:04.300Z\",\"log.level\":\"ERROR\",\"message\":\"x\"}";
    let reject = RejectRecord {
        stage: Stage::Process,
        topic: bed.kafka.topics[0].clone(),
        partition: 0,
        offset: 1,
        reason: "no_timestamp".into(),
        detail: "there is no time".into(),
        length: good.len() as u64,
        bytes: RejectRecord::encode(good),
        rejected_at: 4_000_000_000_000,
    };
    let mut sender = load::Sender::new(&bed.kafka, &bed.topics.rejects).unwrap();
    sender.send(&serde_json::to_vec(&reject).unwrap()).unwrap();
    sender.finish().unwrap();
    let listed = seismolog(&bed, &["dlq", "list", "-o", "jsonl"]);
    let rows: Vec<serde_json::Value> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2, "{}", String::from_utf8_lossy(&listed.stderr));
    assert_eq!(
        (rows[0]["reason"].as_str(), rows[1]["reason"].as_str()),
        (Some("no_timestamp"), Some("invalid_json"))
    );
    let shown = seismolog(&bed, &["dlq", "show", "--raw", rows[1]["id"].as_str().unwrap()]);
    assert_eq!(shown.stdout, b"{\"message\": \"half a rec");
    let (_, before) = bed.progress();
    let dry = seismolog(&bed, &["dlq", "replay", "--dry-run"]);
    assert!(
        stderr(&dry).contains("1 rejects would be sent, 1 left alone"),
        "{}",
        stderr(&dry)
    );
    assert_eq!(bed.progress().1, before);
    let done = seismolog(&bed, &["dlq", "replay"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let committed = || bed.read(&bed.kafka.topics[0], |payload, _| payload == good);
    assert_eq!(committed().iter().filter(|good| **good).count(), 1);
    // A second time it is left alone, and shown as sent back; asked for by its id as well.
    let id = rows[0]["id"].as_str().unwrap();
    for args in [&["dlq", "replay"][..], &["dlq", "replay", "--id", id]] {
        let again = seismolog(&bed, args);
        assert!(
            stderr(&again).starts_with("seismolog: 0 rejects were sent"),
            "{}",
            stderr(&again)
        );
        assert!(String::from_utf8_lossy(&again.stdout).contains("it was sent back at"));
    }
    let listed = seismolog(&bed, &["dlq", "list", "-o", "jsonl"]);
    let told = String::from_utf8_lossy(&listed.stdout).into_owned();
    let sent_back = |line: &str| !line.contains("\"replayed_at\":null");
    assert_eq!(told.lines().map(sent_back).collect::<Vec<_>>(), [true, false], "{told}");
    assert!(!stderr(&listed).contains("are no rejects"), "{}", stderr(&listed));
    let asked_for = seismolog(&bed, &["dlq", "replay", "--id", id, "--again"]);
    assert!(
        stderr(&asked_for).starts_with("seismolog: 1 rejects were sent"),
        "{}",
        stderr(&asked_for)
    );
    assert_eq!(committed().iter().filter(|good| **good).count(), 2);
}

#[test]
fn a_replay_that_was_killed_is_started_again_and_sends_each_reject_once() {
    const REJECTS: usize = 2_600;
    let Some(_turn) = turn() else { return };
    let bed = Bed::new(1);
    let mut sender = load::Sender::new(&bed.kafka, &bed.topics.rejects).unwrap();
    for number in 0..REJECTS {
        let record = format!(
            "{{\"@timestamp\":\"2026-11-21T00:53:04.300Z\",\"log.level\":\"ERROR\",\"message\":\"number {number}\"}}"
        );
        let reject = RejectRecord {
            stage: Stage::Process,
            topic: bed.kafka.topics[0].clone(),
            partition: 0,
            offset: i64::try_from(number).unwrap(),
            reason: "no_timestamp".into(),
            detail: "there is no time".into(),
            length: record.len() as u64,
            bytes: RejectRecord::encode(record.as_bytes()),
            rejected_at: 1_795_222_384_411,
        };
        sender.send(&serde_json::to_vec(&reject).unwrap()).unwrap();
    }
    sender.finish().unwrap();
    let replay = ["dlq", "replay", "--limit", "10000"];
    // Killed when its first portion is told as sent, and so in the middle of a later one.
    for _ in 0..2 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seismolog"))
            .args(replay)
            .arg("-c")
            .arg(bed.config("cli"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = said.map(Result::unwrap).find(|line| line.contains("\"sent\""));
        assert!(first.is_some(), "it sent nothing");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let sent = || bed.read(&bed.kafka.topics[0], |payload, _| payload.to_vec());
    let portion = sent().len();
    assert!(portion > 0 && portion < REJECTS, "it was not killed midway: {portion}");
    let last = seismolog(&bed, &replay);
    assert!(last.status.success(), "{}", stderr(&last));
    let told = format!("{} rejects were sent", REJECTS - portion);
    assert!(stderr(&last).contains(&told), "{told} is missing in {}", stderr(&last));
    let sent = sent();
    let each: BTreeSet<&Vec<u8>> = sent.iter().collect();
    assert_eq!((sent.len(), each.len()), (REJECTS, REJECTS));
}

#[test]
fn a_missing_topic_and_brokers_that_are_away_are_told_by_name() {
    let Some(_turn) = turn() else { return };
    let mut kafka = KafkaConfig {
        brokers: BROKER.into(),
        topics: vec!["t-kafka-not-there".into()],
        ..KafkaConfig::default()
    };
    let wait = Duration::from_secs(10);
    let fault = check_process(&kafka, &TopicNames::default(), wait).unwrap_err();
    assert_eq!(fault.to_string(), "there is no topic t-kafka-not-there");
    kafka.brokers = "127.0.0.1:1".into();
    let fault = check_process(&kafka, &TopicNames::default(), Duration::from_secs(3)).unwrap_err();
    assert!(matches!(fault, KafkaFault::Away { .. }) && fault.may_pass(), "{fault}");
    kafka.brokers = BROKER.into();
    kafka.properties.insert("no.such.property".into(), "1".into());
    let fault = check_process(&kafka, &TopicNames::default(), wait).unwrap_err();
    assert!(fault.to_string().contains("no.such.property"), "{fault}");
}

/// The folder of the local servers' certificates.
fn tls() -> PathBuf {
    let stack = std::env::var_os("SEISMOLOG_STACK_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local/.run"),
        PathBuf::from,
    );
    stack.join("tls")
}

#[test]
fn every_way_to_log_in_works_and_every_refusal_says_why() {
    let Some(_turn) = turn() else { return };
    let ca = tls().join("ca.pem");
    if !ca.is_file() || TcpStream::connect("127.0.0.1:9096").is_err() {
        live::not_run("there is no listener with TLS and SASL (--with tls makes them)");
        return;
    }
    let bed = Bed::new(1);
    let login = |port: u16, mechanism: Option<&str>, user: &str, password: &str| KafkaConfig {
        brokers: format!("127.0.0.1:{port}"),
        tls: port > 9094,
        ca: (port > 9094).then(|| ca.clone()),
        sasl_mechanism: mechanism.map(str::to_owned),
        username: mechanism.map(|_| user.to_owned()),
        password: mechanism.map(|_| Secret::new(password.to_owned())),
        ..bed.kafka.clone()
    };
    let wait = Duration::from_secs(10);
    let check = |kafka: &KafkaConfig| check_process(kafka, &bed.topics, wait);
    for port in [9094, 9096] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            assert_eq!(
                check(&login(port, Some(mechanism), "seismolog", "seismolog-test")),
                Ok(()),
                "{port} {mechanism}"
            );
        }
    }
    let mut certified = login(9095, None, "", "");
    certified.certificate = Some(tls().join("client.pem"));
    certified.key = Some(tls().join("client.key"));
    assert_eq!(check(&certified), Ok(()));
    let wrong = check(&login(9096, Some("SCRAM-SHA-512"), "seismolog", "wrong-password")).unwrap_err();
    assert!(matches!(wrong, KafkaFault::NotLetIn { .. }), "{wrong:?}");
    assert!(!format!("{wrong:?} {}", wrong.advice()).contains("wrong-password"));
    assert!(
        wrong.advice().contains("source.kafka.password_file"),
        "{}",
        wrong.advice()
    );
    let mut stranger = login(9096, Some("PLAIN"), "seismolog", "seismolog-test");
    stranger.ca = Some(tls().join("other-ca.pem"));
    let stranger = check(&stranger).unwrap_err();
    assert!(matches!(stranger, KafkaFault::NotLetIn { .. }), "{stranger:?}");
    assert!(stranger.advice().contains("set source.kafka.ca"), "{stranger:?}");
    let powerless = check(&login(9094, Some("PLAIN"), "powerless", "powerless-test")).unwrap_err();
    assert!(matches!(powerless, KafkaFault::NoRight { .. }), "{powerless:?}");
}

/// A token without a signature, as the local broker takes it, that ends at a time.
fn token(subject: &str, expires: i64) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(serde_json::json!({ "alg": "none" }));
    let body = part(serde_json::json!({ "sub": subject, "iat": 1_700_000_000, "exp": expires }));
    format!("{head}.{body}.")
}

/// 2100-01-01, and a time long past.
const FAR: i64 = 4_102_444_800;
const PAST: i64 = 1_700_000_001;

/// The binary with a token in the place of no login.
fn by_token(bed: &Bed, file: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seismolog"));
    let prefix = "SEISMOLOG_SOURCE__KAFKA__";
    command.args(args).arg("-c").arg(bed.config("token"));
    command.env(format!("{prefix}BROKERS"), "127.0.0.1:9096");
    command
        .env(format!("{prefix}TLS"), "true")
        .env(format!("{prefix}CA"), tls().join("ca.pem"));
    command.env(format!("{prefix}SASL_MECHANISM"), "OAUTHBEARER");
    command.env(format!("{prefix}TOKEN"), file);
    // Nobody is there, and nobody is asked for here.
    command.env("SEISMOLOG_DRUID__TIMEOUT", "1s");
    command
}

#[test]
fn a_token_logs_every_client_in_and_one_that_ended_is_told() {
    let Some(_turn) = turn() else { return };
    if !tls().join("ca.pem").is_file() || TcpStream::connect("127.0.0.1:9096").is_err() {
        live::not_run("there is no listener with TLS and SASL (--with tls makes them)");
        return;
    }
    let mut bed = Bed::new(101);
    let file = bed.dir.path().join("token");
    std::fs::write(&file, token("seismolog", FAR)).unwrap();
    // A client that asks, one that reads in a group, one that writes in transactions.
    let asked = by_token(&bed, &file, &["config", "check", "--connect", "-o", "jsonl"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(said.contains("logged in by OAUTHBEARER"), "{said}");
    bed.send(100);
    let child = by_token(&bed, &file, &["run", "--role", "process"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(bed.dir.path().join("token.log")).unwrap())
        .spawn()
        .unwrap();
    let mut member = Member(child);
    bed.wait_until_read();
    assert!(member.stop().success());
    bed.assert_exact();
    let listed = by_token(&bed, &file, &["dlq", "list", "-o", "jsonl"]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&listed.stdout).contains("invalid_json"),
        "{}",
        stderr(&listed)
    );
    // What the library cannot do with a token is told with the command that does it.
    let mut kafka = bed.kafka.clone();
    kafka.brokers = "127.0.0.1:9094".into();
    kafka.sasl_mechanism = Some("OAUTHBEARER".into());
    kafka.token = Some(file.clone());
    let plan = TopicPlan {
        partitions: 3,
        ..TopicPlan::default()
    };
    assert_eq!(ensure_topics(&kafka, &bed.topics, &plan), Ok(vec![]), "all is there");
    let mut topics = bed.topics.clone();
    topics.alerts = format!("{}-more", topics.alerts);
    let fault = ensure_topics(&kafka, &topics, &plan).unwrap_err();
    let wanted = format!(
        "kafka-topics.sh --bootstrap-server 127.0.0.1:9094 --topic {} --create",
        topics.alerts
    );
    assert!(fault.advice().contains(&wanted), "{fault}; {}", fault.advice());

    for (token, state, words) in [
        (token("seismolog", PAST), "refused", "source.kafka.token"),
        (token("powerless", FAR), "refused", "the right to"),
        ("no-token-at-all".to_owned(), "refused", "is not a JWT"),
    ] {
        std::fs::write(&file, &token).unwrap();
        let asked = by_token(&bed, &file, &["config", "check", "--connect", "-o", "jsonl"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        let kafka = said.lines().find(|line| line.contains("\"kafka\"")).unwrap();
        assert!(
            kafka.contains(&format!("\"state\":\"{state}\"")) && kafka.contains(words),
            "{kafka}"
        );
        assert!(!said.contains(&token) && !stderr(&asked).contains(&token), "{said}");
        assert_eq!(asked.status.code(), Some(78));
    }
}
