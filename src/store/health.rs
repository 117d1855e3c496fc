//! How well a job is, by what its logs tell.
//!
//! Health begins at 100 and loses points for what the logs tell in the window, each loss with its sentence:
//!
//! | for | points |
//! |---|---|
//! | critical issues | 25 for the first, 5 for each more, at most 40 |
//! | high issues | 10 for the first, 2 for each more, at most 25 |
//! | restarts | 5 each, at most 25 |
//! | new issues | 3 each, at most 15 |
//! | a quarter of the events of a fleet of four jobs or more | 10 |
//!
//! Noise costs nothing. The numbers are ours: small enough that no single cause but repeated critical ones takes
//! half, and bounded so that the causes can be told apart.

/// What the window says of a job.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Events, noise left out.
    pub(crate) count: u64,
    /// Issues, noise left out.
    pub(crate) issues: u64,
    /// Issues first seen in the window, noise left out.
    pub(crate) new: u64,
    /// Events that tell of a restart.
    pub(crate) restarts: u64,
    /// Critical issues.
    pub(crate) critical: u64,
    /// Issues of high severity.
    pub(crate) high: u64,
}

/// Types whose events tell that a job started again.
pub(crate) const RESTART_TYPES: &[&str] = &["job_restarting", "job_restarted"];

/// What Flink logs once for every restart of a job, whatever its rule is called.
pub(crate) const RESTART_TEXT: &str = "from state RUNNING to RESTARTING";

/// Whether an event of this type and template tells of a restart.
pub(crate) fn tells_restart(error_type: &str, template: &str) -> bool {
    RESTART_TYPES.contains(&error_type) || template.contains(RESTART_TEXT)
}

/// All jobs together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fleet {
    jobs: usize,
    count: u64,
}

impl Fleet {
    /// The fleet of jobs with an event in the window.
    pub(crate) fn of<'a>(jobs: impl Iterator<Item = &'a Told>) -> Self {
        jobs.fold(Self { jobs: 0, count: 0 }, |fleet, told| Self {
            jobs: fleet.jobs + 1,
            count: fleet.count.saturating_add(told.count),
        })
    }
}

/// Health and one sentence per loss.
pub(crate) fn health(told: &Told, fleet: Fleet) -> (u32, Vec<String>) {
    let steps = |number: u64, first: u64, each: u64, most: u64| match number.checked_sub(1) {
        None => 0,
        Some(more) => first.saturating_add(more.saturating_mul(each)).min(most),
    };
    let issues = |number: u64| if number == 1 { "issue" } else { "issues" };
    let share = told.count.saturating_mul(100).checked_div(fleet.count).unwrap_or(0);
    let (critical, high) = (told.critical, told.high);
    let losses = [
        (
            steps(critical, 25, 5, 40),
            format!("{critical} critical {}", issues(critical)),
        ),
        (
            steps(high, 10, 2, 25),
            format!("{high} {} of high severity", issues(high)),
        ),
        (
            steps(told.restarts, 5, 5, 25),
            format!(
                "{} {}",
                told.restarts,
                if told.restarts == 1 { "restart" } else { "restarts" }
            ),
        ),
        (
            steps(told.new, 3, 3, 15),
            format!("{} new {}", told.new, issues(told.new)),
        ),
        (
            if fleet.jobs >= 4 && share >= 25 { 10 } else { 0 },
            format!("{share} % of all events of {} jobs", fleet.jobs),
        ),
    ];
    let lost: u64 = losses.iter().map(|(points, _)| points).sum();
    let parts = losses.into_iter().filter(|(points, _)| *points > 0);
    let parts = parts.map(|(points, why)| format!("-{points}: {why}")).collect();
    (u32::try_from(100_u64.saturating_sub(lost)).unwrap_or(0), parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lost_is_told() {
        let fleet = Fleet { jobs: 4, count: 100 };
        let told = Told {
            count: 30,
            issues: 5,
            new: 2,
            restarts: 3,
            critical: 2,
            high: 1,
        };
        let (health, parts) = health(&told, fleet);
        let lost: u32 = parts
            .iter()
            .map(|part| {
                part.trim_start_matches('-')
                    .split(':')
                    .next()
                    .unwrap()
                    .parse::<u32>()
                    .unwrap()
            })
            .sum();
        assert_eq!((health, lost), (29, 71));
        assert_eq!(super::health(&Told::default(), fleet), (100, Vec::new()));
    }
}
