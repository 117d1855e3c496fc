//! What counts are kept by.

/// Where an error happened. Unknown is `None`, never empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// Cluster (Flink cluster id, Kubernetes deployment, YARN application, Spark application).
    pub cluster: Option<Box<str>>,
    /// Kubernetes namespace or its like.
    pub namespace: Option<Box<str>>,
    /// Job id as the engine gives it (32 hex digits in Flink).
    pub job_id: Option<Box<str>>,
    /// Name of the job.
    pub job_name: Option<Box<str>>,
    /// Name of the task (operator chain).
    pub task: Option<Box<str>>,
    /// Number of the subtask, from 1 as in `(3/8)`.
    pub subtask: Option<u32>,
    /// jobmanager, taskmanager, client, driver, executor, …
    pub role: Option<Box<str>>,
    /// Host name.
    pub host: Option<Box<str>>,
    /// Pod.
    pub pod: Option<Box<str>>,
    /// Container.
    pub container: Option<Box<str>>,
    /// flink, spark, kafka-connect, java, python, node.
    pub engine: Option<Box<str>>,
    /// Version of the engine.
    pub engine_version: Option<Box<str>>,
    /// Team or owner.
    pub team: Option<Box<str>>,
}

/// What a job is followed by over redeployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobKey<'a>(pub &'a str);

impl JobKey<'_> {
    /// The key where no job is known.
    pub const NONE: &'static str = "-";
}

impl Dimensions {
    /// The key of the job: its name, else its id, else the cluster, else `-`.
    ///
    /// The name comes first since Flink gives a new id at every submission.
    #[must_use]
    pub fn job(&self) -> JobKey<'_> {
        let known = self
            .job_name
            .as_deref()
            .or(self.job_id.as_deref())
            .or(self.cluster.as_deref());
        JobKey(known.unwrap_or(JobKey::NONE))
    }

    /// The text dimensions by name, in the order of the surface; `subtask` is the one that is a number.
    #[must_use]
    pub fn texts(&self) -> [(&'static str, Option<&str>); 12] {
        [
            ("cluster", self.cluster.as_deref()),
            ("namespace", self.namespace.as_deref()),
            ("job_id", self.job_id.as_deref()),
            ("job_name", self.job_name.as_deref()),
            ("task", self.task.as_deref()),
            ("role", self.role.as_deref()),
            ("host", self.host.as_deref()),
            ("pod", self.pod.as_deref()),
            ("container", self.container.as_deref()),
            ("engine", self.engine.as_deref()),
            ("engine_version", self.engine_version.as_deref()),
            ("team", self.team.as_deref()),
        ]
    }
}
