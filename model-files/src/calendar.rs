//! Days as dates.

/// Year, month (1 to 12) and day (1 to 31) of a number of days since 1970-01-01 in the Gregorian
/// calendar (Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
///
/// ```
/// use model_files::calendar::date_of;
///
/// assert_eq!(date_of(0), (1970, 1, 1));
/// assert_eq!(date_of(19_782), (2024, 2, 29));
/// ```
#[must_use]
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + i64::from(month <= 2), month, day)
}
