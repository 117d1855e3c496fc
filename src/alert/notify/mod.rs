//! Telling people: alerts from the outbox to whoever `rules/routes.yaml` names.
//!
//! Comes in: what is still to be told, from an [`Outbox`](crate::store::Outbox). Goes out: a message in each receiver's
//! own format, and a note of what came of every try. What always holds: a change is told at least once, with the same
//! key on every try; the changes of one alert reach a destination in order; a destination that is slow or away holds up
//! nobody else; too many at once are summed up, never dropped; secrets (the addresses of chat hooks among them) stand in
//! no file of ours, no log and no note. What it does not do: decide what is an alert, or remember who was told.
//!
//! - [`Routes`]: destinations and who is told of what (`rules/routes.yaml`), all faults found when it is read.
//! - [`message`]: what is said, in English or Chinese, before it takes a receiver's form; `template`: in somebody's own
//!   words.
//! - `to`: one file per receiver: a message in its form, and what its answer means. Pure.
//! - `post`: over the network, within bounds.
//! - [`deliver`]: the loop over the outbox; `lane`: one destination's turn; `rate`: how many a minute; `pace`: how long it
//!   waits.
//! - [`probe`]: a marked test alert.

pub mod deliver;
mod destination;
mod fit;
mod lane;
mod matching;
pub mod message;
mod pace;
mod post;
pub mod probe;
mod rate;
mod read;
mod routes;
mod source;
mod telling;
mod template;
pub mod to;
mod words;

pub use deliver::{Deliverer, LiveRoutes, start};
pub use destination::{Destination, Kind, Language};
pub use pace::Pace;
pub use routes::{Categories, Routes};
pub use source::{Reach, Sourced, Unreached};
pub use telling::Telling;
pub use to::{Request, Verdict};
