//! A log with known decisions, and what the report counts of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_log::event::{LoanResult, Override, Performance};
use model_log::{Change, Digest, Kind, Options, Outcome, Reader, Record, Role, Writer};
use model_log_report::{Fared, Period, Report};
use tempfile::TempDir;

/// A log that is written, and then read.
struct Log {
    folder: TempDir,
    writer: Writer,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(folder.path(), Options::default()).unwrap();
        Self { folder, writer }
    }

    fn append(&self, record: Record) -> u64 {
        let receipts = self.writer.append(vec![record]).unwrap().wait().unwrap();
        receipts[0].index
    }

    fn decision(&self, outcome: Outcome, version: &str) -> u64 {
        let mut record = Record::new(Kind::Decision);
        record.outcome = outcome;
        record.model = Digest::from_content(version.as_bytes());
        record.answer =
            format!(r#"{{"model":{{"name":"loan","version":"{version}"}}}}"#).into_bytes();
        self.append(record)
    }

    fn word(&self, index: u64, outcome: Outcome, by: &str, reason: &str) {
        let said = Override {
            outcome,
            reason: reason.to_owned(),
            note: String::new(),
            by: by.to_owned(),
            role: "officer".to_owned(),
            seconded_by: None,
            seconded_role: String::new(),
            seconded_reason: None,
            seconded_note: String::new(),
        };
        let mut record = Record::about(Kind::Override, index, &said).unwrap();
        record.outcome = outcome;
        self.append(record);
    }

    fn fared(&self, index: u64, result: LoanResult) {
        let said = Performance {
            result,
            by: "Ann".to_owned(),
            on: String::new(),
            note: String::new(),
        };
        self.append(Record::about(Kind::Performance, index, &said).unwrap());
    }

    fn report(self) -> Report {
        self.writer.close().unwrap();
        let reader = Reader::open(self.folder.path(), None).unwrap();
        Report::read(&reader, Period::default()).unwrap()
    }
}

#[test]
fn sides_reasons_people_models_and_loans_are_counted() {
    use LoanResult::{Defaulted, Repaid};
    use Outcome::{Approve, Decline, Refer};
    let log = Log::new();
    let approved: Vec<u64> = (0..4).map(|_| log.decision(Approve, "1.0.0")).collect();
    let declined: Vec<u64> = (0..3).map(|_| log.decision(Decline, "1.0.0")).collect();
    let referred: Vec<u64> = (0..3).map(|_| log.decision(Refer, "2.0.0")).collect();
    log.word(approved[0], Decline, "Ann", "FRAUD");
    log.word(declined[0], Approve, "Ann", "INCOME");
    log.word(declined[1], Approve, "Bob", "INCOME");
    log.word(declined[2], Decline, "Bob", "INCOME");
    log.word(referred[0], Approve, "Ann", "INCOME");
    log.word(referred[1], Decline, "Ann", "COLLATERAL");
    for (index, result) in [
        (approved[0], Defaulted), // A person declined it: it is no loan.
        (approved[1], Repaid),
        (approved[2], Defaulted),
        (approved[2], Repaid), // The last word counts.
        (declined[0], Defaulted),
        (referred[0], Repaid),
    ] {
        log.fared(index, result);
    }
    // A shadow answers nobody.
    let mut shadow = Record::new(Kind::Decision);
    shadow.outcome = Approve;
    shadow.link = Some(approved[3]);
    shadow.details.role = Role::Shadow;
    log.append(shadow);

    let report = log.report();
    let all = &report.all;
    assert_eq!((all.model, all.decisions()), ([4, 3, 3], 10));
    assert_eq!((all.low_side(), all.high_side()), ((2, 3), (1, 4)));
    assert_eq!((all.referrals(), all.by_people()), ((1, 2), 6));
    let loans = |loans, repaid, defaulted| Fared {
        loans,
        repaid,
        defaulted,
    };
    assert_eq!(all.by_model, loans(3, 2, 0));
    assert_eq!(all.low_side_loans, loans(2, 0, 1));
    assert_eq!(all.referred_loans, loans(1, 1, 0));
    let models: Vec<(&str, u64)> = report
        .models
        .iter()
        .map(|(name, counts)| (name.as_str(), counts.decisions()))
        .collect();
    assert_eq!(models, [("loan 1.0.0", 7), ("loan 2.0.0", 3)]);
    let people = |name: &str| report.people[name].by_people();
    assert_eq!((people("Ann"), people("Bob")), (4, 2));
    assert_eq!(report.reasons["INCOME"].low_side().0, 2);
    assert_eq!(report.reasons["COLLATERAL"].referrals(), (0, 1));

    let html = report.html("log").unwrap();
    for text in [
        "By reason",
        "COLLATERAL",
        "Bob",
        "loan 2.0.0",
        "How the loans fared",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("<script"));
}

#[test]
fn a_period_takes_decisions_and_what_people_made_of_them_later() {
    let log = Log::new();
    let index = log.decision(Outcome::Decline, "1.0.0");
    log.word(index, Outcome::Approve, "Ann", "INCOME");
    log.writer.close().unwrap();
    let reader = Reader::open(log.folder.path(), None).unwrap();
    let minute = reader.record(index).unwrap().minute;
    let low_side = |from, to| {
        let report = Report::read(&reader, Period { from, to }).unwrap();
        report.all.low_side()
    };
    assert_eq!(low_side(Some(minute), Some(minute + 1)), (1, 1));
    assert_eq!(low_side(None, Some(minute)), (0, 0));
    assert_eq!(low_side(Some(minute + 1), None), (0, 0));
}

#[test]
fn a_refused_request_is_no_decision() {
    let log = Log::new();
    log.decision(Outcome::Approve, "1.0.0");
    let erased = log.decision(Outcome::Decline, "1.0.0");
    let refused = log.decision(Outcome::None, "2.0.0");
    let change = Change {
        indexes: vec![erased, refused],
        because: "a test".to_owned(),
        before_term: true,
    };
    log.writer.erase(&change, "test").unwrap();
    let report = log.report();
    assert_eq!((report.all.decisions(), report.erased), (2, 1));
    assert_eq!(report.models.len(), 1, "{:?}", report.models);
}

#[test]
fn an_empty_log_has_a_report() {
    let report = Log::new().report();
    assert_eq!(report.all.decisions(), 0);
    assert!(report.html("log").unwrap().contains("–"));
}
