//! What follows from decisions at a threshold.

/// The confusion matrix at a threshold, and the metrics that follow from it. 0 / 0 is 0, as
/// in scikit-learn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided {
    pub(super) true_positive: f64,
    pub(super) false_positive: f64,
    pub(super) false_negative: f64,
    pub(super) true_negative: f64,
}

impl Decided {
    /// From the positive and negative rows at and above the threshold, and in total.
    pub(super) fn new(above: (f64, f64), all: (f64, f64)) -> Self {
        Self {
            true_positive: above.0,
            false_positive: above.1,
            false_negative: all.0 - above.0,
            true_negative: all.1 - above.1,
        }
    }

    pub(super) fn rows(self) -> f64 {
        self.true_positive + self.false_positive + self.false_negative + self.true_negative
    }

    pub(super) fn accuracy(self) -> f64 {
        share(self.true_positive + self.true_negative, self.rows())
    }

    pub(super) fn precision(self) -> f64 {
        share(self.true_positive, self.true_positive + self.false_positive)
    }

    pub(super) fn recall(self) -> f64 {
        share(self.true_positive, self.true_positive + self.false_negative)
    }

    pub(super) fn specificity(self) -> f64 {
        share(self.true_negative, self.true_negative + self.false_positive)
    }

    pub(super) fn approval_rate(self) -> f64 {
        share(self.true_positive + self.false_positive, self.rows())
    }

    /// `2 tp / (2 tp + fp + fn)`.
    pub(super) fn f1(self) -> f64 {
        let wrong = self.false_positive + self.false_negative;
        share(2.0 * self.true_positive, 2.0 * self.true_positive + wrong)
    }

    pub(super) fn balanced_accuracy(self) -> f64 {
        (self.recall() + self.specificity()) / 2.0
    }

    pub(super) fn f1_weighted(self) -> f64 {
        let wrong = self.false_positive + self.false_negative;
        let no = share(2.0 * self.true_negative, 2.0 * self.true_negative + wrong);
        let yes_rows = self.true_positive + self.false_negative;
        let no_rows = self.true_negative + self.false_positive;
        share(self.f1() * yes_rows + no * no_rows, self.rows())
    }

    /// `(tp tn - fp fn) / √((tp+fp)(tp+fn)(tn+fp)(tn+fn))` (Matthews, "Comparison of the
    /// predicted and observed secondary structure of T4 phage lysozyme", Biochimica et
    /// Biophysica Acta 405, 1975).
    pub(super) fn matthews(self) -> f64 {
        let (tp, fp) = (self.true_positive, self.false_positive);
        let (fna, tn) = (self.false_negative, self.true_negative);
        let product = (tp + fp) * (tp + fna) * (tn + fp) * (tn + fna);
        share(tp * tn - fp * fna, product.sqrt())
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
