//! How much memory the system's allocator may keep while it serves.
//!
//! glibc gives almost every thread that allocates an arena of its own, up to eight a processor,
//! and each keeps what its largest requests once took. A server with fifty threads, most of them
//! waiting, so grows for half an hour, until every arena has seen a large request. Two a
//! processor are enough for the threads that run at once.
//!
//! A large body is mapped by itself at first and given back to the system with the request. But
//! each one that is given back raises glibc's limit for the next, up to 32 MiB, so that bodies
//! soon lie in the arenas, between small and lasting allocations, and an arena that was stretched
//! by them cannot shrink. A limit that is set stays where it is.
//!
//! glibc reads these numbers when a process starts, and offers only a C function to change them
//! later. So the program replaces itself by itself, once, with the numbers in its environment:
//! the process, its descriptors and its arguments stay the same.

/// Restarts this program with limits on what the allocator keeps; returns where there is nothing
/// to do, and where it cannot be done, since memory is then higher and nothing wrong. A number
/// that is set already stays.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn limit() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::thread::available_parallelism;

    const ARENAS_A_PROCESSOR: usize = 2;
    /// In bytes: what glibc begins with.
    const LARGE: usize = 128 << 10;

    if env::var_os("GLIBC_TUNABLES").is_some() {
        return;
    }
    let (Ok(program), Ok(processors)) = (env::current_exe(), available_parallelism()) else {
        return;
    };
    let limits = [
        (
            "MALLOC_ARENA_MAX",
            processors.get().saturating_mul(ARENAS_A_PROCESSOR),
        ),
        ("MALLOC_MMAP_THRESHOLD_", LARGE),
        ("MALLOC_TRIM_THRESHOLD_", LARGE),
    ];
    let missing: Vec<_> = limits
        .into_iter()
        .filter(|(name, _)| env::var_os(name).is_none())
        .map(|(name, number)| (name, number.to_string()))
        .collect();
    if missing.is_empty() {
        return;
    }
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It only comes back with an error, such as that the file has been replaced.
    let _ = again.args(arguments).envs(missing).exec();
}

/// Other allocators have no arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn limit() {}
