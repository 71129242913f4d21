//! Working on several items at a time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

/// Takes items from `next`, lets each `worker` map them on a thread of its own, and gives the
/// answers to `done` in the items' order. At most `most` items are on their way, so that nobody
/// waits for the others to finish and memory does not grow.
///
/// # Errors
/// The first of `next`, after the answers to the items before, or of `done`.
pub(crate) fn in_order<T: Send, R: Send, E>(
    most: usize,
    workers: Vec<impl FnMut(T) -> R + Send>,
    mut next: impl FnMut() -> Result<Option<T>, E>,
    mut done: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let (give, items) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let items = Mutex::new(items);
    thread::scope(|scope| {
        // Dropped when this ends, however it does: then the workers end too.
        let (give, answers) = (give, answers);
        for mut worker in workers {
            let (items, answer) = (&items, answer.clone());
            scope.spawn(move || {
                while let Some((index, item)) = taken(items) {
                    let mapped = catch_unwind(AssertUnwindSafe(|| worker(item)));
                    if answer.send((index, mapped)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(answer);
        let (mut given, mut due, mut end) = (0, 0, None);
        let mut early = BTreeMap::new();
        loop {
            let answer = if end.is_none() && given - due < most {
                match next() {
                    Ok(Some(item)) => {
                        // Where no worker is left, there is no answer either.
                        let _ = give.send((given, item));
                        given += 1;
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(error) => end = Some(Err(error)),
                }
                answers.try_recv().ok()
            } else if due < given
                && let Ok(answer) = answers.recv()
            {
                Some(answer)
            } else {
                return end.unwrap_or(Ok(()));
            };
            if let Some((index, mapped)) = answer {
                early.insert(index, mapped.unwrap_or_else(|panic| resume_unwind(panic)));
            }
            while let Some(mapped) = early.remove(&due) {
                done(mapped)?;
                due += 1;
            }
        }
    })
}

/// The next item; none at the end.
fn taken<T>(items: &Mutex<mpsc::Receiver<T>>) -> Option<T> {
    items.lock().ok()?.recv().ok()
}

/// Maps all items, in their order, on `jobs` threads. (Not with rayon: its threads would start
/// another item while they wait for the pool that an item's fit uses.)
pub(crate) fn parallel<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    answer: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        while let Some((index, item)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).map(|item| (index, item))
        } {
            let answer = answer(item);
            if let Ok(mut answers) = answers.lock() {
                answers.push((index, answer));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1).min(items.len()) {
            scope.spawn(work);
        }
    });
    let mut answers = answers.into_inner().unwrap_or_default();
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
