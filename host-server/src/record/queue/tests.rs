//! Random histories: a queue that is kept up to date says what plain searches of the log say.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;

use model_log::event::{Erasure, Hold};
use model_log::{AppendError, Change, Options, Record, Writer};

use super::*;

/// A small random generator (xorshift64*), so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % limit
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Something happens to the log: models decide, people speak, or an administrator changes it. Answers
/// which record says so of a change.
fn happen(log: &Writer, random: &mut Random) -> Option<u64> {
    let size = log.status().records;
    if random.below(5) == 0 && size > 0 {
        let change = Change {
            indexes: (0..=random.below(3)).map(|_| random.below(size)).collect(),
            because: "a test".to_owned(),
            before_term: true,
        };
        // What may not be changed is refused, and nothing happened.
        let changed = match random.below(4) {
            0 => log.hold(&change, "test"),
            1 => log.release(&change, "test"),
            _ => log.erase(&change, "test"),
        };
        return changed.ok().map(|changed| changed.index);
    }
    let mut records = Vec::new();
    for _ in 0..=random.below(2) {
        let kinds = [
            Kind::Decision,
            Kind::Decision,
            Kind::Decision,
            Kind::Override,
            Kind::Proposal,
            Kind::Proposal,
            Kind::Notice,
            Kind::Performance,
        ];
        let mut record = Record::new(random.one(&kinds));
        record.outcome = random.one(&[
            Outcome::Refer,
            Outcome::Refer,
            Outcome::Approve,
            Outcome::Decline,
            Outcome::None,
        ]);
        let is_about = record.kind != Kind::Decision || random.below(4) == 0;
        record.link = (is_about && size > 0).then(|| random.below(size));
        records.push(record);
    }
    let appended = log.append(records).unwrap().wait();
    assert!(
        matches!(appended, Ok(_) | Err(AppendError::Erased(_))),
        "{appended:?}"
    );
    None
}

/// The indexes that a change names.
fn names(reader: &Reader, change: u64) -> Vec<u64> {
    let opened = reader.record(change).unwrap();
    match opened.kind {
        Kind::Erasure => opened.event::<Erasure>().unwrap().indexes,
        _ => opened.event::<Hold>().unwrap().indexes,
    }
}

/// Everything that a search finds.
fn found(reader: &Reader, kinds: &[Kind], link: Option<u64>) -> Vec<Found> {
    let query = Query {
        kinds: kinds.to_vec(),
        link,
        ..Query::default()
    };
    reader.search(&query).unwrap()
}

/// By decision the first record of what a person decided, whether or not that was erased.
fn settled(reader: &Reader) -> BTreeMap<u64, u64> {
    let about = found(reader, &[Kind::Override], None).into_iter().rev();
    let pairs = about.filter_map(|found| Some((found.link?, found.index)));
    pairs.collect()
}

/// By decision the last proposal that was not erased.
fn proposed(reader: &Reader) -> BTreeMap<u64, u64> {
    let about = found(reader, &[Kind::Proposal], None).into_iter();
    let about = about.filter(|found| !found.erased);
    let pairs = about.filter_map(|found| Some((found.link?, found.index)));
    pairs.collect()
}

/// The decisions that were given and where they stand, from the whole index.
fn plain(reader: &Reader) -> Vec<(Found, Standing)> {
    let settled = settled(reader);
    let mut proposed = proposed(reader);
    proposed.retain(|decision, _| !settled.contains_key(decision));
    let decisions = found(reader, &[Kind::Decision], None).into_iter();
    let given = decisions.filter(Found::is_given);
    let standing = given.map(|found| {
        let [settled, proposed] = [&settled, &proposed].map(|said| said.get(&found.index).copied());
        let state = State::new(&found, settled, proposed);
        let standing = Standing {
            state,
            settled,
            proposed,
        };
        (found, standing)
    });
    standing.collect()
}

/// Of those the ones that wait.
fn waiting(plain: &[(Found, Standing)]) -> Vec<(Found, State)> {
    let waits = |state| matches!(state, State::Open | State::Proposed);
    let waiting = plain.iter().filter(|(_, standing)| waits(standing.state));
    waiting
        .map(|(found, standing)| (*found, standing.state))
        .collect()
}

fn check(queue: &mut Queue, reader: &Reader, status: &Status, random: &mut Random) {
    queue.update(reader, status).unwrap();
    let plain = plain(reader);
    let waiting = waiting(&plain);
    let count = |state| waiting.iter().filter(|(_, one)| *one == state).count();
    let counts = (count(State::Open), count(State::Proposed));
    assert_eq!(queue.waiting(), counts);
    for newest_first in [false, true] {
        let some = [None, Some(Outcome::Refer), Some(Outcome::Decline)];
        let states: [&[State]; 3] = [
            &[State::Open],
            &[State::Proposed],
            &[State::Open, State::Proposed],
        ];
        let after = random.below(status.records + 1);
        let wanted = Wanted {
            outcome: random.one(&some),
            states: random.one(&states).to_vec(),
            newest_first,
            after: random.one(&[None, Some(after)]),
            limit: random.one(&[1, 2, 50]),
        };
        check_page(queue, &wanted, &waiting);
    }
    for (decision, standing) in &plain {
        assert_eq!(queue.standing(decision), *standing, "{decision:?}");
        check_case(queue, reader, decision.index);
        check_changes(queue, reader, decision.index, random.below(2) == 0);
    }
}

fn check_page(queue: &Queue, wanted: &Wanted, waiting: &[(Found, State)]) {
    let fits = |(found, state): &&(Found, State)| {
        wanted.states.contains(state)
            && wanted.outcome.is_none_or(|one| one == found.outcome)
            && wanted.after.is_none_or(|after| match wanted.newest_first {
                true => found.index < after,
                false => found.index > after,
            })
    };
    let mut page: Vec<u64> = waiting.iter().filter(fits).map(|one| one.0.index).collect();
    if wanted.newest_first {
        page.reverse();
    }
    page.truncate(wanted.limit + 1);
    assert_eq!(queue.page(wanted), page, "{wanted:?}");
}

/// What is linked to a decision: what people said, and what shadows answered.
fn check_case(queue: &Queue, reader: &Reader, index: u64) {
    let about = found(reader, &[], Some(index));
    let (shadows, said): (Vec<Found>, Vec<Found>) = about
        .into_iter()
        .filter(|found| found.kind.is_personal())
        .partition(|found| found.kind == Kind::Decision);
    let said = said.into_iter().map(|found| Linked {
        index: found.index,
        kind: found.kind,
        is_erased: found.erased,
    });
    let linked: Vec<Linked> = queue.linked(index).collect();
    assert_eq!(linked, said.collect::<Vec<_>>());
    let among = queue.shadows(index);
    assert!(shadows.iter().all(|found| among.contains(&found.index)));
}

/// Holds, releases and erasures that name a decision: never fewer, and none besides once it was
/// said what all of them name.
fn check_changes(queue: &mut Queue, reader: &Reader, index: u64, say: bool) {
    let all = found(reader, &[Kind::Hold, Kind::Release, Kind::Erasure], None);
    let mut naming = Vec::new();
    for change in all {
        let names = names(reader, change.index);
        if names.contains(&index) {
            naming.push(change.index);
        }
        if say {
            queue.named(change.index, Named::new(&names, None));
        }
    }
    let changes = named_by(queue, index);
    match say {
        true => assert_eq!(changes, naming),
        false => assert!(naming.iter().all(|change| changes.contains(change))),
    }
}

fn named_by(queue: &Queue, index: u64) -> Vec<u64> {
    let changes = queue.changes(index).into_iter();
    changes.map(|naming| naming.change).collect()
}

#[test]
fn a_queue_that_is_kept_up_to_date_says_what_the_log_says() {
    for seed in 1..=20 {
        let folder = tempfile::tempdir().unwrap();
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        let random = &mut Random(seed << 32 | 1);
        let mut queue = Queue::default();
        for _ in 0..60 {
            // Who makes a change mostly says at once what it names.
            let change = happen(&log, random);
            if let Some(change) = change.filter(|_| random.below(4) > 0) {
                queue.named(change, Named::new(&names(&log.reader(), change), None));
            }
            if random.below(3) == 0 {
                check(&mut queue, &log.reader(), &log.status(), random);
            }
        }
        let (reader, status) = (log.reader(), log.status());
        check(&mut queue, &reader, &status, random);
        check(&mut Queue::default(), &reader, &status, random);
    }
}

#[test]
fn after_the_log_was_opened_again_it_is_read_anew() {
    let random = &mut Random(1);
    let mut queue = Queue::default();
    for restarts in 0..3 {
        // In the place of records that were cut others may stand: another log has others.
        let folder = tempfile::tempdir().unwrap();
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        for _ in 0..30 {
            happen(&log, random);
        }
        let status = Status {
            restarts,
            ..log.status()
        };
        check(&mut queue, &log.reader(), &status, random);
    }
}

/// Whoever makes a change says what it names, and nobody has to open it.
#[test]
fn what_a_change_names_may_be_said_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let decisions = vec![Record::new(Kind::Decision); 3];
    log.append(decisions).unwrap().wait().unwrap();
    let mut queue = Queue::default();
    queue.update(&log.reader(), &log.status()).unwrap();
    let change = |index: u64| Change {
        indexes: vec![index],
        because: "a test".to_owned(),
        before_term: true,
    };
    let held = log.hold(&change(1), "test").unwrap().index;
    queue.named(held, Named::new(&[1], None));
    let erased = log.erase(&change(2), "test").unwrap().index;
    queue.named(erased, Named::new(&[2], None));
    let untold = log.hold(&change(0), "test").unwrap().index;
    queue.update(&log.reader(), &log.status()).unwrap();
    assert_eq!(queue.unknown_changes(), [untold]);
    queue.named(untold, Named::new(&[0], None));
    for (index, change) in [(0, untold), (1, held), (2, erased)] {
        assert_eq!(named_by(&queue, index), [change], "{index}");
    }
    assert!(queue.unknown_changes().is_empty());
}

/// A queue once knew of an erasure whose marks it could not read, and asked for them no more.
#[test]
fn an_erasure_that_could_not_be_read_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let mut referred = Record::new(Kind::Decision);
    referred.outcome = Outcome::Refer;
    // The erasure is in the next epoch.
    let mut records = vec![Record::new(Kind::Decision); 65_536];
    records[0] = referred;
    log.append(records).unwrap().wait().unwrap();
    let mut queue = Queue::default();
    queue.update(&log.reader(), &log.status()).unwrap();
    assert_eq!(queue.waiting(), (1, 0));
    let change = Change {
        indexes: vec![0],
        because: "a test".to_owned(),
        before_term: true,
    };
    let erased = log.erase(&change, "test").unwrap().index;
    queue.named(erased, Named::new(&[0], None));
    let index = folder.path().join("index/00000000");
    let good = std::fs::read(&index).unwrap();
    let mut bad = good.clone();
    bad[..48].fill(0xff);
    std::fs::write(&index, bad).unwrap();
    assert!(queue.update(&log.reader(), &log.status()).is_err());
    std::fs::write(&index, good).unwrap();
    queue.update(&log.reader(), &log.status()).unwrap();
    assert_eq!(queue.waiting(), (0, 0));
    assert!(queue.unknown_changes().is_empty());
}

#[test]
fn indexes_are_kept_as_runs() {
    for (indexes, runs) in [
        (vec![], vec![]),
        (vec![7, 5], vec![5..6, 7..8]),
        (vec![3, 1, 2, 9, 2, 8], vec![1..4, 8..10]),
    ] {
        let found = Runs::new(&indexes);
        assert_eq!(found.0, runs);
        for index in 0..12 {
            assert_eq!(found.has(index), indexes.contains(&index), "{index}");
        }
    }
}
