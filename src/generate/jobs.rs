//! The jobs of the load: names, teams and where they run, the same for a seed on every machine.

use super::layouts::LayoutKind;
use super::library::Engine;
use super::random::{Random, mix};

const LAYERS: [&str; 5] = ["ods", "dwd", "dws", "rt", "sync"];
const DOMAINS: [&str; 40] = [
    "orders",
    "payments",
    "refunds",
    "carts",
    "coupons",
    "prices",
    "stock",
    "items",
    "users",
    "profiles",
    "logins",
    "devices",
    "sessions",
    "clicks",
    "views",
    "searches",
    "ads",
    "bids",
    "campaigns",
    "invoices",
    "ledger",
    "risk",
    "fraud",
    "scores",
    "alerts",
    "routes",
    "drivers",
    "trips",
    "parcels",
    "stores",
    "shifts",
    "sensors",
    "meters",
    "tickets",
    "chats",
    "reviews",
    "feeds",
    "videos",
    "streams",
    "notes",
];
const VERBS: [&str; 20] = [
    "enrich",
    "join",
    "dedup",
    "clean",
    "score",
    "count",
    "merge",
    "split",
    "export",
    "import",
    "index",
    "sessionize",
    "window",
    "route",
    "archive",
    "mirror",
    "match",
    "rank",
    "audit",
    "notify",
];
/// What the program of a layer is called: jobs of one layer and domain are one service and run the same program with
/// other settings.
const PROGRAMS: [&str; 5] = ["Ingest", "Detail", "Summary", "Live", "Sync"];
const ORGS: [&str; 8] = ["acme", "nova", "orbit", "lumen", "tango", "quartz", "pelican", "harbor"];
const TEAMS: [&str; 12] = [
    "trade",
    "payments",
    "growth",
    "search",
    "ads",
    "risk",
    "logistics",
    "platform",
    "finance",
    "content",
    "mobile",
    "iot",
];
const NAMESPACES: [&str; 3] = ["rt-prod", "rt-batch", "rt-eu"];
const VERSIONS: [&str; 3] = ["1.20.3", "2.1.1", "1.18.1"];

/// Where a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Flink on Kubernetes in application mode: the deployment is the job.
    Kubernetes,
    /// YARN: the application is the cluster.
    Yarn,
}

/// A worker of a job: its id (pod or container) and its host.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) log_file: String,
}

/// One job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// 32 hex digits.
    pub(crate) id: String,
    pub(crate) engine: Engine,
    pub(crate) platform: Platform,
    pub(crate) layout: LayoutKind,
    /// Cluster id (Kubernetes) or application id (YARN).
    pub(crate) cluster: String,
    pub(crate) namespace: String,
    pub(crate) team: String,
    pub(crate) org: &'static str,
    /// `com.acme.orders`.
    pub(crate) package: String,
    /// `OrdersIngestJob`.
    pub(crate) class: String,
    pub(crate) jar: String,
    pub(crate) version: &'static str,
    pub(crate) task: String,
    pub(crate) topic: String,
    pub(crate) table: String,
    /// How many subtasks a task has.
    pub(crate) parallelism: u64,
    /// The JobManager first, then the TaskManagers.
    pub(crate) workers: Vec<Worker>,
    /// Differs from job to job: numbers that are constant for a job come from it.
    pub(crate) salt: u64,
}

impl Job {
    /// A TaskManager, counted round.
    pub(crate) fn task_manager(&self, number: u64) -> Option<&Worker> {
        let managers = self.workers.get(1..)?;
        let count = u64::try_from(managers.len()).ok().filter(|n| *n > 0)?;
        managers.get(usize::try_from(number % count).ok()?)
    }

    /// The JobManager.
    pub(crate) fn job_manager(&self) -> Option<&Worker> {
        self.workers.first()
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn of(list: &'static [&'static str], number: u64) -> &'static str {
    let count = u64::try_from(list.len()).unwrap_or(1);
    usize::try_from(number % count)
        .ok()
        .and_then(|at| list.get(at))
        .copied()
        .unwrap_or("x")
}

/// Job number `number` of the load with this seed.
pub(crate) fn job(number: usize, engine: Engine, layout: LayoutKind, seed: u64) -> Job {
    let n = u64::try_from(number).unwrap_or(u64::MAX);
    let salt = mix(seed.rotate_left(17) ^ mix(n));
    let mut random = Random::new(salt, 11);
    // A stride without a common factor walks over all names before one comes again.
    let combinations = 5 * 40 * 20;
    let slot = n.wrapping_mul(1571) % combinations;
    let (layer, domain, verb) = (of(&LAYERS, slot), of(&DOMAINS, slot / 5), of(&VERBS, slot / 200));
    let again = n / combinations;
    let name = if again == 0 {
        format!("{layer}-{domain}-{verb}")
    } else {
        format!("{layer}-{domain}-{verb}-v{}", again + 1)
    };
    let org = of(&ORGS, mix(slot / 5 % 40) % 8);
    let team = of(&TEAMS, slot / 5 % 12).to_owned();
    let platform = if random.chance(600) {
        Platform::Kubernetes
    } else {
        Platform::Yarn
    };
    let namespace = of(&NAMESPACES, random.below(3)).to_owned();
    let version = of(&VERSIONS, random.below(3));
    let class = format!("{}{}Job", capital(domain), of(&PROGRAMS, slot));
    let managers = 2 + random.below(5);
    let parallelism = managers * (1 + random.below(4));
    let application = format!(
        "application_17630000{:05}_{:04}",
        random.below(100_000),
        1 + random.below(9999)
    );
    let container = application.replace("application", "container_e17");
    let mut workers = Vec::new();
    for index in 0..=managers {
        let host_number = random.below(400);
        let worker = match platform {
            Platform::Kubernetes if index == 0 => {
                let pod = format!("{name}-{:010x}-{}", random.bits() >> 24, pod_suffix(&mut random));
                let log = format!("/opt/flink/log/flink--kubernetes-application-0-{pod}.log");
                Worker {
                    id: pod,
                    host: format!("node-{host_number:03}.k8s.internal"),
                    log_file: log,
                }
            }
            Platform::Kubernetes => {
                let pod = format!("{name}-taskmanager-1-{index}");
                let log = format!("/opt/flink/log/flink--kubernetes-taskmanager-0-{pod}.log");
                Worker {
                    id: pod,
                    host: format!("node-{host_number:03}.k8s.internal"),
                    log_file: log,
                }
            }
            Platform::Yarn => {
                let id = format!("{container}_01_{:06}", index + 1);
                let file = if index == 0 { "jobmanager" } else { "taskmanager" };
                let log = format!("/data/yarn/logs/{application}/{id}/{file}.log");
                Worker {
                    id,
                    host: format!("dn-{host_number:04}.yarn.internal"),
                    log_file: log,
                }
            }
        };
        workers.push(worker);
    }
    Job {
        id: format!("{:016x}{:016x}", random.bits(), random.bits()),
        cluster: match platform {
            Platform::Kubernetes => name.clone(),
            Platform::Yarn => application,
        },
        namespace,
        team,
        org,
        package: format!("com.{org}.{domain}"),
        jar: format!(
            "{org}-{domain}-{}.{}.{}.jar",
            1 + random.below(4),
            random.below(20),
            random.below(10)
        ),
        class,
        version,
        task: task_name(domain, verb, &mut random),
        topic: format!("{layer}_{domain}"),
        table: format!("{layer}_{domain}_di"),
        engine,
        platform,
        layout,
        parallelism,
        workers,
        salt,
        name,
    }
}

fn pod_suffix(random: &mut Random) -> String {
    // The alphabet of Kubernetes' random suffixes: no vowels, no 0, 1, 3.
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .filter_map(|_| random.pick(ALPHABET))
        .map(|b| char::from(*b))
        .collect()
}

fn task_name(domain: &str, verb: &str, random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("Source: {domain} -> parse -> {verb} -> sink: Writer"),
        1 => format!("Source: {domain}-kafka -> {verb} -> Sink: Writer"),
        2 => format!("{verb} -> Sink: {domain}-out"),
        _ => format!("KeyedProcess-{verb} -> to-row -> Sink: Writer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_ids_are_unique_far_beyond_the_default() {
        let jobs: Vec<Job> = (0..9000).map(|n| job(n, Engine::Flink, LayoutKind::Ecs, 1)).collect();
        assert_eq!(jobs.iter().map(|j| &j.name).collect::<BTreeSet<_>>().len(), jobs.len());
        assert_eq!(jobs.iter().map(|j| &j.id).collect::<BTreeSet<_>>().len(), jobs.len());
    }

    #[test]
    fn a_fleet_of_the_sizing_study_runs_two_hundred_programs() {
        let jobs = (0..4000).map(|n| job(n, Engine::Flink, LayoutKind::Ecs, 1));
        let programs: BTreeSet<String> = jobs.map(|job| format!("{}.{}", job.package, job.class)).collect();
        assert_eq!(programs.len(), 200);
    }

    #[test]
    fn a_job_is_the_same_for_its_seed_and_another_for_another() {
        let one = job(7, Engine::Flink, LayoutKind::Ecs, 1);
        assert_eq!(one.id, job(7, Engine::Flink, LayoutKind::Ecs, 1).id);
        assert_ne!(one.id, job(7, Engine::Flink, LayoutKind::Ecs, 2).id);
    }

    #[test]
    fn worker_ids_have_the_shape_of_their_platform() {
        for number in 0..50 {
            let job = job(number, Engine::Flink, LayoutKind::Ecs, 3);
            let manager = job.task_manager(5).unwrap();
            match job.platform {
                Platform::Kubernetes => assert!(manager.id.contains("-taskmanager-1-"), "{}", manager.id),
                Platform::Yarn => assert!(manager.id.starts_with("container_e17_17630000"), "{}", manager.id),
            }
        }
    }
}
