//! Ctrl-C: the first one stops the work, the second one ends the program.

use std::process;
use std::thread;

/// The exit code of a program that Ctrl-C ended, as shells report it.
const INTERRUPTED: i32 = 130;

/// Calls `stop` at the first Ctrl-C; a second one ends the program at once.
pub(crate) fn on_ctrl_c(stop: impl FnOnce() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    // Without a handler, Ctrl-C ends the program, which is the default.
    let Ok(runtime) = runtime else { return };
    thread::spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop();
                if tokio::signal::ctrl_c().await.is_ok() {
                    process::exit(INTERRUPTED);
                }
            }
        });
    });
}
