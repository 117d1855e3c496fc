//! E-mail, against a small SMTP server.

use super::outbox::{Memory, change};
use super::{brisk, deliverer};
use seismolog::store::{ChangeKind, DeliveryOutcome};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const LONG: Duration = Duration::from_secs(20);

/// Takes letters, and says so; the first `busy` senders are put off, and one recipient is never known.
struct Mailbox {
    port: u16,
    letters: Arc<Mutex<Vec<String>>>,
}

impl Mailbox {
    async fn open(busy: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&letters);
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let _served = serve(stream, &kept, number < busy).await;
                });
            }
        });
        Self { port, letters }
    }

    fn letters(&self) -> Vec<String> {
        self.letters.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, letters: &Mutex<Vec<String>>, busy: bool) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.example.org ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = match line.to_ascii_uppercase() {
            line if line.starts_with("EHLO") => "250-mail.example.org\r\n250 8BITMIME\r\n",
            line if line.starts_with("MAIL") && busy => "451 try again later\r\n",
            line if line.contains("UNKNOWN@") => "550 no such mailbox\r\n",
            line if line.starts_with("DATA") => {
                write.write_all(b"354 go on\r\n").await?;
                let mut letter = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    letter.push_str(&line);
                    letter.push('\n');
                }
                letters.lock().unwrap().push(letter);
                "250 taken as 42\r\n"
            }
            line if line.starts_with("QUIT") => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn header(letter: &str, name: &str) -> String {
    let unfolded = letter.split("\n\n").next().unwrap().replace("\n ", " ");
    let line = unfolded.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with(&format!("{}:", name.to_ascii_lowercase()))
    });
    line.unwrap_or_else(|| panic!("no {name} in {letter}"))
        .split_once(": ")
        .unwrap()
        .1
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alert_is_one_thread_of_letters_with_text_and_html() {
    let mailbox = Mailbox::open(1).await;
    let text = format!(
        "destinations:\n  mail: {{kind: email, url: 'smtp://127.0.0.1:{}', tls: none, from: 'Seismolog <alerts@example.org>', to: [a@example.org, b@example.org]}}\n",
        mailbox.port
    );
    let outbox = Arc::new(Memory::default());
    let first = outbox.put("mail", change(7, 1, ChangeKind::Fired));
    outbox.put("mail", change(7, 2, ChangeKind::Resolved));
    outbox.put("mail", change(8, 3, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), &text, brisk());
    outbox.empty("mail", LONG).await;
    deliverer.shutdown(LONG).await;
    assert_eq!(
        outbox.outcomes(first),
        [DeliveryOutcome::Retried, DeliveryOutcome::Delivered],
        "451 passes"
    );
    let letters = mailbox.letters();
    assert_eq!(letters.len(), 3);
    let of = |job: &str| {
        letters
            .iter()
            .filter(|one| header(one, "Subject").contains(job))
            .cloned()
            .collect::<Vec<_>>()
    };
    let (thread, other) = (of("job-7"), of("job-8"));
    assert_eq!((thread.len(), other.len()), (2, 1));
    assert_eq!(header(&thread[0], "References"), header(&thread[1], "References"));
    assert_ne!(header(&thread[0], "References"), header(&other[0], "References"));
    assert_ne!(header(&thread[0], "Message-ID"), header(&thread[1], "Message-ID"));
    assert_eq!(
        header(&thread[1], "Subject"),
        format!("Re: {}", header(&thread[0], "Subject"))
    );
    assert_eq!(header(&thread[0], "Auto-Submitted"), "auto-generated");
    assert!(header(&thread[0], "To").contains("b@example.org"));
    let letter = &thread[0];
    assert!(header(letter, "Content-Type").starts_with("multipart/alternative"));
    for part in ["Content-Type: text/plain", "Content-Type: text/html", "Severity: high"] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_nobody_knows_is_given_up_with_the_servers_words() {
    let mailbox = Mailbox::open(0).await;
    let text = format!(
        "destinations:\n  mail: {{kind: email, url: 'smtp://127.0.0.1:{}', tls: none, from: a@example.org, to: unknown@example.org}}\n",
        mailbox.port
    );
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("mail", change(7, 1, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), &text, brisk());
    outbox.empty("mail", LONG).await;
    deliverer.shutdown(LONG).await;
    assert_eq!(outbox.outcomes(id), [DeliveryOutcome::GivenUp]);
    assert!(
        outbox.notes()[0].1.detail.as_ref().unwrap().contains("no such mailbox"),
        "{:?}",
        outbox.notes()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_in_the_clear_where_that_was_not_asked_for() {
    let mailbox = Mailbox::open(0).await;
    let text = format!(
        "destinations:\n  mail: {{kind: email, url: 'smtp://127.0.0.1:{}', from: a@example.org, to: b@example.org}}\n",
        mailbox.port
    );
    let outbox = Arc::new(Memory::default());
    let id = outbox.put("mail", change(7, 1, ChangeKind::Fired));
    let deliverer = deliverer(outbox.clone(), &text, brisk());
    while outbox.outcomes(id).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    deliverer.shutdown(LONG).await;
    assert!(mailbox.letters().is_empty());
}
