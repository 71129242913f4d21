//! How much of a leaf's value each input gets.

/// Inputs below which a share is looked up.
const KNOWN: usize = 16;

/// Shares of a leaf that an application reaches in `n` inputs and misses in `other` ones, while
/// a profile misses it in the `n` and reaches it in the `other`: of all orders of these inputs,
/// those in which a given one of the `n` comes last of the `n` and before all `other`.
///
/// `share(n, other) = (n − 1)! · other! / (n + other)!`, and 0 where `n` is 0.
#[derive(Debug)]
pub(super) struct Shares([[f64; 2]; KNOWN * KNOWN]);

impl Shares {
    pub(super) fn new() -> Self {
        let mut shares = [[0.0; 2]; KNOWN * KNOWN];
        for (index, pair) in shares.iter_mut().enumerate() {
            *pair = computed(index / KNOWN, index % KNOWN);
        }
        Self(shares)
    }

    /// The shares of `n` and `other`, and of `other` and `n`.
    #[inline]
    pub(super) fn pair(&self, n: usize, other: usize) -> [f64; 2] {
        if (n | other) < KNOWN {
            self.0[n * KNOWN + other]
        } else {
            computed(n, other)
        }
    }
}

/// Both shares.
#[inline(never)]
fn computed(n: usize, other: usize) -> [f64; 2] {
    [(n, other), (other, n)].map(|(n, other)| {
        // `1 / (n · C(n + other, n))`; beyond the largest number the share is 0.
        let mut chosen = 1.0;
        for k in 1..=n {
            chosen = chosen * (other + k) as f64 / k as f64;
        }
        if n == 0 {
            0.0
        } else {
            1.0 / (n as f64 * chosen)
        }
    })
}
