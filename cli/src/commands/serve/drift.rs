//! The settings of drift monitoring.

use std::io::Write;

use anyhow::{Result, ensure};
use host_server::DriftOptions;
use model_drift::live::{Length, MAX_PANES, Window};

use super::args::Args;
use super::keys::key;
use super::window_length::WindowLength;
use crate::settings::Settings;
use crate::terminal;

const WINDOW: WindowLength = WindowLength(Length::Seconds(86_400));
const PANES: usize = 24;

/// Reads the settings; `None` with `--no-drift`.
pub(super) fn read(args: &Args, from: &mut Settings) -> Result<Option<DriftOptions>> {
    let off = from.switch(key("no-drift"), args.no_drift)?;
    let WindowLength(whole) = from.or(key("drift-window"), args.drift_window, WINDOW)?;
    let panes = from.or(key("drift-panes"), args.drift_panes, PANES)?;
    let state = args
        .drift_state
        .as_ref()
        .map(|path| path.display().to_string());
    let state = from.optional(key("drift-state"), state)?;
    ensure!(
        (1..=MAX_PANES).contains(&panes),
        "drift-panes is {panes}, expected 1 to {MAX_PANES}"
    );
    let window = match whole {
        Length::Rows(rows) => window_of_rows(rows, panes)?,
        Length::Seconds(seconds) => Window {
            length: Length::Seconds(seconds.div_ceil(panes as u64)),
            panes,
        },
    };
    let state = state.map(Into::into);
    Ok((!off).then_some(DriftOptions { window, state }))
}

/// A window of so many requests, in as many of the panes as have their fewest requests.
fn window_of_rows(rows: u64, panes: usize) -> Result<Window> {
    const LEAST: u64 = DriftOptions::LEAST_REQUESTS;
    ensure!(
        rows >= LEAST,
        "drift-window is {rows}, expected at least {LEAST} requests: they are shown {LEAST} at a time, so that nothing tells of a single applicant"
    );
    let most = usize::try_from(rows / LEAST).unwrap_or(MAX_PANES);
    // The default is for windows that are long enough.
    if panes > most && panes != PANES {
        writeln!(
            terminal::stderr(),
            "warning: drift-panes is {panes}, but a pane has at least {LEAST} requests: the window of {rows} has {most}"
        )?;
    }
    let panes = panes.min(most);
    Ok(Window {
        length: Length::Rows(rows.div_ceil(panes as u64)),
        panes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_the_requests_that_were_asked_for() {
        for (rows, panes, expected) in [
            (10_000, 24, (417, 24)),
            (2_400, 24, (100, 24)),
            (1_000, 24, (100, 10)),
            (199, 64, (199, 1)),
            (100, 24, (100, 1)),
            (100, 1, (100, 1)),
        ] {
            let window = window_of_rows(rows, panes).unwrap();
            let (pane, panes) = expected;
            let length = Length::Rows(pane);
            assert_eq!(window, Window { length, panes }, "{rows}");
        }
        let error = window_of_rows(99, 1).unwrap_err().to_string();
        assert!(error.contains("expected at least 100 requests"), "{error}");
    }
}
