//! The threads that serve connections: one per processor, each with connections of its own.
//! Between a request's head and its answer, nothing moves to another processor.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as blocking;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::connection::{Connection, Service, ThreadTurns};
use crate::host::processors;
use crate::priority::{LONG_WORK, lower_priority};
use crate::threads;

/// Threads that wait for the disk beside each thread with connections, at most.
const BLOCKING: usize = 4;

/// Hands connections to the threads. When the last copy is dropped, the threads finish what
/// they have and end.
pub(crate) struct Workers<S>(Arc<[Worker<S>]>);

struct Worker<S> {
    queue: mpsc::UnboundedSender<Taken<S>>,
    /// How many connections it has.
    open: Arc<AtomicUsize>,
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
        Ok((Self(workers.into()), Ended(ended)))
    }

    /// Gives a connection to the thread with the fewest.
    pub(crate) fn give(&self, stream: TcpStream, connection: Connection<S>) {
        let fewest = self
            .0
            .iter()
            .min_by_key(|worker| worker.open.load(Ordering::Relaxed));
        // On failure the connection is dropped: the client sees it close.
        if let (Some(worker), Ok(stream)) = (fewest, stream.into_std()) {
            worker.open.fetch_add(1, Ordering::Relaxed);
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
        // What waits for the disk there is little: administrators' changes, and large buffers that
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
    open: Arc<AtomicUsize>,
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
        let turns = ThreadTurns::start();
        let mut more = true;
        while more || !connections.is_empty() {
            tokio::select! {
                taken = self.taken.recv(), if more => match taken {
                    Some((stream, connection)) => {
                        let (stop, stopped) = oneshot::channel();
                        let id = connections.spawn(connection.serve(stream, turns.clone(), stopped)).id();
                        stops.insert(id, stop);
                    }
                    None => more = false,
                },
                Some(done) = connections.join_next_with_id() => {
                    self.open.fetch_sub(1, Ordering::Relaxed);
                    let id = done.map_or_else(|error| error.id(), |(id, ())| id);
                    stops.remove(&id);
                }
                _ = self.stop.wait_for(|stop| *stop), if !stops.is_empty() => stops.clear(),
                () = self.end.closed() => return,
            }
        }
    }
}
