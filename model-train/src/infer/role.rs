//! Which role a column is drafted with, by its name and its values.

use super::MAX_CATEGORIES;
use super::column::Observed;
use super::outcome::words;

/// Rows from which it says something that a value never comes again.
const ENOUGH_ROWS: u64 = 20;

/// A drafted role, with the reason.
pub(super) enum Role {
    Input,
    Ignored(String),
    Protected(String),
}

/// Words and phrases of names that say a protected characteristic.
const PROTECTED: &str = "afam, age, ages, asian, birth, birthdate, birthday, birthplace, \
    citizen, citizenship, color, colour, country of origin, creed, dateofbirth, disabilities, \
    disability, disabled, dob, ethnic, ethnicity, female, foreign, foreign worker, foreigner, \
    gender, handicap, hispanic, immigrant, latina, latino, male, marital, maritalstatus, \
    marriage, married, national origin, nationality, orientation, personal status, pregnancy, \
    pregnant, race, racial, religion, religious, sex, sexual, tribe, veteran, white";

/// Words that make an age one of something else than a person.
const THINGS: &str = "account, acct, asset, average, building, business, car, card, company, \
    credit, employment, file, firm, history, home, house, inquiry, job, line, loan, oldest, \
    newest, property, residence, revolving, trade, vehicle";

/// Words of names for what tells one row from the others.
const IDENTIFIERS: &str = "account, acct, applicant id, application id, customer id, email, \
    guid, iban, id, identifier, ids, key, member, mobile, no, nr, num, number, passport, phone, \
    phonenumber, reference, row, rownames, rownum, serial, ssn, telephone, uuid";

/// Words of names for when a row happened.
const TIMES: &str = "date, day, issue d, month, period, quarter, time, timestamp, vintage, year";

/// Words of names for whom a row is of.
const GROUPS: &str = "account, acct, applicant, borrower, client, customer, household, member";

/// Words of names for how much a row counts.
const WEIGHTS: &str = "sample weight, sampling weight, weight, weights, wgt";

/// A comment where a column may say when a row happened, of whom it is or how much it counts:
/// what the role would do. Nothing is drafted with these roles, since they change how rows are
/// split and counted.
pub(super) fn proposed(name: &str, column: &Observed) -> Option<&'static str> {
    if column.boolean || column.is_empty() {
        return None;
    }
    if column.moments || (column.integer && has(name, TIMES).is_some()) {
        return Some(
            "# role = \"time\"   # in place of another: tests on the latest rows, figures by period",
        );
    }
    let is_code = column.integer || column.is_text();
    if is_code && column.repeats && has(name, GROUPS).is_some() {
        return Some(
            "# role = \"group\"   # in place of another: keeps the rows of one in one fold",
        );
    }
    let is_weight = column.number && column.lowest > 0.0 && has(name, WEIGHTS).is_some();
    is_weight
        .then_some("# role = \"weight\"   # in place of another: rows count as much as it says")
}

/// The role of a column that is not the target.
pub(super) fn drafted(name: &str, column: &Observed) -> Role {
    if let Some(reason) = tells_nothing(column) {
        return Role::Ignored(reason.to_owned());
    }
    let texts = column.texts().len();
    let too_many = column.is_text() && texts > MAX_CATEGORIES;
    if let Some(word) = protected_word(name) {
        return match too_many {
            false => Role::Protected(format!("'{word}': audited, never used to decide")),
            true => Role::Ignored(format!(
                "'{word}' is protected; to audit it, list its more than {MAX_CATEGORIES} texts"
            )),
        };
    }
    if let Some(reason) = identifies(name, column) {
        return Role::Ignored(reason.to_owned());
    }
    match too_many {
        true if column.words_a_value() >= 3.0 => Role::Ignored("free text".to_owned()),
        true => Role::Ignored(format!("more than {MAX_CATEGORIES} different texts")),
        false => Role::Input,
    }
}

fn tells_nothing(column: &Observed) -> Option<&'static str> {
    if column.is_empty() {
        return Some("the column has no values");
    }
    let is_constant = column.texts().len() == 1 || column.lowest == column.highest;
    (is_constant && column.values > 1).then_some("it never changes")
}

/// Why the values tell rows apart and nothing more.
fn identifies(name: &str, column: &Observed) -> Option<&'static str> {
    if column.values < ENOUGH_ROWS || column.boolean {
        return None;
    }
    if column.integer && column.rises {
        return Some("it counts the rows up");
    }
    let named = has(name, IDENTIFIERS).is_some();
    if column.is_text() {
        return (!column.repeats).then_some("it never repeats: a name, an identifier or free text");
    }
    // Of so many draws from the numbers between the ends, some would be equal, nearly always.
    let rows = column.values as f64;
    let would_repeat = rows * rows / (2.0 * (column.highest - column.lowest + 1.0)) > 5.0;
    let long = column.lowest >= 1e6;
    if column.integer && !column.repeats && (named || long || would_repeat) {
        return Some("it never repeats: an identifier");
    }
    (column.integer && named && long).then_some("by its name and its length an identifier")
}

/// The protected characteristic that a name says.
pub(super) fn protected_word(name: &str) -> Option<&'static str> {
    let word = has(name, PROTECTED)?;
    let of_a_thing = matches!(word, "age" | "ages") && has(name, THINGS).is_some();
    (!of_a_thing).then_some(word)
}

/// The first of the listed words and phrases that a name has.
fn has(name: &str, list: &'static str) -> Option<&'static str> {
    let words = words(name);
    list.split(", ")
        .find(|word| words.contains(&format!(" {word} ")))
}
