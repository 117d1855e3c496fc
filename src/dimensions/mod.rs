//! Which job, task, host and team an event belongs to.
