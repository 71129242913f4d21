//! Which threads the system runs first.

/// Of threads with long work: the system runs them after those with connections.
pub(crate) const LONG_WORK: i32 = 10;

/// As `nice -n NICE` does, for this thread and those that it starts from now on. Where the
/// system refuses, other work is slower, not wrong.
#[cfg(unix)]
pub fn lower_priority(nice: i32) {
    let _ = rustix::process::setpriority_process(None, nice);
}

/// Other systems have no such number.
#[cfg(not(unix))]
pub fn lower_priority(_nice: i32) {}
