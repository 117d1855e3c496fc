//! A wish to stop that can be waited for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by whoever asks to stop and whoever must. Clones are the same signal.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Asks to stop.
    pub fn ask(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until asked; says whether it was.
    #[must_use]
    pub fn wait(&self, longest: Duration) -> bool {
        let until = Instant::now() + longest;
        let mut asked = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*asked {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            asked = match self.0.1.wait_timeout(asked, left) {
                Ok((asked, _)) => asked,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}
