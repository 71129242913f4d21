//! What a node asks of its column, in the arithmetic of the library that wrote it.

/// LightGBM's `kZeroThreshold`, a single-precision number.
pub const NEAR_ZERO: f64 = 1e-35_f32 as f64;

/// What goes left.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Numbers up to a cut.
    Cut(Cut),
    /// Codes of categories.
    Set(Set),
}

/// Whether a number is on the left of a cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Where.
    pub at: f64,
    /// How they are compared.
    pub compare: Compare,
    /// Where a missing value goes, and what else counts as one.
    pub missing: Missing,
}

/// How a number is compared with a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `x <= at`: scikit-learn's histogram boosting.
    AtMost,
    /// `x <= at`, where a number nearer to 0 than [`NEAR_ZERO`] is 0: LightGBM, which leaves
    /// such numbers out when it reads a row.
    FlatAtMost,
    /// `x as f32 <= at`: scikit-learn's trees.
    SingleAtMost,
    /// `(x as f32) < at`: XGBoost.
    SingleBelow,
}

/// Where a missing value goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Missing {
    /// As a 0 does.
    AsZero,
    /// To one side.
    Goes {
        /// Whether that is the left one.
        left: bool,
        /// Numbers that count as missing too.
        band: Option<Band>,
    },
}

/// Numbers from one to another, both among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The first.
    pub from: f64,
    /// The last.
    pub to: f64,
}

/// Whether a code is a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// Ascending.
    pub codes: Vec<u32>,
    /// Whether members go left, and everything else but a missing value right; or the other
    /// way round.
    pub members_left: bool,
    /// Whether a missing value goes left.
    pub missing_left: bool,
}

impl Test {
    /// Whether a value of the column goes left; NaN is missing.
    #[must_use]
    pub fn goes_left(&self, x: f64) -> bool {
        match self {
            Self::Cut(cut) => cut.goes_left(x),
            Self::Set(set) => set.goes_left(x),
        }
    }
}

impl Cut {
    /// Whether a number goes left; NaN is missing.
    #[must_use]
    pub fn goes_left(&self, x: f64) -> bool {
        match self.missing {
            Missing::Goes { left, band } if x.is_nan() || band.is_some_and(|b| b.holds(x)) => left,
            Missing::AsZero if x.is_nan() => self.is_below(0.0),
            Missing::AsZero | Missing::Goes { .. } => self.is_below(x),
        }
    }

    /// Whether a number goes left where none counts as missing. Never true of a number and
    /// false of a smaller one.
    #[must_use]
    pub fn is_below(&self, x: f64) -> bool {
        // XGBoost and scikit-learn round the value, not the cut.
        let single = f64::from(x as f32);
        match self.compare {
            Compare::AtMost => x <= self.at,
            Compare::FlatAtMost if x.abs() <= NEAR_ZERO => 0.0 <= self.at,
            Compare::FlatAtMost => x <= self.at,
            Compare::SingleAtMost => single <= self.at,
            Compare::SingleBelow => single < self.at,
        }
    }

    /// The numbers that count as missing.
    #[must_use]
    pub fn band(&self) -> Option<Band> {
        match self.missing {
            Missing::AsZero => None,
            Missing::Goes { band, .. } => band,
        }
    }
}

impl Band {
    fn holds(self, x: f64) -> bool {
        (self.from..=self.to).contains(&x)
    }
}

impl Set {
    fn goes_left(&self, x: f64) -> bool {
        if x.is_nan() {
            return self.missing_left;
        }
        // Both libraries cut fractions off; what is negative is no code.
        let code = x.trunc();
        let is_member = code >= 0.0
            && code <= f64::from(u32::MAX)
            && self.codes.binary_search(&(code as u32)).is_ok();
        is_member == self.members_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(compare: Compare, at: f64) -> Cut {
        let missing = Missing::Goes {
            left: false,
            band: None,
        };
        Cut {
            at,
            compare,
            missing,
        }
    }

    #[test]
    fn a_value_is_rounded_before_it_is_compared_in_single_precision() {
        // 0.1 as f32 is above 0.1.
        assert!(cut(Compare::AtMost, 0.1).goes_left(0.1));
        assert!(!cut(Compare::SingleAtMost, 0.1).goes_left(0.1));
        let at = f64::from(0.1f32);
        assert!(!cut(Compare::SingleBelow, at).goes_left(0.1));
        assert!(cut(Compare::SingleBelow, at).goes_left(f64::from(0.1f32.next_down())));
    }

    #[test]
    fn members_of_a_set_go_to_one_side_and_the_unknown_to_the_other() {
        let set = |members_left| Set {
            codes: vec![1, 3],
            members_left,
            missing_left: true,
        };
        for (x, member) in [
            (1.0, true),
            (3.7, true),
            (2.0, false),
            (-1.0, false),
            (9e9, false),
        ] {
            assert_eq!(set(true).goes_left(x), member, "{x}");
            assert_eq!(set(false).goes_left(x), !member, "{x}");
        }
        assert!(set(false).goes_left(f64::NAN));
    }
}
