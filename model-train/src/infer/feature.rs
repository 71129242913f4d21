//! The feature that is drafted from a column.

use super::column::Observed;
use super::numbers::nice_range;
use super::reasons::{self, Codes};
use super::role::{self, Role};
use super::{actions, quoted, quoted_list};

/// Appends the feature of this name.
pub(super) fn write(name: &str, column: &Observed, codes: &mut Codes, toml: &mut String) {
    let kind = column.kind();
    push(toml, &format!("\n[[feature]]\nname = {}", quoted(name)));
    push(toml, &format!("type = \"{kind}\""));
    if let Some(comment) = role::proposed(name, column) {
        push(toml, comment);
    }
    let role = role::drafted(name, column);
    match &role {
        Role::Ignored(reason) => {
            return push(toml, &format!("role = \"ignored\"   # {reason}"));
        }
        Role::Protected(reason) => push(toml, &format!("role = \"protected\"   # {reason}")),
        Role::Input => {}
    }
    if kind == "category" {
        push(
            toml,
            &format!("categories = {}", quoted_list(column.texts())),
        );
    }
    column.write_range(kind, toml);
    let is_number = kind == "integer" || kind == "number";
    if column.has_missing() {
        let policy = if is_number { "impute" } else { "most_frequent" };
        push(toml, &format!("missing = \"{policy}\""));
    }
    if matches!(role, Role::Input) {
        write_input(name, column, codes, toml);
    }
}

/// What only an input has: an example, a reason code, what an applicant may change.
fn write_input(name: &str, column: &Observed, codes: &mut Codes, toml: &mut String) {
    let kind = column.kind();
    push(toml, &format!("example = {}", column.example()));
    if let Some(reason) = reasons::drafted(name, kind != "category", codes) {
        push(toml, &reason);
    }
    let is_number = kind == "integer" || kind == "number";
    let ends = is_number.then(|| nice_range(column.lowest, column.highest));
    for proposal in actions::drafted(ends, kind == "integer") {
        push(toml, &proposal);
    }
}

fn push(toml: &mut String, line: &str) {
    toml.push_str(line);
    toml.push('\n');
}
