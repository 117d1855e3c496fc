//! Our own log: to stderr, as text for people or as JSON for collectors. No payload is ever logged.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What `SEISMOLOG_LOG` may hold beside levels: `SEISMOLOG_LOG=debug`, `SEISMOLOG_LOG=info,seismolog::source=debug`.
pub const FILTER_VARIABLE: &str = "SEISMOLOG_LOG";

/// `SEISMOLOG_LOG_FORMAT=json` writes one object a line.
pub const FORMAT_VARIABLE: &str = "SEISMOLOG_LOG_FORMAT";

/// Sets logging up, once per process; a second call changes nothing. `quiet` is what is logged when nothing was asked
/// for: `warn` for commands, `info` for the service.
pub fn start(quiet: &str) {
    let filter = std::env::var(FILTER_VARIABLE)
        .ok()
        .and_then(|wanted| EnvFilter::try_new(wanted).ok())
        .unwrap_or_else(|| EnvFilter::new(quiet));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let to_stderr = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let json = std::env::var(FORMAT_VARIABLE).is_ok_and(|format| format == "json");
    // Failing means that it was set up before.
    let _before = if json {
        to_stderr.json().flatten_event(true).try_init()
    } else {
        to_stderr.with_ansi(colour).try_init()
    };
}
