//! A histogram that nobody waits for.

use std::fmt;
use std::iter::once;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Counts values by bucket. The library's own histogram has a lock, which a thread of a low
/// priority (one that answers a batch, or `/metrics`) may hold while it is made to wait, and with
/// it each thread that answers a request.
#[derive(Debug, Clone)]
pub(crate) struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    /// The upper bound of each bucket, and how many values are in it.
    counts: Box<[(f64, AtomicU64)]>,
    /// The bits of the sum of all values.
    sum: AtomicU64,
}

impl Histogram {
    /// No values yet. The bounds grow; what is above the last one is in one more bucket.
    pub(crate) fn new(bounds: impl IntoIterator<Item = f64>) -> Self {
        // The library writes the largest number as +Inf.
        let bounds = bounds.into_iter().chain(once(f64::MAX));
        Self(Arc::new(Buckets {
            counts: bounds.map(|bound| (bound, AtomicU64::new(0))).collect(),
            sum: AtomicU64::new(0.0_f64.to_bits()),
        }))
    }

    /// Counts a value.
    pub(crate) fn observe(&self, value: f64) {
        let Buckets { counts, sum } = &*self.0;
        let bucket = counts.iter().find(|(bound, _)| value <= *bound);
        if let Some((_, count)) = bucket.or(counts.last()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        let _ = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    /// The sum may lack a value that has been counted, or have one that has not: that is right at
    /// the next look.
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Buckets { counts, sum } = &*self.0;
        let counts = counts.iter();
        let counts: Vec<(f64, u64)> = counts
            .map(|(bound, count)| (*bound, count.load(Ordering::Relaxed)))
            .collect();
        let all = counts.iter().map(|(_, count)| count).sum();
        let sum = f64::from_bits(sum.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, all, &counts, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::histogram::Histogram as Library;
    use prometheus_client::registry::{Metric, Registry};

    use super::*;

    const BOUNDS: [f64; 3] = [0.5, 1.0, 2.5];

    fn text(histogram: impl Metric) -> String {
        let mut registry = Registry::default();
        registry.register("took", "Seconds", histogram);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn it_is_written_as_the_library_writes_its_own() {
        let (ours, theirs) = (Histogram::new(BOUNDS), Library::new(BOUNDS));
        assert_eq!(text(ours.clone()), text(theirs.clone()));
        for value in [0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 3.0, 1e9] {
            ours.observe(value);
            theirs.observe(value);
        }
        assert_eq!(text(ours), text(theirs));
    }

    #[test]
    fn no_value_is_lost_between_threads() {
        let histogram = Histogram::new(BOUNDS);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| histogram.observe(0.75)));
            }
        });
        let text = text(histogram);
        for line in [
            "took_sum 30000.0\n",
            "took_count 40000\n",
            "took_bucket{le=\"0.5\"} 0\n",
            "took_bucket{le=\"1.0\"} 40000\n",
            "took_bucket{le=\"+Inf\"} 40000\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
