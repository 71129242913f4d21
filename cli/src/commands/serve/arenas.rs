//! How many arenas the system's allocator may have while it serves.
//!
//! glibc gives almost every thread that allocates an arena of its own, up to eight a processor,
//! and each keeps what its largest requests once took. A server with fifty threads, most of them
//! waiting, so grows for half an hour, until every arena has seen a large request. Two a
//! processor are enough for the threads that run at once.
//!
//! glibc reads the number when a process starts, and offers only a C function to change it
//! later. So the program replaces itself by itself, once, with the number in its environment:
//! the process, its descriptors and its arguments stay the same.

/// Restarts this program with fewer arenas; returns where there is nothing to do, and where it
/// cannot be done, since memory is then higher and nothing wrong. A number that is set already
/// stays.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn limit() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::thread::available_parallelism;

    const ARENAS: &str = "MALLOC_ARENA_MAX";
    const A_PROCESSOR: usize = 2;

    if [ARENAS, "GLIBC_TUNABLES"]
        .iter()
        .any(|name| env::var_os(name).is_some())
    {
        return;
    }
    let (Ok(program), Ok(processors)) = (env::current_exe(), available_parallelism()) else {
        return;
    };
    let arenas = processors.get().saturating_mul(A_PROCESSOR);
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It only comes back with an error, such as that the file has been replaced.
    let _ = again.args(arguments).env(ARENAS, arenas.to_string()).exec();
}

/// Other allocators have no arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn limit() {}
