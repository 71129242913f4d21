//! Values that are read from one text by one rule, in an argument or in `underwrite.toml`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model_core::model::ModelKind;
use model_train::calibrate::Method;
use model_train::dataset::OutcomeMissing;
use model_train::fit::{ClassWeight, KINDS};
use model_train::moment::Moment;
use model_train::threshold::ThresholdRule;
use model_train::tune::{FoldsBy, Metric};
use serde::{Deserialize, Deserializer};

/// A whole number from `LOW` to `HIGH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<const LOW: usize, const HIGH: usize>(pub(crate) usize);

/// A number of trials.
pub(crate) type Trials = Count<1, 100_000>;
/// A number of folds.
pub(crate) type Folds = Count<2, 50>;
/// A number of boosted models to average.
pub(crate) type Bags = Count<1, 64>;
/// A number of seeds.
pub(crate) type ReasonSeeds = Count<0, 100>;
/// A number of threads.
pub(crate) type Jobs = Count<1, 1024>;

impl<const LOW: usize, const HIGH: usize> TryFrom<i64> for Count<LOW, HIGH> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let fitting = usize::try_from(number).ok();
        fitting
            .filter(|number| (LOW..=HIGH).contains(number))
            .map(Self)
            .ok_or_else(|| format!("expected a whole number from {LOW} to {HIGH}, got {number}"))
    }
}

impl<const LOW: usize, const HIGH: usize> FromStr for Count<LOW, HIGH> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: i64 = text
            .parse()
            .map_err(|_| format!("expected a whole number from {LOW} to {HIGH}, got '{text}'"))?;
        Self::try_from(number)
    }
}

impl<'de, const LOW: usize, const HIGH: usize> Deserialize<'de> for Count<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(from)?;
        Self::try_from(number).map_err(serde::de::Error::custom)
    }
}

/// A value that is written as text, such as `10m` or `300KB`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Written<T>(pub(crate) T);

/// A value that can be read from text.
pub(crate) trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
}

impl<T: FromText> FromStr for Written<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        T::from_text(text).map(Self)
    }
}

impl<'de, T: FromText> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<T: FromText> serde::de::Visitor<'_> for Visitor<T> {
            type Value = Written<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }

        from.deserialize_any(Visitor(std::marker::PhantomData))
    }
}

/// A share above 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl FromText for Share {
    fn from_text(text: &str) -> Result<Self, String> {
        let share = text.parse().ok();
        share
            .filter(|share| *share > 0.0 && *share < 1.0)
            .map(Self)
            .ok_or_else(|| format!("expected a share above 0 and below 1, got '{text}'"))
    }
}

impl FromText for Moment {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| {
            format!(
                "expected a date (2026-03-31), a month (2026-03), a timestamp or a whole number, got '{text}'"
            )
        })
    }
}

impl FromText for FoldsBy {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "chance" => Ok(Self::Chance),
            "time" => Ok(Self::Time),
            _ => Err(format!("expected chance or time, got '{text}'")),
        }
    }
}

impl FromText for OutcomeMissing {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "leave_out" => Ok(Self::LeaveOut),
            "error" => Ok(Self::Error),
            _ => Err(format!("expected leave_out or error, got '{text}'")),
        }
    }
}

impl FromText for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text)
            .map_err(|_| format!("expected a time such as 90s, 10m or 2us, got '{text}'"))?;
        (!duration.is_zero())
            .then_some(duration)
            .ok_or_else(|| "expected a time above 0".to_owned())
    }
}

impl FromText for bytesize::ByteSize {
    fn from_text(text: &str) -> Result<Self, String> {
        let size: Self = text
            .parse()
            .map_err(|_| format!("expected a size such as 300KB, 2MB or 300000, got '{text}'"))?;
        (size.as_u64() > 0)
            .then_some(size)
            .ok_or_else(|| "expected a size above 0".to_owned())
    }
}

impl FromText for ModelKind {
    fn from_text(text: &str) -> Result<Self, String> {
        let found = KINDS.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| {
            let words = KINDS.map(Self::word).join(", ");
            format!("expected one of {words}, got '{text}'")
        })
    }
}

impl FromText for Metric {
    fn from_text(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|metric| metric.word() == text);
        found.ok_or_else(|| {
            let words = Self::ALL.map(Self::word).join(", ");
            format!("expected one of {words}, got '{text}'")
        })
    }
}

impl FromText for Method {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "platt" => Ok(Self::Platt),
            "isotonic" => Ok(Self::Isotonic),
            _ => Err(format!("expected none, platt or isotonic, got '{text}'")),
        }
    }
}

impl FromText for ThresholdRule {
    fn from_text(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "expected 0.5, f1, cost=FP:FN (such as cost=5:1) or approval_rate=SHARE (such as approval_rate=0.3), got '{text}'"
            )
        };
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        match text.split_once('=') {
            None if text == "f1" => Ok(Self::BestF1),
            None if number(text) == Some(0.5) => Ok(Self::Half),
            Some(("cost", costs)) => {
                let (false_positive, false_negative) = costs.split_once(':').ok_or_else(problem)?;
                let cost = |text| number(text).filter(|cost| *cost > 0.0).ok_or_else(problem);
                Ok(Self::Cost {
                    false_positive: cost(false_positive)?,
                    false_negative: cost(false_negative)?,
                })
            }
            Some(("approval_rate", rate)) => number(rate)
                .filter(|rate| (0.0..=1.0).contains(rate))
                .map(Self::ApprovalRate)
                .ok_or_else(problem),
            _ => Err(problem()),
        }
    }
}

impl FromText for ClassWeight {
    fn from_text(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "expected none, balanced or NEGATIVE:POSITIVE such as 1:3, each from 1e-6 to 1e6, got '{text}'"
            )
        };
        let weight = |text: &str| text.parse::<f64>().map_err(|_| problem());
        match text {
            "none" => Ok(Self::None),
            "balanced" => Ok(Self::Balanced),
            _ => {
                let (negative, positive) = text.split_once(':').ok_or_else(problem)?;
                let weights = Self::Explicit {
                    negative: weight(negative)?,
                    positive: weight(positive)?,
                };
                weights.is_sound().then_some(weights).ok_or_else(problem)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_by_one_rule() {
        fn check<T: FromText + PartialEq + fmt::Debug>(text: &str, expect: Option<T>) {
            assert_eq!(
                text.parse::<Written<T>>().ok().map(|w| w.0),
                expect,
                "{text}"
            );
        }
        check("10m", Some(Duration::from_secs(600)));
        check("2us", Some(Duration::from_micros(2)));
        check::<Duration>("0s", None);
        check::<Duration>("soon", None);
        check("300KB", Some(bytesize::ByteSize(300_000)));
        check("300000", Some(bytesize::ByteSize(300_000)));
        check::<bytesize::ByteSize>("0", None);
        check("ridge", Some(ModelKind::Ridge));
        check::<ModelKind>("rigde", None);
        let explicit = |negative, positive| ClassWeight::Explicit { negative, positive };
        check("1:3", Some(explicit(1.0, 3.0)));
        check("1e-6:1e6", Some(explicit(1e-6, 1e6)));
        check::<ClassWeight>("1e-300:1", None);
        check::<ClassWeight>("1:NaN", None);
        check("log_loss", Some(Metric::LogLoss));
        assert_eq!("5".parse::<Folds>(), Ok(Count(5)));
        assert!("1".parse::<Folds>().is_err());
        assert!("five".parse::<Folds>().is_err());
    }
}
