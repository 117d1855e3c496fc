//! Exit codes: part of the surface.

use crate::source::kafka::KafkaFault;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// The answer is no: a verification or a rule test failed.
    No,
    /// The command line is wrong.
    Usage,
    /// The input is bad where input was all there was.
    BadInput,
    /// A bug.
    Bug,
    /// A dependency stayed away (a port in use, a store that cannot be opened for now, a server that does not answer).
    Unavailable,
    /// The configuration (or the rules, or the store's version) is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 64,
            Exit::BadInput => 65,
            Exit::Bug => 70,
            Exit::Unavailable => 75,
            Exit::Config => 78,
        })
    }
}

/// An error at the edge: what is printed once, and the exit code it ends with.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What a person reads: what was wrong, where, and what to do.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure from any error.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }

    /// A failure of a server: it stayed away where waiting may help, else something has to be changed.
    pub(super) fn of_server(may_pass: bool, error: impl Into<anyhow::Error>) -> Self {
        let exit = if may_pass { Exit::Unavailable } else { Exit::Config };
        Self::new(exit, error)
    }
}

impl From<KafkaFault> for Failure {
    fn from(fault: KafkaFault) -> Self {
        Self::of_server(fault.may_pass(), anyhow::anyhow!("{fault}; {}", fault.advice()))
    }
}

/// What every command returns.
pub type CommandResult = Result<Exit, Failure>;
