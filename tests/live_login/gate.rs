//! A gate in front of a real server: it ends TLS, looks at the login, and passes on what may pass.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct Gate {
    pub(crate) url: String,
    guard: Arc<Guard>,
}

struct Guard {
    server: String,
    client: reqwest::blocking::Client,
    tls: Option<Arc<ServerConfig>>,
    /// The header that lets in.
    wanted: Mutex<Option<String>>,
    passed: AtomicU64,
}

impl Gate {
    /// A gate to a server, with the certificate and key in a file of this folder or without TLS.
    pub(crate) fn open(server: &str, tls: Option<&Path>) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let tls = tls.map(|folder| {
            let pem = folder.join("kafka.pem");
            let chain: Vec<_> = CertificateDer::pem_file_iter(&pem)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let key = PrivateKeyDer::from_pem_file(&pem).unwrap();
            let config = ServerConfig::builder().with_no_client_auth();
            Arc::new(config.with_single_cert(chain, key).unwrap())
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let guard = Arc::new(Guard {
            server: server.to_owned(),
            client: reqwest::blocking::Client::new(),
            tls,
            wanted: Mutex::new(None),
            passed: AtomicU64::new(0),
        });
        let on_duty = Arc::clone(&guard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let guard = Arc::clone(&on_duty);
                std::thread::spawn(move || drop(guard.meet(stream)));
            }
        });
        Self { url, guard }
    }

    /// From now on only this `Authorization` lets in.
    pub(crate) fn wants(&self, authorization: &str) {
        *self.guard.wanted.lock().unwrap() = Some(authorization.to_owned());
    }

    /// Requests passed on.
    pub(crate) fn passed(&self) -> u64 {
        self.guard.passed.load(Ordering::SeqCst)
    }
}

impl Guard {
    fn meet(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        match &self.tls {
            None => self.serve(stream),
            Some(tls) => {
                let connection = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
                let mut stream = StreamOwned::new(connection, stream);
                self.serve(&mut stream)?;
                stream.conn.send_close_notify();
                stream.flush()
            }
        }
    }

    /// One request per connection.
    fn serve(&self, stream: impl Read + Write) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut length, mut kind, mut login) = (0, String::new(), None);
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "content-type" => value.trim().clone_into(&mut kind),
                "authorization" => login = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        if method.is_empty() {
            return Ok(());
        }
        let (status, answer) = if *self.wanted.lock().unwrap() == login {
            self.passed.fetch_add(1, Ordering::SeqCst);
            let mut asked = self
                .client
                .request(method.parse().unwrap(), format!("{}{path}", self.server));
            if !kind.is_empty() {
                asked = asked.header("content-type", kind).body(body);
            }
            let response = asked.send().unwrap();
            (response.status().as_u16(), response.bytes().unwrap().to_vec())
        } else {
            // As talkative as it can be: it repeats what it was sent.
            let reason = format!("unable to authenticate with {}", login.unwrap_or_default());
            let error = serde_json::json!({ "type": "security_exception", "reason": reason });
            let said = if path.starts_with("/druid") || path.starts_with("/status") {
                serde_json::json!({ "errorMessage": reason })
            } else {
                serde_json::json!({ "error": error, "status": 401 })
            };
            (401, said.to_string().into_bytes())
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        );
        let stream = stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(&answer)?;
        stream.flush()
    }
}
