//! The rank of a value among sorted cuts, without a branch that depends on the value.

/// Adding 2^52 to a number from 0 to 2^32 leaves it, rounded, in the low bits.
const ROUND: f64 = 4_503_599_627_370_496.0;
/// The first stride of most maps: two halvings, for at most three cuts in a bucket.
const LEAST: usize = 2;
/// Beyond this the map is flat, so that its range is finite.
const FAR: f64 = 1e300;

/// Finds the rank of a value among sorted cuts: how many of them are below it.
///
/// A linear map takes the value to a bucket, the bucket to the number of cuts in buckets
/// before it, and a few halvings count the cuts below the value within the bucket. The
/// map is monotonic whatever its rounding and the cuts went through the same map, so the
/// rank is exact for every value.
#[derive(Debug)]
pub(super) struct Ranker {
    low: f64,
    high: f64,
    scale: f64,
    /// Cuts in the buckets before each bucket.
    start: Vec<u16>,
    /// Followed by as many infinities as a halving may look at.
    cuts: Vec<f64>,
    /// The first halving's stride: a power of two, at least [`LEAST`].
    stride: usize,
    missing: u32,
}

impl Ranker {
    /// Most cuts that a ranker takes.
    pub(super) const MOST: usize = 60_000;

    /// For finite, strictly ascending cuts. `missing` is what NaN gets.
    pub(super) fn new(cuts: &[f64], missing: u32) -> Self {
        let mut best = Self::mapped(cuts, missing, 0, 1);
        // A long tail leaves a few buckets full when the map spans it: cut it off.
        for trimmed in [0, cuts.len() / 32, cuts.len() / 8] {
            for share in [2, 4, 8] {
                if best.stride == LEAST {
                    return best;
                }
                let buckets = (share * cuts.len()).next_power_of_two();
                let ranker = Self::mapped(cuts, missing, trimmed, buckets);
                if ranker.stride < best.stride {
                    best = ranker;
                }
            }
        }
        best
    }

    fn mapped(cuts: &[f64], missing: u32, trimmed: usize, buckets: usize) -> Self {
        let at = |index: usize| {
            cuts.get(index)
                .copied()
                .unwrap_or_default()
                .clamp(-FAR, FAR)
        };
        let (low, high) = (at(trimmed), at(cuts.len().saturating_sub(1 + trimmed)));
        let scale = (buckets - 1) as f64 / (high - low);
        let scale = if scale.is_finite() { scale } else { 0.0 };
        let (start, padded) = (vec![0; buckets], cuts.to_vec());
        let mut ranker = Self {
            low,
            high,
            scale,
            start,
            cuts: padded,
            stride: 0,
            missing,
        };
        let mut counts = vec![0u16; buckets];
        for &cut in cuts {
            counts[ranker.bucket(cut)] += 1;
        }
        let mut before = 0;
        for (start, count) in ranker.start.iter_mut().zip(&counts) {
            *start = before;
            before += count;
        }
        let fullest = counts.iter().copied().max().map_or(0, usize::from);
        ranker.stride = ((fullest + 1).next_power_of_two() / 2).max(LEAST);
        ranker
            .cuts
            .resize(cuts.len() + ranker.stride, f64::INFINITY);
        ranker
    }

    /// The number of cuts below `value`.
    #[inline(always)]
    pub(super) fn rank(&self, value: f64) -> u32 {
        let mut rank = usize::from(self.start[self.bucket(value)]);
        let mut stride = self.stride;
        while stride > LEAST {
            // An addition of 0 or the stride compiles to a select; a branch would be guessed
            // wrongly half of the time.
            rank += if self.cuts[rank + stride - 1] < value {
                stride
            } else {
                0
            };
            stride /= 2;
        }
        rank += if self.cuts[rank + 1] < value { 2 } else { 0 };
        rank += usize::from(self.cuts[rank] < value);
        // Last, so that the common way has no branch before the loads.
        if value.is_nan() {
            self.missing
        } else {
            rank as u32
        }
    }

    /// Clamped before subtracting, so that nothing overflows; NaN goes low.
    #[inline(always)]
    fn bucket(&self, value: f64) -> usize {
        let value = if value > self.low { value } else { self.low };
        let value = if value < self.high { value } else { self.high };
        // The sum's low bits are the rounded bucket: cheaper than a conversion, and the same
        // rounding (ties to even) on every machine.
        ((value - self.low) * self.scale + ROUND).to_bits() as u32 as usize
    }
}
