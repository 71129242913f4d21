//! What suggests that a column was recorded after the decision.

/// Above this information value a characteristic is suspicious, by custom (Siddiqi, "Credit Risk
/// Scorecards", Wiley 2006).
pub const SUSPICIOUS: f64 = 0.5;

/// Words of names that belong to what happens after a loan was granted.
const AFTERWARDS: &str = "arrears, chargeoff, collection, collections, collected, delinquent_after, \
    disbursed, dpd, hardship, installments_paid, last_payment, late_fee, late_fees, next_payment, \
    outstanding, outstanding_balance, paid, payoff, recovered, recoveries, recovery, \
    remaining_balance, repaid, repossessed, settled, settlement, total_payment, writeoff, written_off";

/// The word of a column's name that suggests so, such as `paid` in `paid_total`.
pub(super) fn recorded_afterwards(name: &str) -> Option<&'static str> {
    let mut text = String::from("_");
    for letter in name.chars() {
        if letter.is_alphanumeric() {
            text.extend(letter.to_lowercase());
        } else if !text.ends_with('_') {
            text.push('_');
        }
    }
    if !text.ends_with('_') {
        text.push('_');
    }
    AFTERWARDS
        .split(", ")
        .find(|word| text.contains(&format!("_{word}_")))
}

#[cfg(test)]
mod tests {
    use super::recorded_afterwards;

    #[test]
    fn names_of_what_comes_afterwards() {
        for (name, word) in [
            ("paid_total", "paid"),
            ("Total-Payment", "total_payment"),
            ("days late fees", "late_fees"),
            ("recoveries", "recoveries"),
        ] {
            let found = recorded_afterwards(name);
            assert!(found.is_some(), "{name}: expected {word}");
        }
        for name in [
            "income",
            "prepaid_card",
            "delinq_2y",
            "late",
            "payments_to_income",
        ] {
            assert_eq!(recorded_afterwards(name), None, "{name}");
        }
    }
}
