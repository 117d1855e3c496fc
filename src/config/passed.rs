//! Properties of librdkafka that are not passed through: exactly-once stands on them, or a key of ours says the same.

/// Names with what to do instead.
const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "set source.kafka.brokers"),
    ("metadata.broker.list", "set source.kafka.brokers"),
    ("group.id", "set source.kafka.group_id"),
    ("group.instance.id", "set source.kafka.instance_id"),
    (
        "security.protocol",
        "set source.kafka.tls and source.kafka.sasl_mechanism",
    ),
    ("sasl.mechanism", "set source.kafka.sasl_mechanism"),
    ("sasl.mechanisms", "set source.kafka.sasl_mechanism"),
    ("sasl.username", "set source.kafka.username"),
    ("sasl.password", "set source.kafka.password_file"),
    ("ssl.ca.location", "set source.kafka.ca"),
    ("ssl.certificate.location", "set source.kafka.certificate"),
    ("ssl.key.location", "set source.kafka.key"),
    (
        "transactional.id",
        "leave it out: it is made of group_id and instance_id, so that a restart fences its own predecessor",
    ),
    (
        "enable.auto.commit",
        "leave it out: offsets are committed inside the transaction of their counts",
    ),
    (
        "enable.auto.offset.store",
        "leave it out: offsets are committed inside the transaction of their counts",
    ),
    (
        "auto.offset.reset",
        "leave it out: a jump over records must be loud; a group without offsets begins at the earliest record",
    ),
    (
        "isolation.level",
        "leave it out: read_committed is what keeps a fenced process from being counted twice",
    ),
    (
        "enable.idempotence",
        "leave it out: a transactional producer is idempotent",
    ),
    ("acks", "leave it out: a transaction needs all replicas in sync"),
    (
        "request.required.acks",
        "leave it out: a transaction needs all replicas in sync",
    ),
    (
        "partition.assignment.strategy",
        "leave it out: all members of the group must use the same, cooperative-sticky",
    ),
    (
        "partitioner",
        "leave it out: records of one issue must stay in one partition over all versions",
    ),
    (
        "max.in.flight.requests.per.connection",
        "leave it out: above 5 the order of a partition is not kept",
    ),
    (
        "enable.partition.eof",
        "leave it out: it tells when a partition is idle",
    ),
];

/// Whether a property may be passed through; else what is wrong and what to do.
pub(super) fn may_pass(name: &str, in_file: bool) -> Result<(), (String, String)> {
    if let Some((_, advice)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return Err(("this property is not passed through".into(), (*advice).into()));
    }
    if in_file && is_secret(name) {
        let variable = name.to_uppercase().replace('.', "_");
        return Err((
            "a secret must not stand in the file".into(),
            format!("set SEISMOLOG_SOURCE__KAFKA__PROPERTIES__{variable}"),
        ));
    }
    Ok(())
}

/// Whether a property's value must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    ["password", "secret", ".pem", "jaas", "assertion"]
        .iter()
        .any(|part| name.contains(part))
}
