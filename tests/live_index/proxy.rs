//! A proxy in front of the search node that answers as a troubled node would.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What went wrong, by name.
pub(crate) type Seen = BTreeMap<&'static str, u64>;

struct Trouble {
    node: String,
    client: reqwest::Client,
    /// Every connection is cut.
    down: AtomicBool,
    /// Of 100 bulk requests, how many meet a fault.
    share: u64,
    /// Updates of documents whose id begins so are refused with 400.
    poisoned: Option<String>,
    /// All writing is forbidden.
    forbidden: AtomicBool,
    /// Faults so far.
    faults: AtomicU64,
    state: Mutex<(u64, Seen)>,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    trouble: Arc<Trouble>,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    pub(crate) fn start(node: &str, share: u64, poisoned: Option<String>, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        drop(rustls::crypto::ring::default_provider().install_default());
        let trouble = Arc::new(Trouble {
            node: node.to_owned(),
            client: reqwest::Client::new(),
            down: AtomicBool::new(false),
            share,
            poisoned,
            forbidden: AtomicBool::new(false),
            faults: AtomicU64::new(0),
            state: Mutex::new((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, Seen::new())),
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let troubled = Arc::clone(&trouble);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let trouble = Arc::clone(&troubled);
                tokio::spawn(async move { drop(connection(&trouble, stream).await) });
            }
        });
        Self {
            url,
            trouble,
            _runtime: runtime,
        }
    }

    pub(crate) fn down(&self, down: bool) {
        self.trouble.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn forbid(&self) {
        self.trouble.forbidden.store(true, Ordering::SeqCst);
    }

    pub(crate) fn seen(&self) -> Seen {
        self.trouble.state.lock().unwrap().1.clone()
    }
}

impl Trouble {
    fn roll(&self, below: u64) -> u64 {
        let mut held = self.state.lock().unwrap();
        let state = &mut held.0;
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % below
    }

    fn note(&self, what: &'static str) {
        *self.state.lock().unwrap().1.entry(what).or_default() += 1;
    }

    async fn forward(&self, asked: &Asked, body: Vec<u8>) -> Answer {
        let method = asked.method.parse().unwrap();
        let request = self
            .client
            .request(method, format!("{}{}", self.node, asked.path))
            .body(body);
        let response = request.header("content-type", &asked.kind).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.bytes().await.unwrap().to_vec())
    }
}

struct Asked {
    method: String,
    path: String,
    kind: String,
    body: Vec<u8>,
}

type Answer = (u16, Vec<u8>);

/// What goes back.
enum Sent {
    Whole(Answer),
    /// The connection is closed in the middle of the answer.
    Cut(Answer),
}

/// One request per connection.
async fn connection(trouble: &Trouble, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut kind) = (0, "application/json".to_owned());
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "content-type" => kind = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let asked = Asked {
        method,
        path,
        kind,
        body,
    };
    let sent = answer(trouble, &asked).await;
    let ((status, body), whole) = match sent {
        Sent::Whole(answer) => (answer, true),
        Sent::Cut(answer) => (answer, false),
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    let end = if whole { body.len() } else { body.len() / 2 };
    stream.write_all(&body[..end]).await?;
    stream.shutdown().await
}

fn refusal(status: u16, kind: &str) -> Sent {
    let body = json!({"error": {"type": kind, "reason": "as a troubled node would"}, "status": status});
    Sent::Whole((status, body.to_string().into_bytes()))
}

async fn answer(trouble: &Trouble, asked: &Asked) -> Sent {
    let cut = || Sent::Cut((200, b"{\"took\":1}".to_vec()));
    if trouble.down.load(Ordering::SeqCst) {
        trouble.note("down");
        return cut();
    }
    let whole = || trouble.forward(asked, asked.body.clone());
    if !asked.path.starts_with("/_bulk") {
        return Sent::Whole(whole().await);
    }
    if trouble.forbidden.load(Ordering::SeqCst) {
        return refusal(403, "security_exception");
    }
    let kind = if trouble.roll(100) < trouble.share {
        trouble.faults.fetch_add(1, Ordering::SeqCst) % 8
    } else {
        99
    };
    match kind {
        0 => {
            trouble.note("429");
            refusal(429, "es_rejected_execution_exception")
        }
        1 => {
            trouble.note("503");
            refusal(503, "master_not_discovered_exception")
        }
        2 => {
            trouble.note("applied, told 503");
            items(trouble, asked, 0).await;
            refusal(503, "process_cluster_event_timeout_exception")
        }
        3 => {
            trouble.note("applied, answer cut");
            Sent::Cut(items(trouble, asked, 0).await)
        }
        4 => {
            trouble.note("cut before");
            cut()
        }
        5 => {
            trouble.note("applied, answer late");
            let answered = items(trouble, asked, 0).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            Sent::Whole(answered)
        }
        6 | 7 => Sent::Whole(items(trouble, asked, 40).await),
        _ => Sent::Whole(items(trouble, asked, 0).await),
    }
}

/// Takes some updates, refuses others one by one.
async fn items(trouble: &Trouble, asked: &Asked, share: u64) -> Answer {
    let text = std::str::from_utf8(&asked.body).unwrap();
    let mut lines = text.lines();
    let mut taken = Vec::new();
    // For each update: none where it was passed on.
    let mut refused: Vec<Option<Value>> = Vec::new();
    while let (Some(action), Some(update)) = (lines.next(), lines.next()) {
        let told: Value = serde_json::from_str(action).unwrap();
        let id = told["update"]["_id"].as_str().unwrap();
        let fault = |status: u16, kind: &str| json!({"update": {"_id": id, "status": status, "error": {"type": kind, "reason": "one item"}}});
        if trouble
            .poisoned
            .as_ref()
            .is_some_and(|poisoned| id.starts_with(poisoned))
        {
            trouble.note("item 400");
            refused.push(Some(fault(400, "mapper_parsing_exception")));
        } else if trouble.roll(100) < share {
            let (status, kind, name) = match trouble.roll(3) {
                0 => (429, "es_rejected_execution_exception", "item 429"),
                1 => (409, "version_conflict_engine_exception", "item 409"),
                _ => (503, "unavailable_shards_exception", "item 503"),
            };
            trouble.note(name);
            refused.push(Some(fault(status, kind)));
        } else {
            taken.extend_from_slice(action.as_bytes());
            taken.push(b'\n');
            taken.extend_from_slice(update.as_bytes());
            taken.push(b'\n');
            refused.push(None);
        }
    }
    let mut passed = Vec::new();
    if !taken.is_empty() {
        let (status, answered) = trouble.forward(asked, taken).await;
        if status != 200 {
            return (status, answered);
        }
        let answered: Value = serde_json::from_slice(&answered).unwrap();
        passed = answered["items"].as_array().unwrap().clone();
    }
    let mut passed = passed.into_iter();
    let items: Vec<Value> = refused
        .into_iter()
        .map(|fault| fault.unwrap_or_else(|| passed.next().unwrap()))
        .collect();
    (200, json!({"errors": true, "items": items}).to_string().into_bytes())
}
