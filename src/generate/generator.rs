//! Puts it together: plan, job, family and numbers become the bytes of a record.

use super::cascade::Cascade;
use super::fleet::{self, Fleet};
use super::jobs::{self, Job, Platform};
use super::layouts::{self, LayoutKind};
use super::library::{self, Engine, FamilyFault, Set};
use super::options::{LayoutChoice, Options, Scenario};
use super::plan::{Even, JOB_EXPONENT, Plan, World};
use super::random::{Random, Zipf, mix};
use super::scene::{Scene, Second};
use super::template::Template;
use super::truth::{Tally, Truth};

/// Why nothing can be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// An option lies outside its range.
    #[error("{name} {given} cannot be used; {remedy}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        given: String,
        /// What to give instead.
        remedy: &'static str,
    },
    /// The families in the binary are broken.
    #[error(transparent)]
    Family(#[from] FamilyFault),
    /// A record cannot be put together.
    #[error("family {family} in layout {layout}: {what}")]
    Template {
        /// The family.
        family: String,
        /// The layout.
        layout: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// What the tally needs to know of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) layout: LayoutKind,
    pub(crate) bytes: usize,
}

/// Which instance of a data base, cache or file system a job talks to, from 1.
pub(crate) fn dependency(job: &Job) -> u64 {
    1 + job.salt % 5
}

/// Makes records one after the other.
#[derive(Debug)]
pub struct Generator {
    options: Options,
    world: World,
    plan: Plan,
    templates: Vec<Option<Template>>,
    random: Random,
    second: Second,
    tally: Tally,
    left: u64,
    made: u64,
    novel: String,
    novel_class: String,
}

impl Generator {
    /// A generator for these options.
    ///
    /// # Errors
    /// When an option lies outside its range.
    pub fn new(options: &Options) -> Result<Self, GenerateError> {
        check(options)?;
        let job_ranks = Zipf::new(options.jobs, JOB_EXPONENT);
        let layouts = assign_layouts(options, job_ranks.weights());
        let jobs: Vec<Job> = layouts
            .iter()
            .enumerate()
            .map(|(number, layout)| {
                let engine = if options.scenario == Scenario::Fleet {
                    fleet::engine(number)
                } else {
                    Engine::Flink
                };
                jobs::job(number, engine, *layout, options.seed)
            })
            .collect();
        let world = World {
            families: match options.scenario {
                Scenario::Fleet => library::of_a_fleet()?,
                Scenario::Steady | Scenario::Storm | Scenario::Novel | Scenario::Cascade => library::shipped()?,
            },
            jobs,
            job_ranks,
        };
        let templates = templates(&world)?;
        let mut random = Random::new(options.seed, 1);
        let (start, rate) = (options.start_millis, options.rate);
        let plan = match options.scenario {
            Scenario::Steady => Plan::Even(Even::new(world.families_of(Set::Steady, Engine::Flink), start, rate)),
            Scenario::Storm => {
                let even = Even::new(world.families_of(Set::Steady, Engine::Flink), start, rate);
                Plan::Even(even.with_storm(&world, &mut random))
            }
            Scenario::Novel => Plan::Even(Even::new(world.families_of(Set::Novel, Engine::Flink), start, rate)),
            Scenario::Cascade => Plan::Cascade(Cascade::new(start, rate)),
            Scenario::Fleet => Plan::Fleet(Fleet::new(&world, &mut random, options)),
        };
        Ok(Self {
            tally: Tally::new(&world, options.minutes),
            left: options.count,
            options: options.clone(),
            world,
            plan,
            templates,
            random,
            second: Second::default(),
            made: 0,
            novel: String::new(),
            novel_class: String::new(),
        })
    }

    /// Appends the next record, without a line end, to `out`; false when there are no more.
    pub fn next_record(&mut self, out: &mut Vec<u8>) -> bool {
        if self.left == 0 {
            return false;
        }
        let Some(planned) = self.plan.next(&self.world, &mut self.random) else {
            return false;
        };
        let Some(job) = self.world.jobs.get(planned.job) else {
            return false;
        };
        let millis = planned.nanos.div_euclid(1_000_000);
        self.second.at(millis);
        if self.options.scenario == Scenario::Novel {
            novel_word(self.options.seed, self.made, &mut self.novel, &mut self.novel_class);
        }
        let random = &mut self.random;
        let at = place(planned.family, job.layout, job.platform);
        let Some(template) = self.templates.get(at).and_then(Option::as_ref) else {
            return false;
        };
        let scene = Scene {
            job,
            second: &self.second,
            millis,
            subtask: 1 + random.below(job.parallelism),
            attempt: random.below(4),
            peer: planned.peer.unwrap_or_else(|| random.below(64)),
            dependency: planned.dependency.unwrap_or_else(|| dependency(job)),
            checkpoint: u64::try_from(millis.div_euclid(60_000)).unwrap_or(0) % 20_000 + job.salt % 5000,
            life: random.below(3),
            graph: (random.bits(), random.bits()),
            novel: &self.novel,
            novel_class: &self.novel_class,
            draw: random.bits(),
        };
        let before = out.len();
        template.render(&scene, out);
        self.tally.add(
            &planned,
            Made {
                layout: job.layout,
                bytes: out.len() - before,
            },
        );
        self.left -= 1;
        self.made += 1;
        true
    }

    /// What was generated so far.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.tally.truth(&self.options, &self.world, self.plan.incidents())
    }
}

/// Events are written with nanoseconds in 64 bits: from 1970 until the end of 2261.
const LAST_MILLIS: i64 = 9_214_646_399_999;

fn check(options: &Options) -> Result<(), GenerateError> {
    let wrong = |name, given: String, remedy| Err(GenerateError::Option { name, given, remedy });
    if options.jobs == 0 || options.jobs > Options::MOST_JOBS {
        return wrong("jobs", options.jobs.to_string(), "give 1 to 100000");
    }
    if options.rate == 0 {
        return wrong("rate", options.rate.to_string(), "give at least 1 record per second");
    }
    if options.hours == 0 || options.hours > Options::MOST_HOURS {
        return wrong("hours", options.hours.to_string(), "give 1 to 8784");
    }
    let start = options.start_millis;
    if !(0..=LAST_MILLIS).contains(&start) || start.saturating_add(options.span_millis()) > LAST_MILLIS {
        let given =
            jiff::Timestamp::from_millisecond(start).map_or_else(|_| start.to_string(), |time| time.to_string());
        return wrong(
            "start",
            given,
            "the load must lie between 1970 and 2261: give another start, fewer records or a higher rate",
        );
    }
    Ok(())
}

/// The layout of each job: shares are of records, so each job in turn takes the layout that is most behind.
fn assign_layouts(options: &Options, weights: &[f64]) -> Vec<LayoutKind> {
    let shares: &[(LayoutKind, f64)] = match (options.layout, options.scenario) {
        (LayoutChoice::One(layout), _) => return vec![layout; weights.len()],
        (LayoutChoice::Mix, Scenario::Fleet) => &[
            (LayoutKind::Ecs, 0.40),
            (LayoutKind::JsonLayout, 0.20),
            (LayoutKind::Recipe, 0.20),
            (LayoutKind::Logback, 0.12),
            (LayoutKind::Logstash, 0.08),
        ],
        (LayoutChoice::Mix, Scenario::Steady | Scenario::Storm | Scenario::Novel | Scenario::Cascade) => {
            &[(LayoutKind::Ecs, 0.65), (LayoutKind::JsonLayout, 0.35)]
        }
    };
    let mut taken = vec![0.0_f64; shares.len()];
    let mut all = 0.0;
    weights
        .iter()
        .map(|weight| {
            all += weight;
            let mut best = (LayoutKind::Ecs, f64::NEG_INFINITY, 0);
            for (at, ((layout, share), has)) in shares.iter().zip(&taken).enumerate() {
                let behind = share * all - has;
                if behind > best.1 {
                    best = (*layout, behind, at);
                }
            }
            if let Some(has) = taken.get_mut(best.2) {
                *has += weight;
            }
            best.0
        })
        .collect()
}

fn place(family: usize, layout: LayoutKind, platform: Platform) -> usize {
    let layout = LayoutKind::ALL.iter().position(|known| *known == layout).unwrap_or(0);
    (family * LayoutKind::ALL.len() + layout) * 2 + usize::from(platform == Platform::Yarn)
}

fn templates(world: &World) -> Result<Vec<Option<Template>>, GenerateError> {
    let mut made = vec![None; world.families.len() * LayoutKind::ALL.len() * 2];
    for layout in LayoutKind::ALL {
        if !world.jobs.iter().any(|job| job.layout == layout) {
            continue;
        }
        for (number, family) in world.families.iter().enumerate() {
            for platform in [Platform::Kubernetes, Platform::Yarn] {
                let template = layouts::template(family, layout, platform).map_err(|what| GenerateError::Template {
                    family: family.id.clone(),
                    layout: layout.as_str(),
                    what,
                })?;
                if let Some(slot) = made.get_mut(place(number, layout, platform)) {
                    *slot = Some(template);
                }
            }
        }
    }
    Ok(made)
}

/// The word of record `number`: syllables, no two records of a run the same (up to 2^32 records), and never looking
/// like hex digits, a number or anything else a mask would take away.
fn novel_word(seed: u64, number: u64, word: &mut String, class: &mut String) {
    const SYLLABLES: [&str; 64] = [
        "ka", "ke", "ki", "ko", "ku", "la", "le", "li", "lo", "lu", "ma", "me", "mi", "mo", "mu", "na", "ne", "ni",
        "no", "nu", "pa", "pe", "pi", "po", "pu", "ra", "re", "ri", "ro", "ru", "sa", "se", "si", "so", "su", "ta",
        "te", "ti", "to", "tu", "va", "ve", "vi", "vo", "vu", "za", "ze", "zi", "zo", "zu", "ga", "ge", "gi", "go",
        "gu", "ha", "he", "hi", "ho", "hu", "ja", "jo", "ju", "wo",
    ];
    // An odd factor permutes the numbers below 2^36, so that neighbours do not look alike.
    let spread = number.wrapping_mul(0x5_1ed2_705b).wrapping_add(mix(seed)) & 0xf_ffff_ffff;
    word.clear();
    for place in 0..6 {
        let at = usize::try_from((spread >> (6 * place)) & 63).unwrap_or(0);
        word.push_str(SYLLABLES.get(at).copied().unwrap_or("ka"));
    }
    class.clear();
    let mut letters = word.chars();
    if let Some(first) = letters.next() {
        class.push(first.to_ascii_uppercase());
    }
    class.push_str(letters.as_str());
}
