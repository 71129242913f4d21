//! A result that another thread will send: a future for servers, a wait for commands.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

/// The receiving half. It can be awaited by any executor, or waited for.
#[derive(Debug)]
pub struct Pending<T> {
    shared: Arc<Shared<T>>,
}

/// The sending half. Its owner sends in every case: a value or an error.
#[derive(Debug)]
pub(crate) struct Promise<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    waiting: Waiting,
    /// Others of the same thread that whoever takes the value wakes.
    others: Vec<Waker>,
    /// Nobody will take the value any more.
    is_dropped: bool,
}

/// Who waits for the value.
#[derive(Debug)]
enum Waiting {
    Nobody,
    /// A thread that blocks.
    Thread,
    /// A task, and the thread that polled it.
    Task(Waker, ThreadId),
}

/// A promise and where it arrives.
pub(crate) fn promise<T>() -> (Promise<T>, Pending<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            value: None,
            waiting: Waiting::Nobody,
            others: Vec::new(),
            is_dropped: false,
        }),
        arrived: Condvar::new(),
    });
    let promise = Promise {
        shared: Arc::clone(&shared),
    };
    (promise, Pending { shared })
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nobody panics with the lock held; if it happened, the state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Promise<T> {
    /// Hands over the value and wakes who waits.
    pub(crate) fn send(self, value: T) {
        if let Some((waker, _)) = self.hand_over(value) {
            waker.wake();
        }
    }

    /// Hands over the value; answers the task to wake, if it is one that waits.
    fn hand_over(&self, value: T) -> Option<(Waker, ThreadId)> {
        let waiting = {
            let mut state = self.shared.lock();
            state.value = Some(value);
            std::mem::replace(&mut state.waiting, Waiting::Nobody)
        };
        match waiting {
            Waiting::Nobody => None,
            Waiting::Thread => {
                self.shared.arrived.notify_one();
                None
            }
            Waiting::Task(waker, thread) => Some((waker, thread)),
        }
    }
}

/// Tasks of one thread that are to be woken.
struct Group<T> {
    thread: ThreadId,
    /// The promise and the task that are to wake the others.
    first: (Promise<T>, Waker),
    others: Vec<Waker>,
}

/// Hands over many values. Of the tasks that wait on one thread only one is woken from here, and
/// wakes the others when it takes its value: to wake a task from another thread takes a system
/// call or two, from its own thread none.
pub(crate) fn send_all<T>(all: impl IntoIterator<Item = (Promise<T>, T)>) {
    let mut groups: Vec<Group<T>> = Vec::new();
    for (promise, value) in all {
        let Some((waker, thread)) = promise.hand_over(value) else {
            continue;
        };
        match groups.iter_mut().find(|group| group.thread == thread) {
            Some(group) => group.others.push(waker),
            None => groups.push(Group {
                thread,
                first: (promise, waker),
                others: Vec::new(),
            }),
        }
    }
    for Group { first, others, .. } in groups {
        let (promise, waker) = first;
        let mut state = promise.shared.lock();
        // It may have been polled or dropped meanwhile for a reason of its own.
        let will_wake = state.value.is_some() && !state.is_dropped;
        let now = if will_wake {
            state.others = others;
            Vec::new()
        } else {
            others
        };
        drop(state);
        waker.wake();
        now.into_iter().for_each(Waker::wake);
    }
}

impl<T> Pending<T> {
    /// Blocks until the value arrives. Never call it on a thread that serves others.
    #[must_use]
    pub fn wait(self) -> T {
        let mut state = self.shared.lock();
        loop {
            match state.value.take() {
                Some(value) => return value,
                None => {
                    state.waiting = Waiting::Thread;
                    state = self
                        .shared
                        .arrived
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.shared.lock();
        match state.value.take() {
            Some(value) => {
                let others = std::mem::take(&mut state.others);
                drop(state);
                others.into_iter().for_each(Waker::wake);
                Poll::Ready(value)
            }
            None => {
                let thread = thread::current().id();
                state.waiting = Waiting::Task(context.waker().clone(), thread);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Pending<T> {
    /// Who is dropped with its value untaken, such as by a client that went away, still wakes
    /// the others.
    fn drop(&mut self) {
        let others = {
            let mut state = self.shared.lock();
            state.is_dropped = true;
            std::mem::take(&mut state.others)
        };
        others.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Task {
        count: Arc<Count>,
        pending: Pending<usize>,
    }

    impl Task {
        fn poll(&mut self) -> Poll<usize> {
            let waker = Waker::from(Arc::clone(&self.count));
            let mut context = Context::from_waker(&waker);
            Pin::new(&mut self.pending).poll(&mut context)
        }

        fn woken(&self) -> usize {
            self.count.0.load(Ordering::Relaxed)
        }
    }

    /// Tasks that wait on this thread, and what they wait for.
    fn tasks(number: usize) -> (Vec<Promise<usize>>, Vec<Task>) {
        let pairs = (0..number).map(|_| {
            let (promise, pending) = promise();
            let count = Arc::default();
            let mut task = Task { count, pending };
            assert_eq!(task.poll(), Poll::Pending);
            (promise, task)
        });
        pairs.unzip()
    }

    fn woken(tasks: &[Task]) -> Vec<usize> {
        tasks.iter().map(Task::woken).collect()
    }

    #[test]
    fn the_first_of_a_thread_wakes_the_others() {
        let (promises, mut tasks) = tasks(3);
        send_all(promises.into_iter().zip(10..));
        assert_eq!(woken(&tasks), [1, 0, 0]);
        assert_eq!(tasks[0].poll(), Poll::Ready(10));
        assert_eq!(woken(&tasks), [1, 1, 1]);
        assert_eq!(tasks[2].poll(), Poll::Ready(12));
        assert_eq!(tasks[1].poll(), Poll::Ready(11));
    }

    #[test]
    fn the_first_wakes_the_others_when_it_is_dropped_too() {
        let (promises, mut tasks) = tasks(3);
        send_all(promises.into_iter().zip(10..));
        drop(tasks.remove(0));
        assert_eq!(woken(&tasks), [1, 1]);
    }

    #[test]
    fn who_was_dropped_before_is_no_first() {
        let (promises, mut tasks) = tasks(3);
        drop(tasks.remove(0));
        send_all(promises.into_iter().zip(10..));
        assert_eq!(woken(&tasks), [1, 1]);
    }

    #[test]
    fn each_thread_has_a_first_and_who_blocks_is_woken_too() {
        let (mut promises, tasks) = tasks(2);
        let (promise, pending) = promise();
        promises.push(promise);
        let (elsewhere, theirs) = thread::spawn(|| self::tasks(2)).join().unwrap();
        promises.extend(elsewhere);
        let blocked = thread::spawn(move || pending.wait());
        send_all(promises.into_iter().zip(10..));
        assert_eq!(blocked.join().unwrap(), 12);
        assert_eq!(woken(&tasks), [1, 0]);
        assert_eq!(woken(&theirs), [1, 0]);
    }
}
