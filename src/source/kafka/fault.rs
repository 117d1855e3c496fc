//! What is wrong with Kafka, and what to do about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Why Kafka could not be used. The text names the thing; [`KafkaFault::advice`] the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaFault {
    /// No broker answers: may pass.
    #[error("no broker of {brokers} answers: {why}")]
    Away {
        /// As configured.
        brokers: String,
        /// What was seen last.
        why: String,
    },
    /// A broker answers and does not take who we say we are, or we do not take its certificate.
    #[error("the brokers {brokers} do not let us in: {why}")]
    NotLetIn {
        /// As configured.
        brokers: String,
        /// What was said.
        why: String,
    },
    /// A topic is not there.
    #[error("there is no topic {topic}")]
    NoTopic {
        /// Its name.
        topic: String,
        /// Whether it is one that `setup` makes.
        ours: bool,
    },
    /// A right is missing.
    #[error("the right to {to} is missing: {why}")]
    NoRight {
        /// To do what.
        to: String,
        /// What was said.
        why: String,
    },
    /// The broker cannot do what exactly-once needs.
    #[error("the broker is too old: {0}")]
    TooOld(String),
    /// The Kafka library gives a client that administers no token, so a topic can be looked for but not made.
    #[error("the topic {topic} is not as wanted, and with OAUTHBEARER it cannot be made or changed from here")]
    NotByToken {
        /// Its name.
        topic: String,
        /// What does it with Kafka's own tool.
        command: String,
    },
    /// A property the library does not take.
    #[error("the property {name} = {value} is not taken: {why}")]
    Property {
        /// Name.
        name: String,
        /// Value, hidden where it is a secret.
        value: String,
        /// Why.
        why: String,
    },
    /// Another process bears our name.
    #[error("another process took over as {member}: {why}")]
    Replaced {
        /// Name in the group.
        member: String,
        /// What was said.
        why: String,
    },
    /// The offset to go on at is not in the topic.
    #[error(
        "partition {partition} of {topic} goes on at offset {wanted}, and the broker has {low} to {high}: {}",
        if wanted < low { "records were removed before they were read" }
        else { "the topic was made anew or has lost its end" }
    )]
    OffsetLost {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Where we would go on.
        wanted: i64,
        /// First offset there is.
        low: i64,
        /// One behind the last.
        high: i64,
        /// Group whose offset it is.
        group: String,
    },
    /// A topic does not take records as large as one of ours must be.
    #[error("the topic {topic} takes no record of {bytes} bytes")]
    TooLarge {
        /// Topic.
        topic: String,
        /// How large it is at its smallest.
        bytes: usize,
    },
    /// Something else.
    #[error("{doing}: {why}")]
    Other {
        /// What was tried.
        doing: String,
        /// What was said.
        why: String,
        /// Whether waiting may help.
        may_pass: bool,
    },
}

impl KafkaFault {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            KafkaFault::Away { .. } => {
                "see that the brokers run and that source.kafka.brokers names them as this machine reaches them \
                 (a broker tells its own address: advertised.listeners)"
                    .into()
            }
            KafkaFault::NotLetIn { why, .. } if why.contains("OAUTHBEARER") => {
                "put a token that has not ended and that the brokers know into the file of source.kafka.token".into()
            }
            KafkaFault::NotLetIn { why, .. } if why.contains("certificate") => {
                "set source.kafka.ca to the certificate (PEM) of the authority that signed the brokers' certificates, and \
                 name the brokers in source.kafka.brokers as their certificates do"
                    .into()
            }
            KafkaFault::NotLetIn { .. } => "look at source.kafka.sasl_mechanism, source.kafka.username, \
                                            source.kafka.password_file, source.kafka.tls and source.kafka.ca"
                .into(),
            KafkaFault::NoTopic { ours: true, .. } => "make our topics with `seismolog setup`".into(),
            KafkaFault::NoTopic { ours: false, .. } => {
                "make it, or name the topics with error logs in source.kafka.topics".into()
            }
            KafkaFault::NoRight { .. } => {
                "let this user read the input topics and the group, write our topics and use transactional ids that \
                 begin with the group's name"
                    .into()
            }
            KafkaFault::TooOld(_) => "exactly-once needs brokers of Kafka 2.5 or newer".into(),
            KafkaFault::NotByToken { command, .. } => {
                format!("run `{command}`, or let `seismolog setup` log in by SCRAM or a certificate")
            }
            KafkaFault::Property { .. } => "mend it in [source.kafka.properties]".into(),
            KafkaFault::Replaced { .. } => {
                "give each process its own source.kafka.instance_id; if this was meant, nothing is lost".into()
            }
            KafkaFault::OffsetLost {
                topic,
                partition,
                wanted,
                low,
                group,
                ..
            } => {
                let lost = if wanted < low {
                    format!(" ({} records are lost to it)", low - wanted)
                } else {
                    String::new()
                };
                format!(
                    "nothing is skipped silently{lost}: decide, stop all processes of the group and set its offset, \
                     for example kafka-consumer-groups.sh --group {group} --topic {topic}:{partition} \
                     --reset-offsets --to-earliest --execute"
                )
            }
            KafkaFault::TooLarge { topic, .. } => {
                format!("raise max.message.bytes of {topic}, or let `seismolog setup` do it")
            }
            KafkaFault::Other { .. } => "see the broker's log".into(),
        }
    }

    /// Whether waiting may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            KafkaFault::Away { .. } => true,
            KafkaFault::Other { may_pass, .. } => *may_pass,
            KafkaFault::NotLetIn { .. }
            | KafkaFault::NoTopic { .. }
            | KafkaFault::NoRight { .. }
            | KafkaFault::TooOld(_)
            | KafkaFault::NotByToken { .. }
            | KafkaFault::Property { .. }
            | KafkaFault::Replaced { .. }
            | KafkaFault::OffsetLost { .. }
            | KafkaFault::TooLarge { .. } => false,
        }
    }

    /// The fault of an error the library gave while `doing` something with these brokers.
    #[must_use]
    pub fn of(error: &KafkaError, doing: &str, brokers: &str) -> Self {
        if let KafkaError::ClientConfig(_, why, name, value) = error {
            let secret = ["password", "secret", "pem"].iter().any(|part| name.contains(part));
            return KafkaFault::Property {
                name: name.clone(),
                value: if secret { "***".into() } else { value.clone() },
                why: why.clone(),
            };
        }
        let code = if let KafkaError::AdminOp(code) = error {
            Some(*code)
        } else {
            error.rdkafka_error_code()
        };
        let mut fault = Self::of_code(code, &error.to_string(), doing, brokers);
        if let (KafkaError::Transaction(said), KafkaFault::Other { may_pass, .. }) = (error, &mut fault) {
            *may_pass |= said.is_retriable();
        }
        fault
    }

    /// The fault of an error code.
    #[must_use]
    pub fn of_code(code: Option<Code>, why: &str, doing: &str, brokers: &str) -> Self {
        let why = why.to_owned();
        let right = |to: &str| KafkaFault::NoRight {
            to: to.to_owned(),
            why: why.clone(),
        };
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the codes are the library's, and it adds to them"
        )]
        match code {
            Some(
                Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::BrokerNotAvailable
                | Code::NetworkException,
            ) => KafkaFault::Away {
                brokers: brokers.to_owned(),
                why,
            },
            Some(
                Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL | Code::UnsupportedSASLMechanism,
            ) => KafkaFault::NotLetIn {
                brokers: brokers.to_owned(),
                why,
            },
            Some(Code::TopicAuthorizationFailed) => right(&format!("use a topic ({doing})")),
            Some(Code::GroupAuthorizationFailed) => right("read as a member of the group"),
            Some(Code::TransactionalIdAuthorizationFailed) => right("write in transactions"),
            Some(Code::ClusterAuthorizationFailed) => right("write idempotently"),
            Some(Code::UnsupportedFeature | Code::UnsupportedVersion) => KafkaFault::TooOld(why),
            Some(Code::FencedInstanceId) => KafkaFault::Replaced {
                member: "this instance".into(),
                why,
            },
            other => KafkaFault::Other {
                doing: doing.to_owned(),
                why,
                may_pass: matches!(
                    other,
                    Some(
                        Code::CoordinatorLoadInProgress
                            | Code::CoordinatorNotAvailable
                            | Code::NotCoordinator
                            | Code::LeaderNotAvailable
                            | Code::NotLeaderForPartition
                            | Code::NotEnoughReplicas
                            | Code::NotEnoughReplicasAfterAppend
                            | Code::UnstableOffsetCommit
                            | Code::ConcurrentTransactions
                            | Code::WaitingForCoordinator
                            | Code::WaitCache
                            | Code::KafkaStorageError
                            | Code::Unknown
                    )
                ),
            },
        }
    }
}
