//! A result that another thread will send: a future for servers, a wait for commands.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
    waker: Option<Waker>,
}

/// A promise and where it arrives.
pub(crate) fn promise<T>() -> (Promise<T>, Pending<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            value: None,
            waker: None,
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
        let waker = {
            let mut state = self.shared.lock();
            state.value = Some(value);
            state.waker.take()
        };
        self.shared.arrived.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
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
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
