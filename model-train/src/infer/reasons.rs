//! Drafted reason codes: what an applicant is told about the usual facts of a credit
//! application. They are a start: a lender has to say what is true of its own data.

use super::outcome::words;

/// What is said about a column that a name tells.
struct Entry {
    /// Words and phrases of names, of which one is enough.
    names: &'static str,
    code: &'static str,
    text: &'static str,
    /// Below those that the application is compared with, and above them.
    low: Option<&'static str>,
    high: Option<&'static str>,
    missing: Option<&'static str>,
    inquiries: bool,
}

const fn entry(names: &'static str, code: &'static str, text: &'static str) -> Entry {
    Entry {
        names,
        code,
        text,
        low: None,
        high: None,
        missing: None,
        inquiries: false,
    }
}

/// The more special first: a debt-to-income ratio is no income.
const CATALOGUE: [Entry; 20] = [
    Entry {
        high: Some("Debts are high in relation to income"),
        ..entry(
            "dti, debt to income, debt ratio, debt income",
            "C01",
            "Debts in relation to income",
        )
    },
    Entry {
        high: Some("The credit requested is high in relation to income"),
        ..entry(
            "percent income, loan to income, payment to income, installment rate",
            "C02",
            "Credit requested in relation to income",
        )
    },
    Entry {
        high: Some("There were many recent credit inquiries"),
        inquiries: true,
        ..entry(
            "inquiry, inquiries, inq, enquiries",
            "C03",
            "Number of recent credit inquiries",
        )
    },
    Entry {
        high: Some("The record shows a bankruptcy, judgment or foreclosure"),
        ..entry(
            "bankruptcy, bankruptcies, foreclosure, judgment, judgments, public record, pub rec",
            "C04",
            "Bankruptcy, judgment or foreclosure on record",
        )
    },
    Entry {
        high: Some("Past or present obligations were not paid as agreed"),
        ..entry(
            "delinq, delinquency, delinquencies, delinquent, late, arrears, past due, default, \
             defaults, chargeoff, charge off, collections",
            "C05",
            "Payment record on past or present obligations",
        )
    },
    Entry {
        low: Some("Credit score is low"),
        missing: Some("No credit score was available"),
        ..entry(
            "credit score, fico, score, bureau score",
            "C06",
            "Credit score",
        )
    },
    Entry {
        low: Some("Length of credit history is short"),
        ..entry(
            "credit history, cred hist, credit hist, history length, earliest credit, oldest account",
            "C07",
            "Length of credit history",
        )
    },
    Entry {
        high: Some("Use of the available revolving credit is high"),
        ..entry(
            "utilization, utilisation, revol util, revolving",
            "C08",
            "Use of the available revolving credit",
        )
    },
    Entry {
        low: Some("Few credit accounts are open"),
        high: Some("Many credit accounts are open"),
        ..entry(
            "open accounts, open acc, accounts, total acc, trades, existing credits",
            "C09",
            "Number of credit accounts",
        )
    },
    Entry {
        low: Some("Income is low for the credit requested"),
        missing: Some("Income was not stated"),
        ..entry("income, salary, wage, wages, earnings", "C10", "Income")
    },
    Entry {
        high: Some("The credit requested is high"),
        ..entry(
            "loan amount, loan amnt, credit amount, amount requested, funded amount",
            "C11",
            "Amount of the credit requested",
        )
    },
    Entry {
        low: Some("Length of employment is short"),
        missing: Some("Employment was not stated"),
        ..entry(
            "employment, employed, emp exp, emp length, work experience",
            "C12",
            "Length of employment",
        )
    },
    Entry {
        low: Some("Time at the present address is short"),
        ..entry(
            "residence since, years at address, time at address, present residence",
            "C13",
            "Time at the present address",
        )
    },
    entry(
        "home ownership, housing, residence, home",
        "C14",
        "Housing status",
    ),
    entry("purpose, intent", "C15", "Purpose of the credit"),
    Entry {
        high: Some("The interest rate of the credit is high"),
        ..entry(
            "int rate, interest rate, apr",
            "C16",
            "Interest rate of the credit",
        )
    },
    Entry {
        high: Some("The term of the credit is long"),
        ..entry("term, duration, tenor", "C17", "Term of the credit")
    },
    Entry {
        low: Some("The value of the collateral is low"),
        ..entry(
            "collateral, property value, ltv, loan to value, property",
            "C18",
            "Value or kind of the collateral",
        )
    },
    Entry {
        low: Some("Savings and balances are low"),
        ..entry(
            "savings, balance, checking, bonds, assets, deposits",
            "C19",
            "Savings and account balances",
        )
    },
    entry(
        "guarantor, guarantors, co applicant, debtors",
        "C20",
        "Guarantors or co-applicants",
    ),
];

/// The codes that were drafted, with those of columns that share an entry of the catalogue.
#[derive(Default)]
pub(super) struct Codes(Vec<&'static str>);

/// The key `reason` of a column whose name is a usual one. Texts about low and high values, and
/// about lengths, are for values that have an order. A further column of the same kind gets a
/// code of its own and says which column it is, so that no answer says one thing twice.
pub(super) fn drafted(name: &str, has_order: bool, codes: &mut Codes) -> Option<String> {
    let words = words(name);
    let is_named = |names: &str| {
        let mut names = names.split(',').map(str::trim);
        names.any(|name| words.contains(&format!(" {name} ")))
    };
    let entry = CATALOGUE.iter().find(|entry| is_named(entry.names))?;
    if entry.text.starts_with("Length") && !has_order {
        return None;
    }
    let earlier = codes.0.iter().filter(|code| **code == entry.code).count();
    codes.0.push(entry.code);
    let (code, text) = match earlier {
        0 => (entry.code.to_owned(), entry.text.to_owned()),
        _ => (
            format!("{}-{}", entry.code, earlier + 1),
            format!("{}: {}", entry.text, words.trim()),
        ),
    };
    let mut line = format!("reason = {{ code = \"{code}\", text = \"{text}\"");
    let cases = [
        ("low", entry.low.filter(|_| has_order && earlier == 0)),
        ("high", entry.high.filter(|_| has_order && earlier == 0)),
        ("missing", entry.missing.filter(|_| earlier == 0)),
    ];
    for (case, text) in cases {
        if let Some(text) = text {
            line += &format!(", {case} = \"{text}\"");
        }
    }
    if entry.inquiries {
        line += ", inquiries = true";
    }
    Some(line + " }")
}
