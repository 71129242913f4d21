//! Values that a flag and the configuration file share: read from one text, by one rule.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model_core::model::ModelKind;
use model_train::fit::KINDS;
use model_train::tune::Metric;
use serde::{Deserialize, Deserializer};

/// A whole number from `LOW` to `HIGH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<const LOW: usize, const HIGH: usize>(pub(crate) usize);

/// How many trials.
pub(crate) type Trials = Count<1, 100_000>;
/// How many folds.
pub(crate) type Folds = Count<2, 50>;
/// How many boosted models may be averaged.
pub(crate) type Bags = Count<1, 64>;
/// How many threads.
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

/// Something that is written as a text, such as `10m` or `300KB`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Written<T>(pub(crate) T);

/// What can be written as a text.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_one_meaning() {
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
        check("log_loss", Some(Metric::LogLoss));
        assert_eq!("5".parse::<Folds>(), Ok(Count(5)));
        assert!("1".parse::<Folds>().is_err());
        assert!("five".parse::<Folds>().is_err());
    }
}
