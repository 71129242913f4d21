//! The settings of drift monitoring.

use anyhow::{Result, ensure};
use host_server::DriftOptions;
use model_drift::live::{Length, MAX_PANES, Window};

use super::args::Args;
use super::keys::key;
use super::window_length::WindowLength;
use crate::settings::Settings;

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
    let part = |whole: u64| whole.div_ceil(panes as u64);
    let length = match whole {
        Length::Rows(rows) => Length::Rows(part(rows)),
        Length::Seconds(seconds) => Length::Seconds(part(seconds)),
    };
    let window = Window { length, panes };
    let state = state.map(Into::into);
    Ok((!off).then_some(DriftOptions { window, state }))
}
