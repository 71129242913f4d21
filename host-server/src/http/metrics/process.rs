//! Metrics of the process, under the names that Prometheus's own clients use. They are read
//! from `/proc/self`, so only on Linux; what cannot be read is left out.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks a second in `/proc/self/stat`: Linux gives programs 100 on every architecture.
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(crate) struct ProcessMetrics;

/// What was read.
#[derive(Debug, Default, PartialEq)]
struct Process {
    cpu_seconds: Option<f64>,
    start_time_seconds: Option<f64>,
    threads: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let process = Process::read();
        if let Some(seconds) = process.cpu_seconds {
            let counter = ConstCounter::new(seconds);
            let metric = encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system CPU time",
                None,
                counter.metric_type(),
            )?;
            counter.encode(metric)?;
        }
        let gauges = [
            (
                "process_start_time_seconds",
                "Start, in seconds since 1970",
                process.start_time_seconds,
            ),
            ("process_threads", "Threads", process.threads),
            (
                "process_resident_memory_bytes",
                "Resident memory",
                process.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Reserved addresses; instances of a module reserve far more than they use",
                process.virtual_bytes,
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                process.open_fds,
            ),
            (
                "process_max_fds",
                "File descriptors that may be open",
                process.max_fds,
            ),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

impl Process {
    fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the program's name in brackets and may hold anything, even
        // brackets and spaces: cut at the last bracket.
        let fields: Vec<f64> = stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| {
            let words = rest.split_whitespace().skip(1);
            words.map(|word| word.parse().unwrap_or(0.0)).collect()
        });
        // Counted from the field after the state: proc(5) numbers that one 4.
        let field = |number: usize| fields.get(number - 4).copied();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let booted = fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| line(&text, "btime "));
        Self {
            cpu_seconds: field(14)
                .zip(field(15))
                .map(|(user, system)| (user + system) / TICKS),
            threads: field(20),
            start_time_seconds: field(22)
                .zip(booted)
                .map(|(ticks, boot)| boot + ticks / TICKS),
            virtual_bytes: field(23),
            resident_bytes: line(&status, "VmRSS:").map(|kib| kib * 1024.0),
            open_fds: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|entries| entries.count() as f64),
            max_fds: fs::read_to_string("/proc/self/limits")
                .ok()
                .and_then(|text| line(&text, "Max open files")),
        }
    }
}

/// The first number after a line's beginning.
fn line(text: &str, beginning: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(beginning))?;
    rest.split_whitespace().next()?.parse().ok()
}
