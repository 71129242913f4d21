//! A command line as a run may show it: whoever sees the run sees it too.

use model_client::shown_url;

/// The arguments, with addresses without user, password and query, as errors show them.
pub(crate) fn shown(command: Vec<String>) -> Vec<String> {
    let mut is_address = false;
    let arguments = command.into_iter().map(|argument| {
        let begins_flag = argument.starts_with("--");
        let (flag, value) = match argument.split_once('=').filter(|_| begins_flag) {
            Some((flag, value)) => (format!("{flag}="), value),
            None => (String::new(), &*argument),
        };
        let shown = if is_address || is_for_address(&flag) {
            shown_url(value)
        } else {
            without_login(value)
        };
        is_address = is_for_address(&argument);
        format!("{flag}{shown}")
    });
    arguments.collect()
}

/// Whether a flag takes an address, even one whose scheme was forgotten.
fn is_for_address(flag: &str) -> bool {
    let name = flag.trim_end_matches('=');
    name.starts_with("--") && (name.ends_with("-uri") || name.ends_with("-url"))
}

/// A value with what of it is an address: from its scheme on.
fn without_login(value: &str) -> String {
    let Some(at) = value.find("://") else {
        return value.to_owned();
    };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let before = value[..at].trim_end_matches(is_scheme);
    format!("{before}{}", shown_url(&value[before.len()..]))
}
