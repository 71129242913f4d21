//! The options of what errors cost.

use model_train::evaluate::{CostTerms, LossGivenDefault};

/// What errors cost.
#[derive(Debug, clap::Args)]
pub(super) struct CostArgs {
    /// Cost of an approved bad and of a declined good, FP:FN such as 5:1 [default: the
    /// model's own, if its threshold minimizes cost].
    #[arg(long, value_name = "FP:FN", value_parser = ratio)]
    cost: Option<Ratio>,
    /// Input with the exposure at default, to multiply both costs by.
    #[arg(long, value_name = "COLUMN", requires = "cost")]
    exposure: Option<String>,
    /// Share of the exposure that an approved bad loses, 0 to 1, or the input that holds it
    /// [default: 1].
    #[arg(long, value_name = "SHARE|COLUMN", requires = "exposure")]
    loss_given_default: Option<String>,
}

/// Two costs.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    false_positive: f64,
    false_negative: f64,
}

fn ratio(text: &str) -> Result<Ratio, String> {
    let problem = || format!("expected FP:FN, two numbers above 0 such as 5:1, got '{text}'");
    let costs = text.strip_prefix("cost=").unwrap_or(text);
    let (false_positive, false_negative) = costs.split_once(':').ok_or_else(problem)?;
    let cost = |text: &str| {
        let number = text.parse::<f64>().ok();
        number.filter(|cost| *cost > 0.0 && cost.is_finite())
    };
    Ok(Ratio {
        false_positive: cost(false_positive).ok_or_else(problem)?,
        false_negative: cost(false_negative).ok_or_else(problem)?,
    })
}

impl CostArgs {
    /// What was asked for; `None` leaves it to the model.
    pub(super) fn terms(&self) -> Option<CostTerms> {
        let ratio = self.cost?;
        let lost = self.loss_given_default.as_ref();
        Some(CostTerms {
            false_positive: ratio.false_positive,
            false_negative: ratio.false_negative,
            exposure: self.exposure.clone(),
            loss_given_default: lost.map(|text| match text.parse() {
                Ok(share) => LossGivenDefault::Share(share),
                Err(_) => LossGivenDefault::Column(text.clone()),
            }),
        })
    }
}
