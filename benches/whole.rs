//! The whole program from outside: the release binary on generated load, beside the bars it must reach.
//!
//! `cargo bench --bench whole`, or with fewer records `cargo bench --bench whole -- --records 200000`. Prints
//! figures; never fails on speed. Needs about 5 KB of disk per record below the temporary folder (`TMPDIR`).

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_seismolog");

/// How often a running process is looked at.
const LOOK: Duration = Duration::from_millis(10);

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --all-targets` runs this without --bench: nothing to test here.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let records: u64 = match args.iter().position(|arg| arg == "--records") {
        Some(at) => args.get(at + 1).ok_or("--records wants a number")?.parse()?,
        None => 1_000_000,
    };
    let folder = tempfile::tempdir()?;
    let load = folder.path().join("steady.jsonl");
    let per_second = |run: &Run| run.rate(records);

    say("what", "measured", "bar", "")?;
    let generated = measure(
        Command::new(PROGRAM)
            .args(["generate", "--scenario", "steady", "--start", "2026-11-21T00:00:00Z"])
            .args(["--count", &records.to_string()])
            .stdout(File::create(&load)?),
    )?;
    report(
        "generate, records/s",
        &generated,
        per_second(&generated),
        "150000",
        true,
    )?;

    let normalized = measure(Command::new(PROGRAM).arg("normalize").arg(&load).stdout(Stdio::null()))?;
    report(
        "normalize, records/s",
        &normalized,
        per_second(&normalized),
        "100000",
        true,
    )?;

    let store = folder.path().join("store");
    let ingested = measure(
        Command::new(PROGRAM)
            .arg("ingest")
            .arg(&load)
            .arg("--store")
            .arg(&store)
            .stdout(Stdio::null()),
    )?;
    report("ingest, records/s", &ingested, per_second(&ingested), "60000", true)?;
    report(
        "ingest, peak memory MB",
        &ingested,
        ingested.peak_kilobytes / 1024,
        "400",
        false,
    )?;

    // The first start reads the binary from disk; the second one is the warm one.
    let mut warm = None;
    for round in 0..2 {
        warm = first_page(&folder.path().join(format!("fresh-{round}")))?;
    }
    match warm {
        Some(time) => say(
            "warm start to first page, ms",
            &time.as_millis().to_string(),
            "1000",
            verdict(time.as_millis() < 1000),
        )?,
        None => say(
            "warm start to first page, ms",
            "not measured: no page within 20 s",
            "1000",
            "",
        )?,
    }
    Ok(())
}

/// A process that ran to its end.
struct Run {
    status: ExitStatus,
    wall: Duration,
    /// User and system time, as last seen.
    busy: Duration,
    /// High-water mark of resident memory, as last seen.
    peak_kilobytes: u64,
}

impl Run {
    fn rate(&self, records: u64) -> u64 {
        let micros = u64::try_from(self.wall.as_micros()).unwrap_or(u64::MAX).max(1);
        records.saturating_mul(1_000_000) / micros
    }
}

fn measure(command: &mut Command) -> Result<Run, Fault> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let (_never, pause) = sync_channel::<()>(1);
    let (mut busy, mut peak_kilobytes) = (Duration::ZERO, 0);
    loop {
        busy = busy.max(busy_of(child.id()));
        peak_kilobytes = peak_kilobytes.max(peak_of(child.id()));
        if let Some(status) = child.try_wait()? {
            return Ok(Run {
                status,
                wall: started.elapsed(),
                busy,
                peak_kilobytes,
            });
        }
        wait(&pause);
    }
}

fn wait(pause: &Receiver<()>) {
    // Nothing is ever sent: this is a pause that a deadline ends.
    if pause.recv_timeout(LOOK).is_ok() {}
}

fn peak_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// User and system time: fields 14 and 15 of `/proc/PID/stat`, in hundredths of a second on every Linux we run on.
fn busy_of(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Starts the service on an empty store and waits for its first page.
fn first_page(store: &Path) -> Result<Option<Duration>, Fault> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = store.with_extension("toml");
    std::fs::write(
        &config,
        format!("[store]\npath = {store:?}\n[serve]\nbind = \"127.0.0.1:{port}\"\n"),
    )?;
    let started = Instant::now();
    let mut service = Command::new(PROGRAM)
        .args(["run", "-c"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let found = poll_page(port, started, &mut service);
    service.kill()?;
    service.wait()?;
    Ok(found)
}

fn poll_page(port: u16, started: Instant, service: &mut Child) -> Option<Duration> {
    let (_never, pause) = sync_channel::<()>(1);
    while started.elapsed() < Duration::from_secs(20) {
        if page(port).unwrap_or(false) {
            return Some(started.elapsed());
        }
        if service.try_wait().ok()?.is_some() {
            return None;
        }
        wait(&pause);
    }
    None
}

/// Whether the front page is served.
fn page(port: u16) -> Result<bool, Fault> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

fn report(what: &str, run: &Run, value: u64, bar: &str, more_is_better: bool) -> Result<(), Fault> {
    if !run.status.success() {
        return say(what, &format!("not measured: {}", run.status), bar, "");
    }
    let limit: u64 = bar.parse()?;
    let reached = if more_is_better { value >= limit } else { value < limit };
    let cost = format!(
        "{}; {:.1} s, {:.1} s of them busy",
        verdict(reached),
        run.wall.as_secs_f64(),
        run.busy.as_secs_f64()
    );
    say(what, &value.to_string(), bar, &cost)
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

fn say(what: &str, measured: &str, bar: &str, remark: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout();
    writeln!(out, "{what:<32} {measured:>12} {bar:>12}  {remark}")?;
    Ok(())
}
