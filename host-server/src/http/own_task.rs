//! Work that goes on while nobody looks at it. What is a part of an answer is looked at when its
//! client takes that: a turn, or room, that it had then would be nobody's, for as long as the client
//! likes.

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// A task that ends when this is dropped.
struct Own<T>(JoinHandle<T>);

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does the work in a task of its own, of the runtime that asks. Dropping this ends it.
///
/// # Errors
/// When it panicked, or the runtime has ended.
pub(crate) async fn in_own_task<F>(work: F) -> Result<F::Output, JoinError>
where
    F: Future<Output: Send> + Send + 'static,
{
    in_own_task_on(&Handle::current(), work).await
}

/// The same of another runtime.
///
/// # Errors
/// When it panicked, or the runtime has ended.
pub(crate) async fn in_own_task_on<F>(threads: &Handle, work: F) -> Result<F::Output, JoinError>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut own = Own(threads.spawn(work));
    (&mut own.0).await
}
