//! Progress bars, on standard error and only if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over the bytes of a file; a spinner where the length is not known.
pub(crate) fn bytes(len: Option<u64>, doing: &'static str) -> ProgressBar {
    let (bar, template) = match len {
        Some(len) => (
            ProgressBar::new(len),
            "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
        ),
        None => (
            ProgressBar::no_length(),
            "{msg} {spinner} {bytes} {elapsed}",
        ),
    };
    styled(bar, template, doing)
}

/// A bar over the rows of a file.
pub(crate) fn rows(count: u64, doing: &'static str) -> ProgressBar {
    let template = "{msg} {wide_bar} {human_pos}/{human_len} rows {eta}";
    styled(ProgressBar::new(count), template, doing)
}

/// A spinner for work of unknown length.
pub(crate) fn spinner(doing: &'static str) -> ProgressBar {
    let bar = styled(ProgressBar::no_length(), "{msg} {spinner} {elapsed}", doing);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar over the trials of a search; its message is the best so far.
pub(crate) fn trials(count: u64) -> ProgressBar {
    let template = "Searching {wide_bar} {pos}/{len} {elapsed} {msg}";
    styled(ProgressBar::new(count), template, "")
}

fn styled(bar: ProgressBar, template: &str, doing: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(doing)
}
