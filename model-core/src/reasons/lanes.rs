//! Sums of several features, two side by side: where a module is compiled, in registers that the
//! compiler would not use for them by itself. Both ways give the same bits.

/// How many sums there are.
pub(super) const LANES: usize = 16;

/// All ones for each of four features whose bit is 1.
static MASKS: [[Two; 2]; 16] = {
    let mut masks = [[two(0, 0); 2]; 16];
    let mut bits = 0;
    while bits < 16 {
        masks[bits] = [
            two(ones(bits, 0), ones(bits, 1)),
            two(ones(bits, 2), ones(bits, 3)),
        ];
        bits += 1;
    }
    masks
};

const fn ones(bits: usize, feature: usize) -> u64 {
    if bits >> feature & 1 == 1 {
        u64::MAX
    } else {
        0
    }
}

/// A sum for each feature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums([Two; LANES / 2]);

impl Sums {
    pub(super) fn new() -> Self {
        Self([two(0, 0); LANES / 2])
    }

    /// Adds to each of some features, without a branch: what is added to the others is 0, which
    /// changes no sum, since none is ever -0.
    #[inline(always)]
    pub(super) fn add(&mut self, features: u32, value: f64) {
        let value = twice(value);
        let [a, b, c, d, e, f, g, h] = &mut self.0;
        for (nth, [low, high]) in [[a, b], [c, d], [e, f], [g, h]].into_iter().enumerate() {
            let masks = &MASKS[(features >> (4 * nth) & 15) as usize];
            *low = added(*low, value, masks[0]);
            *high = added(*high, value, masks[1]);
        }
    }

    /// The sums in the order of the features.
    pub(super) fn values(&self) -> [[f64; 2]; LANES / 2] {
        self.0.map(values)
    }
}

#[cfg(target_arch = "wasm32")]
use std::arch::wasm32::{f64x2_add, f64x2_extract_lane, f64x2_splat, u64x2, v128 as Two, v128_and};

#[cfg(target_arch = "wasm32")]
const fn two(first: u64, second: u64) -> Two {
    u64x2(first, second)
}

#[cfg(target_arch = "wasm32")]
#[inline(always)]
fn twice(value: f64) -> Two {
    f64x2_splat(value)
}

#[cfg(target_arch = "wasm32")]
#[inline(always)]
fn added(sum: Two, value: Two, mask: Two) -> Two {
    f64x2_add(sum, v128_and(value, mask))
}

#[cfg(target_arch = "wasm32")]
fn values(two: Two) -> [f64; 2] {
    [f64x2_extract_lane::<0>(two), f64x2_extract_lane::<1>(two)]
}

#[cfg(not(target_arch = "wasm32"))]
type Two = [f64; 2];

#[cfg(not(target_arch = "wasm32"))]
const fn two(first: u64, second: u64) -> Two {
    [f64::from_bits(first), f64::from_bits(second)]
}

#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn twice(value: f64) -> Two {
    [value; 2]
}

#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
fn added(sum: Two, value: Two, mask: Two) -> Two {
    let masked = |lane: usize| f64::from_bits(value[lane].to_bits() & mask[lane].to_bits());
    [sum[0] + masked(0), sum[1] + masked(1)]
}

#[cfg(not(target_arch = "wasm32"))]
fn values(two: Two) -> [f64; 2] {
    two
}
