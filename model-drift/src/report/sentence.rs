//! What a report says in sentences.

use model_report::number::{percent, short};

use super::{CHANGED, ColumnReport, Counts, Preset, Report, STABLE};
use crate::methods::Method;
use crate::sketch::{Kind, Role};
use crate::verdict::{LEAST_EFFECT, LEVEL};

/// What happened to a column.
pub(super) fn of_column(column: &ColumnReport) -> String {
    if let Some(text) = not_compared(column) {
        return text;
    }
    let moved = column.effect_size.map(percent).unwrap_or_default();
    let text = match (column.drift, column.of_missing) {
        (true, true) => format!(
            "The share of missing or unusable values changed from {} to {}.",
            percent(unusable(&column.reference)),
            percent(unusable(&column.current))
        ),
        (true, false) => match column.kind {
            Kind::Number if !moved.is_empty() => {
                format!("{} {moved} of the distribution shifted.", shift(column))
            }
            Kind::Number => shift(column),
            Kind::Category => categories(column, &moved),
        },
        (false, _) => quiet(column, &moved),
    };
    text.trim().to_owned()
}

fn not_compared(column: &ColumnReport) -> Option<String> {
    if column.lost {
        return Some("The current batch does not have this column.".to_owned());
    }
    let text = match (column.reference.valid, column.current.valid) {
        (0, 0) => "Neither batch has a value: the column cannot be compared.".to_owned(),
        (0, _) => "The reference has no value: the column cannot be compared.".to_owned(),
        (_, 0) if column.current.invalid > 0 => format!(
            "The type changed: none of the {} values of the current batch is a {}.",
            column.current.invalid,
            column.kind.word()
        ),
        (_, 0) if column.current.infinite > 0 && column.current.missing == 0 => {
            "Every value is infinite in the current batch.".to_owned()
        }
        (_, 0) if column.current.infinite > 0 => {
            "Every value is missing or infinite in the current batch.".to_owned()
        }
        (_, 0) => "Every value is missing in the current batch.".to_owned(),
        _ if column.became_numbers => {
            "The type changed: texts in the reference, numbers in the current batch.".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

fn shift(column: &ColumnReport) -> String {
    let ([Some(before), Some(after)], Some(deviation)) = (column.medians, column.deviation) else {
        return String::new();
    };
    let means = match column.means {
        [Some(a), Some(b)] if deviation > 0.0 => (b - a) / deviation,
        _ => 0.0,
    };
    if before == after {
        return format!(
            "The median is still {}, but the spread changed.",
            short(before)
        );
    }
    let direction = if after > before { "rose" } else { "fell" };
    let by = if means.is_finite() && means.abs() >= 0.005 {
        let by = match means.abs() < 1e6 {
            true => format!("{means:+.2}"),
            false => format!("{means:+.1e}"),
        };
        format!(", the mean shifted by {by} standard deviations")
    } else {
        String::new()
    };
    if short(before) == short(after) {
        // Too near each other for four digits: the distance says what they hide.
        return format!(
            "The median {direction} by {} to {}{by}.",
            short((after - before).abs()),
            short(after)
        );
    }
    format!(
        "The median {direction} from {} to {}{by}.",
        short(before),
        short(after)
    )
}

fn categories(column: &ColumnReport, moved: &str) -> String {
    let elsewhere = match moved {
        "" => String::new(),
        _ => format!(" {moved} of the distribution shifted to other categories."),
    };
    if let Some(crate::bins::Distribution::Categories {
        labels,
        reference,
        current,
    }) = &column.distribution
    {
        let change = |i: &usize| (current[*i] - reference[*i]).abs();
        let most = (0..labels.len()).max_by(|a, b| change(a).total_cmp(&change(b)));
        if let Some(i) = most {
            return format!(
                "'{}' changed from {} to {}.{elsewhere}",
                labels[i],
                percent(reference[i]),
                percent(current[i])
            );
        }
    }
    elsewhere
}

fn quiet(column: &ColumnReport, moved: &str) -> String {
    let constant = matches!(column.medians, [Some(a), Some(b)] if a == b)
        && column.deviation == Some(0.0)
        && column.effect_size == Some(0.0);
    if constant {
        return "Both batches have the same single value.".to_owned();
    }
    match (column.effect_threshold, column.p_value) {
        (Some(least), Some(_)) if column.score < column.threshold => format!(
            "Statistically significant but small: {moved} of the distribution shifted, below the threshold of {}.",
            percent(least)
        ),
        (Some(least), Some(_)) => match column.least_visible {
            Some(visible) if visible > 2.0 * least => format!(
                "With so few rows, a difference of up to {} would go unnoticed.",
                percent(visible)
            ),
            _ => "The difference is not statistically significant.".to_owned(),
        },
        _ if column.score_is_p_value => "The p-value is above the threshold.".to_owned(),
        _ => "The distance is below the threshold.".to_owned(),
    }
}

fn unusable(counts: &Counts) -> f64 {
    (counts.rows - counts.valid) as f64 / counts.rows.max(1) as f64
}

pub(super) fn of_report(report: &Report) -> String {
    let all = report.columns.len();
    let drifted = report.drifted();
    let names: Vec<&str> = report
        .columns
        .iter()
        .take(drifted)
        .map(|c| &*c.name)
        .collect();
    let mut text = match drifted {
        0 => none_drifted(report),
        1 => format!("1 of {all} columns has drifted: {}.", names[0]),
        _ if drifted <= 5 => format!(
            "{drifted} of {all} columns have drifted: {}.",
            names.join(", ")
        ),
        _ => format!(
            "{drifted} of {all} columns have drifted, most of all {}.",
            names[..5].join(", ")
        ),
    };
    if report.preset == Preset::Evidently {
        text.push_str(if report.dataset_drift {
            " That is half of them or more: the batch has drifted."
        } else {
            " That is less than half of them: by this preset the batch has not drifted."
        });
    }
    if let Some(classifier) = report
        .classifier
        .as_ref()
        .filter(|c| c.drift && drifted == 0)
    {
        text.push_str(&format!(
            " However, the domain classifier, which sees all columns together, can tell the batches apart (AUC {:.3}).",
            classifier.auc
        ));
    }
    for column in report.columns.iter().filter(|column| column.drift) {
        match column.role {
            Role::Target => text.push_str(" The target is one of them."),
            Role::Prediction => text.push_str(" The model's score is one of them."),
            Role::Reason => text.push_str(" The first reason of declines is one of them."),
            _ => {}
        }
    }
    text
}

/// No column has drifted; some of them may not be comparable.
fn none_drifted(report: &Report) -> String {
    let all = report.columns.len();
    let skipped = report
        .columns
        .iter()
        .filter(|column| column.is_inconclusive());
    let skipped: Vec<&str> = skipped.map(|column| &*column.name).collect();
    match skipped.len() {
        0 => format!("None of the {all} columns has drifted."),
        of if of == all => "Inconclusive: no column has values in both batches.".to_owned(),
        of => format!(
            "None of the {} columns that could be compared has drifted. Not compared, because a batch has no values: {}.",
            all - of,
            skipped.join(", ")
        ),
    }
}

pub(super) fn quality(report: &Report) -> Vec<String> {
    let mut list = Vec::new();
    if !report.new_columns.is_empty() {
        list.push(format!(
            "New columns, not compared: {}.",
            report.new_columns.join(", ")
        ));
    }
    for column in &report.columns {
        let name = &column.name;
        if column.lost || column.is_emptied() || column.became_numbers {
            list.push(format!("{name}: {}", column.sentence));
            continue;
        }
        let mut sort = |before: u64, after: u64, words: &str| {
            if after > 0 {
                let shares =
                    |count: u64, of: &Counts| percent(count as f64 / of.rows.max(1) as f64);
                list.push(format!(
                    "{name}: {after} values {words} ({}; {} in the reference).",
                    shares(after, &column.current),
                    shares(before, &column.reference)
                ));
            }
        };
        let (r, c) = (&column.reference, &column.current);
        sort(r.missing, c.missing, "are missing");
        sort(r.invalid, c.invalid, "are not of the column's type");
        sort(r.infinite, c.infinite, "are infinite");
        sort(
            r.out_of_range,
            c.out_of_range,
            "are outside the schema's range",
        );
        sort(
            r.unknown,
            c.unknown,
            "are not among the schema's categories",
        );
        if !column.new_categories.is_empty() {
            let shown: Vec<&str> = column.new_categories.iter().take(5).map(|s| &**s).collect();
            let more = column.new_categories.len() - shown.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            list.push(format!(
                "{name}: new categories, not in the reference: {}{more}.",
                shown.join(", ")
            ));
        }
    }
    list
}

/// How the verdicts came about, a paragraph each: of the method that was used, not of another.
pub(super) fn method(report: &Report) -> Vec<String> {
    let asked = report.method.and_then(|name| Method::from_name(name).ok());
    let mut paragraphs = Vec::new();
    match report.preset {
        Preset::Evidently => {
            let methods = match asked {
                Some(method) => format!(
                    "Columns that the {} can compare were judged by it, the others by the tests of \
                     Evidently 0.4.33's DataDriftPreset.",
                    title(method)
                ),
                None => "Tests, thresholds and bins are those of Evidently 0.4.33's \
                         DataDriftPreset."
                    .to_owned(),
            };
            paragraphs.push(format!(
                "{methods} A p-value below its threshold is drift, and so is a distance above its \
                 threshold. The batch has drifted when at least half of its columns have."
            ));
        }
        Preset::Default => {
            let mut columns = report.columns.iter();
            let tested = columns.any(|column| column.score_is_p_value);
            paragraphs.extend(by_default(asked, tested));
        }
    }
    paragraphs.push(format!(
        "PSI (of the score) and CSI (of the other columns) are population stability indices over \
         tenths of the reference, with half a row added to each tenth. By custom, below {STABLE:.2} \
         is stable, up to {CHANGED:.2} a moderate shift, above it a large one. The custom takes no \
         account of the number of rows: in a small batch, chance alone exceeds it.{}",
        match asked {
            Some(Method::Psi) => "",
            _ => " No verdict depends on it.",
        }
    ));
    paragraphs
}

/// `tested` says whether there is a column with a p-value.
fn by_default(asked: Option<Method>, tested: bool) -> Vec<String> {
    let least = percent(LEAST_EFFECT);
    let corrected = "corrected for multiple comparisons by Benjamini and Hochberg";
    let by_test = format!(
        "drift is a difference that is both statistically significant (the p-value, {corrected}, \
         is below {LEVEL}) and large enough to matter (an effect of at least {least})"
    );
    let effect = "The effect is the largest gap between the two cumulative distributions (numbers: \
                  the Kolmogorov-Smirnov distance) or the total variation distance (categories): \
                  the share of rows that moved. Bins come from the reference alone; the outermost \
                  bars include everything beyond them.";
    let judged = match asked {
        None => format!(
            "In this report, {by_test}. So negligible differences in large files raise no alarm, \
             and in small files only large differences count."
        ),
        Some(method) if method.is_test() => format!(
            "Columns that the {} can compare were judged by it, the others by the default test of \
             their type. For all, {by_test}.",
            title(method)
        ),
        Some(method) => {
            let others = if tested {
                format!(" For the other columns, {by_test}.")
            } else {
                String::new()
            };
            format!(
                "Columns that the {} can compare were judged by it: drift is a distance of at \
                 least its threshold, which is 0.1 or, where there are few rows or many columns, \
                 what chance alone exceeds in {} of all reports. A distance is no p-value.{others}",
                title(method),
                percent(LEVEL)
            )
        }
    };
    vec![judged, effect.to_owned()]
}

/// A method's title within a sentence: its first letter is small unless it is a name's.
fn title(method: Method) -> String {
    match method.title() {
        title if title.starts_with("Population") || title.starts_with("Total") => {
            let mut text = title.to_owned();
            text[..1].make_ascii_lowercase();
            text
        }
        title => title.to_owned(),
    }
}
