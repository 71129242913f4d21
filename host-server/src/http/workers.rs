//! The threads that serve connections: one per processor, each with connections of its own.
//! Between a request's head and its answer, nothing moves to another processor.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::caller::Caller;
use super::connection::{Connection, Service};
use super::rounds::Rounds;
use crate::host::processors;
use crate::priority::{LONG_WORK, lower_priority};
use crate::threads;

/// Threads that wait for the disk beside each thread with connections, at most.
const BLOCKING: usize = 4;

/// Hands connections to the threads. When the last copy is dropped, the threads finish what
/// they have and end.
pub(crate) struct Workers<S>(Arc<All<S>>);

struct All<S> {
    workers: Vec<Worker<S>>,
    /// Of callers with as many connections to each thread, the next goes to the next thread.
    next: AtomicUsize,
}

struct Worker<S> {
    queue: mpsc::UnboundedSender<Taken<S>>,
    open: Arc<Open>,
}

/// The place of the thread with the fewest connections of this caller. How many others a thread has
/// says little of its work, and whoever leaves every second connection open could choose the thread
/// of all who come next. Of callers without any, each begins at the next thread.
fn place(threads: &[&Open], next: &AtomicUsize, caller: &Caller) -> usize {
    let counts: Vec<usize> = threads.iter().map(|open| open.of(caller)).collect();
    let first = match counts.iter().all(|count| *count == 0) {
        true => next.fetch_add(1, Ordering::Relaxed),
        false => next.load(Ordering::Relaxed),
    };
    let places = (0..counts.len()).map(|at| (first + at) % counts.len());
    places.min_by_key(|at| counts[*at]).unwrap_or_default()
}

/// How many connections of each caller a thread has.
#[derive(Default)]
struct Open(Mutex<HashMap<Caller, usize>>);

impl Open {
    fn of(&self, caller: &Caller) -> usize {
        self.lock().get(caller).copied().unwrap_or_default()
    }

    fn add(&self, caller: &Caller) {
        *self.lock().entry(caller.clone()).or_default() += 1;
    }

    fn remove(&self, caller: &Caller) {
        let mut open = self.lock();
        let Some(its) = open.get_mut(caller) else {
            return;
        };
        *its -= 1;
        if *its == 0 {
            open.remove(caller);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Caller, usize>> {
        // Nothing that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Taken<S> = (std::net::TcpStream, Connection<S>);

/// Completes when all threads have ended. Dropping it ends them at once.
pub(crate) struct Ended(Vec<oneshot::Receiver<()>>);

impl<S> Clone for Workers<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Service> Workers<S> {
    /// Starts the threads. When `stop` says true each connection ends with its next answer.
    pub(crate) fn start(stop: &watch::Receiver<bool>) -> std::io::Result<(Self, Ended)> {
        let mut workers = Vec::new();
        let mut ended = Vec::new();
        for at in 0..processors().get() {
            let (queue, taken) = mpsc::unbounded_channel();
            let (end, has_ended) = oneshot::channel();
            let thread = Thread {
                taken,
                open: Arc::default(),
                stop: stop.clone(),
                end,
            };
            workers.push(Worker {
                queue,
                open: Arc::clone(&thread.open),
            });
            ended.push(has_ended);
            let (tell, started) = blocking::channel();
            // The runtime is made there: here other tasks run, and none may be dropped.
            std::thread::Builder::new()
                .name(format!("http-{at}"))
                .spawn(move || thread.run(&tell))?;
            started.recv().map_err(std::io::Error::other)??;
        }
        let next = AtomicUsize::new(0);
        Ok((Self(Arc::new(All { workers, next })), Ended(ended)))
    }

    /// Gives a connection to a thread.
    pub(crate) fn give(&self, stream: TcpStream, connection: Connection<S>) {
        let All { workers, next } = &*self.0;
        let caller = connection.caller();
        let threads: Vec<&Open> = workers.iter().map(|worker| &*worker.open).collect();
        let worker = workers.get(place(&threads, next, &caller));
        // On failure the connection is dropped: the client sees it close.
        if let (Some(worker), Ok(stream)) = (worker, stream.into_std()) {
            worker.open.add(&caller);
            let _ = worker.queue.send((stream, connection));
        }
    }
}

impl Ended {
    pub(crate) async fn wait(&mut self) {
        for one in &mut self.0 {
            // Nothing is ever sent: the channel closes when the thread's work ends.
            let _ = one.await;
        }
    }
}

fn runtime() -> std::io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder
        .enable_all()
        // What waits for the disk there is little: rollbacks, and large buffers that
        // are given back.
        .max_blocking_threads(BLOCKING)
        // What comes in is looked at after so many polls: each may be a request.
        .event_interval(8)
        // Those are the threads of long work alone: connections come first.
        .on_thread_start(|| lower_priority(LONG_WORK));
    threads::build(&mut builder)
}

/// The state of one thread.
struct Thread<S> {
    taken: mpsc::UnboundedReceiver<Taken<S>>,
    open: Arc<Open>,
    stop: watch::Receiver<bool>,
    end: oneshot::Sender<()>,
}

impl<S: Service> Thread<S> {
    /// Serves, once it has told whether it can.
    fn run(self, started: &blocking::Sender<std::io::Result<()>>) {
        match runtime() {
            Ok(runtime) => {
                let _ = started.send(Ok(()));
                runtime.block_on(self.serve());
            }
            Err(error) => drop(started.send(Err(error))),
        }
    }

    async fn serve(mut self) {
        let mut connections = JoinSet::new();
        // Each connection has a shutdown channel of its own: one that all of them polled with
        // every request would bounce between the processors' caches.
        let mut stops = HashMap::new();
        let rounds = Rounds::start();
        let mut more = true;
        while more || !connections.is_empty() {
            tokio::select! {
                taken = self.taken.recv(), if more => match taken {
                    Some((stream, connection)) => {
                        let (stop, stopped) = oneshot::channel();
                        let caller = connection.caller();
                        let id = connections.spawn(connection.serve(stream, Arc::clone(&rounds), stopped)).id();
                        stops.insert(id, (stop, caller));
                    }
                    None => more = false,
                },
                Some(done) = connections.join_next_with_id() => {
                    let id = done.map_or_else(|error| error.id(), |(id, ())| id);
                    if let Some((_, caller)) = stops.remove(&id) {
                        self.open.remove(&caller);
                    }
                }
                _ = self.stop.wait_for(|stop| *stop), if !stops.is_empty() => stops.clear(),
                () = self.end.closed() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One caller's idle connections once chose the thread of all who came next.
    #[test]
    fn connections_are_spread_by_caller() {
        let threads = [Open::default(), Open::default()];
        let threads = [&threads[0], &threads[1]];
        let next = AtomicUsize::new(0);
        let caller = |name: String| Caller::Key(name.into());
        // All of them on one thread.
        (0..1_000).for_each(|_| threads[0].add(&caller("many".to_owned())));
        let mut given = [[0; 2]; 2];
        for one in 0..10 {
            let caller = caller(one.to_string());
            for counted in &mut given {
                let at = place(&threads, &next, &caller);
                threads[at].add(&caller);
                counted[at] += 1;
            }
            let both = threads.map(|open| open.of(&caller));
            assert_eq!(both, [1, 1]);
        }
        // The first connections of these callers, and the second ones.
        assert_eq!(given, [[5, 5], [5, 5]]);
        threads[0].remove(&caller("0".to_owned()));
        assert_eq!(place(&threads, &next, &caller("0".to_owned())), 0);
    }
}
