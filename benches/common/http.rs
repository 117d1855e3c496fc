//! The questions of people over HTTP: the release binary serves a store, one client asks, as many different questions
//! of each kind as wanted.

use crate::synthetic::Numbers;
use reqwest::blocking::Client;
use seismolog::event::EventTime;
use seismolog::store::TREND_DIMENSIONS;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The bar of every kind: 95 of 100 answers come within this many milliseconds.
const BAR: f64 = 300.0;

const SORTS: [&str; 3] = ["last_seen", "first_seen", "count"];
const STEPS: [&str; 4] = ["1m", "5m", "15m", "1h"];
/// A store being served, and what is asked of it.
struct Served {
    service: Child,
    client: Client,
    base: String,
    numbers: Numbers,
    runs: usize,
    window: (i64, i64),
}

impl Drop for Served {
    fn drop(&mut self) {
        self.service.kill().ok();
        self.service.wait().ok();
    }
}

/// Asks `runs` questions of each kind about the window, in milliseconds, of the store in a folder; prints percentiles.
pub fn questions(program: &str, store: &Path, runs: usize, window: (i64, i64)) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let service = Command::new(program)
        .args([
            "run",
            "--role",
            "serve",
            "--bind",
            &format!("127.0.0.1:{port}"),
            "--store",
        ])
        .arg(store)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut served = Served {
        service,
        client: Client::builder().timeout(Duration::from_secs(60)).build().unwrap(),
        base: format!("http://127.0.0.1:{port}"),
        numbers: Numbers(4_711),
        runs,
        window,
    };
    served.wait();
    let ids = served.ids();
    println!("{} ids to ask for", ids.len());
    served.time("list, API", |served| {
        let search = served.filter();
        served.list("/api/v1/errors", &search)
    });
    served.time("list, page", |served| {
        let search = served.filter();
        served.list("/", &search)
    });
    served.time("search, API", |served| {
        let search = served.words();
        served.list("/api/v1/errors", &search)
    });
    served.time("search, page", |served| {
        let search = served.words();
        served.list("/", &search)
    });
    served.walk("next pages of a list, API");
    for (kind, prefix, suffix) in [
        ("one error, API", "/api/v1/errors/", ""),
        ("one error, page", "/errors/", ""),
        ("samples of one error, API", "/api/v1/errors/", "/samples"),
    ] {
        served.time(kind, |served| {
            let id = &ids[served.numbers.below(ids.len())];
            let path = format!("{prefix}{id}{suffix}");
            let pairs = if suffix.is_empty() { served.span() } else { Vec::new() };
            (path, pairs)
        });
    }
    served.time("trends, API", |served| {
        let mut pairs = served.trend();
        pairs.push(("step", served.one_of(&STEPS)));
        ("/api/v1/trends".to_owned(), pairs)
    });
    served.time("trends with a search, API", |served| {
        let mut pairs = served.trend();
        pairs.push(("step", served.one_of(&STEPS)));
        pairs.push((
            "q",
            if served.numbers.below(2) == 0 {
                served.filter()
            } else {
                served.words()
            },
        ));
        ("/api/v1/trends".to_owned(), pairs)
    });
    served.time("trends, page", |served| {
        let mut pairs = served.trend();
        pairs.push(("q", served.filter()));
        ("/trends".to_owned(), pairs)
    });
    served.time("jobs, API", |served| ("/api/v1/jobs".to_owned(), served.span()));
    served.time("jobs, page", |served| ("/jobs".to_owned(), served.span()));
    served.time("one job, API", |served| {
        let job = crate::synthetic::job(served.numbers.below(4_000));
        (format!("/api/v1/jobs/{job}"), served.span())
    });
    served.time("one job, page", |served| {
        let job = crate::synthetic::job(served.numbers.below(4_000));
        (format!("/jobs/{job}"), served.span())
    });
}

type Question = (String, Vec<(&'static str, String)>);

impl Served {
    fn wait(&mut self) {
        let begun = Instant::now();
        while self.client.get(format!("{}/healthz", self.base)).send().is_err() {
            assert!(self.service.try_wait().unwrap().is_none(), "the service ended");
            assert!(begun.elapsed() < Duration::from_secs(30), "the service did not start");
            std::thread::yield_now();
        }
    }

    /// Time and status of an answer read to its end, and its text.
    fn ask(&self, question: &Question) -> (f64, String) {
        let begun = Instant::now();
        let answer = self
            .client
            .get(format!("{}{}", self.base, question.0))
            .query(&question.1)
            .send()
            .unwrap();
        let status = answer.status();
        let text = answer.text().unwrap();
        let took = begun.elapsed().as_secs_f64() * 1e3;
        assert!(status.is_success(), "{question:?}: {status} {text:.300}");
        (took, text)
    }

    /// Milliseconds the service has been on a CPU: what counts on a machine that is shared.
    fn cpu(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.service.id()));
        let nanos = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        });
        nanos.sum::<f64>() / 1e6
    }

    fn asked(&self, question: Question) -> (Asked, String) {
        let before = self.cpu();
        let (wall, text) = self.ask(&question);
        let cpu = self.cpu() - before;
        (Asked { wall, cpu, question }, text)
    }

    fn time(&mut self, kind: &str, mut question: impl FnMut(&mut Self) -> Question) {
        let mut took = Vec::new();
        for _ in 0..self.runs {
            let question = question(self);
            took.push(self.asked(question).0);
        }
        report(kind, took);
    }

    /// One list read on and on by its cursor.
    fn walk(&mut self, kind: &str) {
        let mut took = Vec::new();
        let mut after: Option<String> = None;
        while took.len() < self.runs {
            let mut question = ("/api/v1/errors".to_owned(), self.span_of(0));
            question
                .1
                .push(("sort", SORTS[took.len() / 20 % SORTS.len()].to_owned()));
            if let Some(after) = after.take().filter(|_| !took.len().is_multiple_of(20)) {
                question.1.push(("after", after));
            }
            let (asked, text) = self.asked(question);
            took.push(asked);
            after = next_of(&text);
        }
        report(kind, took);
    }

    /// Ids of errors, from all over the list.
    fn ids(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for sort in SORTS {
            for search in ["", "severity:high", "job:orders-1*", "exception:*OrderC*"] {
                let mut pairs = self.span_of(0);
                pairs.extend([
                    ("sort", sort.to_owned()),
                    ("q", search.to_owned()),
                    ("limit", "100".to_owned()),
                ]);
                let (_, text) = self.ask(&("/api/v1/errors".to_owned(), pairs));
                let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                let items = answer["items"].as_array().unwrap();
                ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            }
        }
        ids
    }

    fn span_of(&self, shift_minutes: i64) -> Vec<(&'static str, String)> {
        let text = |millis: i64| EventTime::from_millis(millis).rfc3339();
        vec![
            ("from", text(self.window.0 + shift_minutes * 60_000)),
            ("to", text(self.window.1)),
        ]
    }

    /// The window, up to some minutes shorter.
    fn span(&mut self) -> Vec<(&'static str, String)> {
        let shift = i64::try_from(self.numbers.below(50)).unwrap();
        self.span_of(shift)
    }

    fn one_of(&mut self, of: &[&str]) -> String {
        of[self.numbers.below(of.len())].to_owned()
    }

    fn list(&mut self, path: &str, search: &str) -> Question {
        let mut pairs = self.span();
        pairs.push(("sort", self.one_of(&SORTS)));
        if !search.is_empty() {
            pairs.push(("q", search.to_owned()));
        }
        (path.to_owned(), pairs)
    }

    fn trend(&mut self) -> Vec<(&'static str, String)> {
        let mut pairs = self.span();
        pairs.push(("by", self.one_of(TREND_DIMENSIONS)));
        pairs
    }

    /// A search by fields.
    fn filter(&mut self) -> String {
        let numbers = &mut self.numbers;
        let mut n = |below: usize| numbers.below(below);
        match n(16) {
            0 | 1 => String::new(),
            2 => format!("severity:{}", ["critical", "high", "medium", "low"][n(4)]),
            3 => format!("job:orders-{}", n(4_000)),
            4 => format!("job:orders-{}*", n(40)),
            5 => format!("host:worker-{}.acme.example", n(50)),
            6 => format!("-part:noise team:team-{} OR cluster:cluster-{}", n(5), n(3)),
            7 => format!("exception:*Order{}*", char::from(b'A' + u8::try_from(n(26)).unwrap())),
            8 => format!("pod:orders-{}-*", n(4_000)),
            9 => format!("count:>{}", n(30)),
            10 => "is:new".to_owned(),
            11 => format!(
                "error_type:{}",
                crate::synthetic::TYPES[n(crate::synthetic::TYPES.len())]
            ),
            12 => format!("category:category-{} severity:>={}", n(4), ["medium", "high"][n(2)]),
            13 => format!("thread:flink-akka.actor.default-dispatcher-{}", n(20)),
            14 => format!("exception_chain:JobException -team:team-{}", n(5)),
            _ => format!("top_frame:com.acme.orders.Placer{}.place role:taskmanager", n(50)),
        }
    }

    /// A search by words.
    fn words(&mut self) -> String {
        let numbers = &mut self.numbers;
        let mut n = |below: usize| numbers.below(below);
        match n(12) {
            0 => format!("kind{}", n(5_000)),
            1 => "order".to_owned(),
            2 => format!("customer{}", n(4_000)),
            3 => format!("\"could not place\" job:orders-{}*", n(40)),
            4 => format!("placer{} severity:critical -host:worker-{}*", n(50), n(10)),
            5 => format!("nothing_like_{}", n(1_000)),
            6 => format!("\"stock of kind{} is gone\"", n(5_000)),
            7 => format!("kind{}*", n(500)),
            8 => format!("order {}", n(100_000)),
            9 => format!("message:customer{}*", n(40)),
            10 => format!("stack:placer{} -kind{}", n(50), n(5_000)),
            _ => format!(
                "BadOrder{} OR kind{}",
                char::from(b'A' + u8::try_from(n(26)).unwrap()),
                n(5_000)
            ),
        }
    }
}

fn next_of(text: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    answer["next"].as_str().map(str::to_owned)
}

/// A question answered: milliseconds until the answer was read, and of CPU.
struct Asked {
    wall: f64,
    cpu: f64,
    question: Question,
}

fn report(kind: &str, mut took: Vec<Asked>) {
    let mut cpu: Vec<f64> = took.iter().map(|asked| asked.cpu).collect();
    cpu.sort_by(f64::total_cmp);
    took.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    let place = |percent: usize| (took.len() * percent / 100).min(took.len() - 1);
    let wall = |percent: usize| took[place(percent)].wall;
    let missed = if wall(95) > BAR { "  <-- above the bar" } else { "" };
    println!(
        "{kind:<28} {:>4} asked  p50 {:>7.1} ms  p95 {:>7.1}  p99 {:>7.1}  max {:>7.1}  CPU p50 {:>7.1}  p95 {:>7.1}  max {:>7.1}{missed}",
        took.len(),
        wall(50),
        wall(95),
        wall(99),
        wall(100),
        cpu[place(50)],
        cpu[place(95)],
        cpu[place(100)],
    );
    // What cost most says where to look.
    took.sort_by(|a, b| b.cpu.total_cmp(&a.cpu));
    for asked in took.iter().take(3).filter(|asked| asked.cpu > BAR / 2.0) {
        let pairs: Vec<String> = asked
            .question
            .1
            .iter()
            .filter(|(name, _)| !matches!(*name, "from" | "to" | "after"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        println!(
            "    {:>7.1} ms, {:>7.1} of CPU: {} {}",
            asked.wall,
            asked.cpu,
            asked.question.0,
            pairs.join(" ")
        );
    }
}
