//! Derived fields while rows are read and prepared: computed by the code of the module, from
//! the values that the module would compute them from.

use model_core::preprocess::{Adjustment, Computed, resolve, resolve_derived};
use model_core::schema::{Derived, Feature, OutOfRange, Role, Schema};
use model_core::value::{Reading, ValueError, read_coded};

use crate::values::Values;

/// A derived input and what it is computed from.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its place among the inputs.
    pub(crate) input: usize,
    pub(crate) feature: Feature,
    derived: Derived,
    /// The fields of the formula: places among the features, and among the inputs.
    needs: Vec<(usize, usize)>,
    /// Features of the schema.
    features: usize,
}

impl Step {
    /// Whether the formula names an input.
    pub(crate) fn needs(&self, input: usize) -> bool {
        self.needs.iter().any(|(_, needed)| *needed == input)
    }
}

/// The derived inputs of a schema, each behind those that it needs.
pub(crate) fn steps(schema: &Schema) -> Vec<Step> {
    let features = schema.features.iter().enumerate();
    let inputs: Vec<usize> = features
        .filter(|(_, feature)| feature.role == Role::Input)
        .map(|(index, _)| index)
        .collect();
    let input = |feature: usize| inputs.iter().position(|index| *index == feature);
    let order = schema.derivation_order().into_iter();
    order
        .filter_map(|index| {
            let feature = schema.features[index].clone();
            let derived = feature.derived.as_deref()?.clone();
            let fields = derived.formula.fields().into_iter().map(usize::from);
            Some(Step {
                input: input(index)?,
                needs: fields.filter_map(|f| Some((f, input(f)?))).collect(),
                features: schema.features.len(),
                feature,
                derived,
            })
        })
        .collect()
}

/// What a derived field of a row comes to before anything is learned.
pub(crate) struct Known {
    /// What came, or the computed value of a field that is absent; NaN where a value that
    /// it needs has yet to be learned.
    pub(crate) seen: f64,
    /// The value that counts, where nothing has to be learned for it.
    settled: Option<f64>,
    missing: bool,
    /// Whether the given value contradicted the formula and was replaced.
    pub(crate) overwritten: bool,
}

/// The values of a row while it is read.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// By place among the inputs: after its policies, where that is known.
    settled: Vec<Option<f64>>,
    missing: Vec<bool>,
    values: Vec<f64>,
    stack: Vec<f64>,
}

impl Row {
    /// Starts a row of so many inputs.
    pub(crate) fn clear(&mut self, inputs: usize) {
        self.settled.clear();
        self.settled.resize(inputs, None);
        self.missing.clear();
        self.missing.resize(inputs, true);
    }

    /// Takes a field that is not derived, in the model's terms.
    pub(crate) fn set(&mut self, input: usize, feature: &Feature, code: f64) {
        self.missing[input] = code.is_nan();
        self.settled[input] = settled(feature, code);
    }

    /// Settles a derived field: `given` is what came.
    ///
    /// # Errors
    /// Where a decision would refuse the application.
    pub(crate) fn derive(&mut self, step: &Step, given: Reading) -> Result<Known, ValueError> {
        let known = self.known(step, given)?;
        self.settled[step.input] = known.settled;
        self.missing[step.input] = known.missing;
        Ok(known)
    }

    fn known(&mut self, step: &Step, given: Reading) -> Result<Known, ValueError> {
        let needs_missing = step.needs.iter().any(|(_, input)| self.missing[*input]);
        let mut all_settled = true;
        self.values.clear();
        self.values.resize(step.features, f64::NAN);
        for (feature, input) in &step.needs {
            all_settled &= self.settled[*input].is_some();
            self.values[*feature] = self.settled[*input].unwrap_or(f64::NAN);
        }
        if needs_missing || !all_settled {
            if let (Reading::Is(_), true) = (given, needs_missing) {
                // Whether a policy refuses does not depend on what it would fill in.
                resolve(&step.feature, given, 0.0)?;
            }
            return Ok(Known {
                seen: given.code(),
                settled: match given {
                    Reading::Is(value) if needs_missing => settled(&step.feature, value),
                    _ => None,
                },
                missing: needs_missing && given == Reading::Missing,
                overwritten: false,
            });
        }
        let computed = Computed {
            value: step.derived.compute(&self.values, &mut self.stack),
            needs_missing: false,
        };
        let resolved = resolve_derived(&step.feature, &step.derived, given, computed, 0.0)?;
        let seen = match given {
            Reading::Is(value) => value,
            Reading::Missing | Reading::Unknown => computed.value,
        };
        Ok(Known {
            seen,
            settled: settled(&step.feature, computed.value),
            missing: computed.value.is_nan(),
            overwritten: matches!(resolved.adjusted, Some(Adjustment::Mismatch(_))),
        })
    }
}

/// What a value comes to after its policies, where nothing has to be learned for that.
fn settled(feature: &Feature, code: f64) -> Option<f64> {
    let Ok(Reading::Is(value)) = read_coded(feature, code) else {
        return None;
    };
    let imputes = |policy: OutOfRange| policy == OutOfRange::Impute;
    match feature.range() {
        Some(range) if !range.contains(value) && imputes(range.policy) => None,
        _ => resolve(feature, Reading::Is(value), 0.0)
            .ok()
            .map(|resolved| resolved.value),
    }
}

/// A column of computed values: what the other fields say, row by row.
pub(crate) struct Column<'a> {
    step: &'a Step,
    computed: Vec<Computed>,
    given: &'a Values,
}

impl<'a> Column<'a> {
    /// Computes a column from those that it needs after their policies; `missing` says of
    /// which values nobody gave them, `given` is what the file says of this column.
    pub(crate) fn new(
        step: &'a Step,
        columns: &[Values],
        missing: &[Vec<bool>],
        given: &'a Values,
    ) -> Self {
        let mut values = vec![f64::NAN; step.features];
        let mut stack = Vec::new();
        let computed = (0..given.len()).map(|row| {
            for (feature, input) in &step.needs {
                values[*feature] = columns[*input][row];
            }
            Computed {
                value: step.derived.compute(&values, &mut stack),
                needs_missing: step.needs.iter().any(|(_, input)| missing[*input][row]),
            }
        });
        Self {
            computed: computed.collect(),
            step,
            given,
        }
    }

    /// The values that count before the field's own policies, NaN where there is none.
    pub(crate) fn counting(&self) -> Values {
        let rows = self.computed.iter().zip(self.given.iter());
        rows.map(|(computed, given)| match computed.needs_missing {
            true if !given.is_nan() => *given,
            _ => computed.value,
        })
        .collect()
    }

    /// The value of a row that the module would use, and whether nobody gave it.
    ///
    /// # Errors
    /// Where a decision would refuse the application.
    pub(crate) fn resolve(&self, row: usize, typical: f64) -> Result<(f64, bool), ValueError> {
        let Step {
            feature, derived, ..
        } = self.step;
        let given = read_coded(feature, self.given[row])?;
        let computed = self.computed[row];
        let resolved = resolve_derived(feature, derived, given, computed, typical)?;
        let filled_in = matches!(resolved.adjusted, Some(Adjustment::Missing(_)));
        let nobody_gave = computed.needs_missing && given == Reading::Missing;
        Ok((resolved.value, filled_in || nobody_gave))
    }
}
