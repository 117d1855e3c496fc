//! From surprise to `firing`: a detection starts once, and ends only after a calm.

/// Whether the series is in an episode, and for how long.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Episode {
    /// Buckets since the start, while firing.
    age: Option<u32>,
    /// Buckets since the last unusual one.
    calm: u32,
}

impl Episode {
    /// One bucket later. `hold` is the calm that ends an episode. Returns whether one starts with this bucket.
    pub(crate) fn step(&mut self, unusual: bool, hold: u32) -> bool {
        let starts = unusual && self.age.is_none();
        self.calm = if unusual { 0 } else { self.calm.saturating_add(1) };
        self.age = match self.age {
            None if unusual => Some(0),
            Some(_) if self.calm >= hold => None,
            Some(age) => Some(age.saturating_add(1)),
            None => None,
        };
        starts
    }

    /// Whether an episode lasts.
    pub(crate) fn firing(&self) -> bool {
        self.age.is_some()
    }

    /// How many buckets ago the episode began.
    pub(crate) fn age(&self) -> u32 {
        self.age.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_goes_in_and_out_starts_one_episode() {
        let mut episode = Episode::default();
        let starts = (0..200).filter(|n| episode.step(n % 7 == 0, 10)).count();
        assert_eq!(starts, 1);
    }

    #[test]
    fn an_episode_ends_after_the_calm_and_another_may_start() {
        let mut episode = Episode::default();
        assert!(episode.step(true, 3));
        for _ in 0..2 {
            episode.step(false, 3);
            assert!(episode.firing());
        }
        episode.step(false, 3);
        assert!(!episode.firing());
        assert!(episode.step(true, 3));
    }
}
