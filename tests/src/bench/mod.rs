//! What the benchmark is made of. It prints ratios that were measured in one run: what is
//! compared is timed in turn, again and again, and the median is what counts.

mod clock;
mod module;
mod process;
mod subject;

pub use clock::{Stopwatch, interleaved, lowest};
pub use module::Module;
pub use process::{Finished, gzipped, peak_bytes, run_to_end};
pub use subject::{Applications, Subject};
