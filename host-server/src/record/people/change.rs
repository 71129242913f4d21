//! Which records holds, releases and erasures name: only their own contents say.

use model_log::{Kind, LogError, Opened, event};

use super::event::history;
use super::refuse;
use crate::http::error::ApiError;
use crate::record::log::DecisionLog;
use crate::record::queue::Named;

/// The text of a change that names more records than this is kept: to open it again at each look at
/// one of them would take a millisecond for every few thousand.
const MANY: usize = 256;

/// Opens every change of which it is not known what it names, so that no look at a decision has to.
/// Those that cannot be read are logged.
///
/// # Errors
/// When the log's index cannot be read.
pub(crate) fn open_changes(log: &DecisionLog) -> Result<(), ApiError> {
    let unknown = log.queue().map_err(refuse)?.unknown_changes();
    let reader = log.reader();
    let mut opener = reader.opener();
    let (mut unread, mut last) = (0_u64, None);
    for change in unknown {
        let learned = opener.record(change).and_then(|opened| learn(log, &opened));
        if let Err(error) = learned {
            unread += 1;
            last = Some((change, error));
        }
    }
    // Decisions do not wait for it, and whoever looks at a decision tries again.
    if let Some((change, error)) = last {
        tracing::error!(
            records = unread,
            last = change,
            %error,
            "holds, releases or erasures not readable: run `underwrite log verify`"
        );
    }
    Ok(())
}

/// Opens one that has just been written, for the same reason.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn open_change(log: &DecisionLog, change: u64) -> Result<(), ApiError> {
    let opened = log.reader().record(change);
    let learned = opened.and_then(|opened| learn(log, &opened));
    learned.map_err(refuse)?;
    Ok(())
}

/// Remembers what a hold, a release or an erasure names, and returns it.
///
/// # Errors
/// When it does not say so.
pub(super) fn learn(log: &DecisionLog, opened: &Opened) -> Result<Vec<u64>, LogError> {
    let names = names(opened)?;
    let told = (names.len() > MANY).then(|| history(opened));
    let named = Named::new(&names, told);
    log.queue_without_update().named(opened.index, named);
    Ok(names)
}

fn names(opened: &Opened) -> Result<Vec<u64>, LogError> {
    match opened.kind {
        Kind::Erasure => opened.event().map(|event: event::Erasure| event.indexes),
        _ => opened.event().map(|event: event::Hold| event.indexes),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use std::sync::Arc;
    use std::time::Duration;

    use model_log::{Change, Options, Outcome, Record, Writer};
    use prometheus_client::registry::Registry;

    use super::super::show::show;
    use super::*;
    use crate::record::{DecisionLogOptions, LogMetrics};

    /// A look at a decision once waited for itself where it came between a hold and the moment at
    /// which the server knows what it names, or where that could not be read at the start.
    #[test]
    fn a_look_opens_a_change_that_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = LogMetrics::register(&mut Registry::default());
        let options = DecisionLogOptions::new(folder.path());
        let log = Arc::new(DecisionLog::open(options, Arc::new(metrics)).unwrap());
        let mut decision = Record::new(Kind::Decision);
        decision.outcome = Outcome::Decline;
        log.writer().append(vec![decision]).unwrap().wait().unwrap();
        let hold = Change {
            indexes: vec![0],
            because: "a test".to_owned(),
            before_term: false,
        };
        log.writer().hold(&hold, "test").unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let looking = Arc::clone(&log);
        std::thread::spawn(move || done.send(show(&looking, 0, None).is_ok()));
        assert_eq!(is_done.recv_timeout(Duration::from_secs(60)), Ok(true));
        assert!(log.queue().unwrap().unknown_changes().is_empty());
    }

    /// The first look at a decision after a start once opened every change that the log has.
    #[test]
    fn no_look_has_to_open_what_a_log_had_at_the_start_or_a_route_has_written() {
        let folder = tempfile::tempdir().unwrap();
        let change = |index: u64| Change {
            indexes: vec![index],
            because: "a test".to_owned(),
            before_term: true,
        };
        let writer = Writer::open(folder.path(), Options::default()).unwrap();
        let decisions = vec![Record::new(Kind::Decision); 4];
        writer.append(decisions).unwrap().wait().unwrap();
        for index in 0..3 {
            writer.erase(&change(index), "test").unwrap();
        }
        writer.close().unwrap();
        let metrics = LogMetrics::register(&mut Registry::default());
        let options = DecisionLogOptions::new(folder.path());
        let log = DecisionLog::open(options, Arc::new(metrics)).unwrap();
        assert_eq!(log.queue().unwrap().unknown_changes().len(), 3);
        open_changes(&log).unwrap();
        assert!(log.queue().unwrap().unknown_changes().is_empty());
        let held = log.writer().hold(&change(3), "test").unwrap();
        open_change(&log, held.index).unwrap();
        let queue = log.queue().unwrap();
        assert!(queue.unknown_changes().is_empty());
        let changes = queue.changes(3);
        let changes: Vec<u64> = changes.iter().map(|naming| naming.change).collect();
        assert_eq!(changes, [held.index]);
    }
}
