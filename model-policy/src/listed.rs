//! Numbers of `missing_values`: a field that is given one of them is missing to a rule.

use std::rc::Rc;

use model_core::preprocess::resolve;
use model_core::schema::{Feature, MissingValues, OutOfRange, Role};
use model_core::value::{Reading, Value, number_text, read};

/// The numbers that mean missing where an application gives a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    /// In ascending order.
    numbers: Vec<f64>,
    /// The bounds among them that a rule finds nevertheless: a number beyond is clamped to it.
    clamped: Vec<Clamped>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Clamped {
    bound: f64,
    /// A number that is moved to the bound.
    from: f64,
}

impl Listed {
    /// Those of a number or integer; `None` where there are none.
    pub(crate) fn of(feature: &Feature, missing: &MissingValues) -> Option<Rc<Self>> {
        let range = feature.range()?;
        // The zeros are equal, in an order they are not.
        let mut numbers: Vec<f64> = missing.numbers().iter().map(|x| x + 0.0).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        // A rule reads a protected column as it came.
        let clamps = range.policy == OutOfRange::Clamp && feature.role != Role::Protected;
        let bounds = [(range.lower, -1.0), (range.upper, 1.0)];
        let bounds = bounds.iter().filter(|_| clamps);
        let bounds = bounds.filter_map(|(bound, step)| Some((bound.as_ref()?.value, *step)));
        let listed = bounds.filter(|(bound, _)| missing.has_number(*bound));
        let clamped = listed.filter_map(|(bound, step)| {
            let from = beyond(feature, missing, bound, step)?;
            Some(Clamped { bound, from })
        });
        let clamped = clamped.collect();
        (!numbers.is_empty()).then(|| Rc::new(Self { numbers, clamped }))
    }

    /// Whether no application lets a rule find this number.
    pub(crate) fn never(&self, number: f64) -> bool {
        self.has(number) && self.from(number).is_none()
    }

    /// The number that is clamped to this one.
    pub(crate) fn from(&self, number: f64) -> Option<f64> {
        let mut clamped = self.clamped.iter();
        clamped.find(|one| one.bound == number).map(|one| one.from)
    }

    /// Whether a field that is given this number is missing.
    pub(crate) fn has(&self, number: f64) -> bool {
        let place = self
            .numbers
            .binary_search_by(|listed| listed.total_cmp(&(number + 0.0)));
        place.is_ok()
    }
}

/// A number beyond a bound that the feature reads and clamps to it.
fn beyond(feature: &Feature, missing: &MissingValues, bound: f64, step: f64) -> Option<f64> {
    let mut number = bound;
    loop {
        // Of large numbers 1 is too small a step.
        let next = if step < 0.0 {
            (number + step).min(number.next_down())
        } else {
            (number + step).max(number.next_up())
        };
        number = next;
        let text = number_text(number);
        match read(feature, Value::Number(&text), missing).ok()? {
            Reading::Missing => {}
            reading => {
                let resolved = resolve(feature, reading, f64::NAN).ok()?;
                return (resolved.value == bound).then_some(number);
            }
        }
    }
}
