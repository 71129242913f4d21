//! What two schemas differ in, where one file is to be read for both.

use model_core::expression::Op;
use model_core::schema::{Feature, SampleRole, Schema};

use crate::applications::read_as;
use crate::dataset::Dataset;

/// Whether both are of one target. What its outcomes and decisions are called may differ.
pub(super) fn same_target(first: &Schema, second: &Schema) -> bool {
    let (first, second) = (&first.target, &second.target);
    first.name == second.name && first.kind == second.kind
}

/// Names the first input that only one schema has, or that they read otherwise; `names` is what
/// the sentence calls the schemas.
pub(super) fn other_inputs(first: &Schema, second: &Schema, names: [&str; 2]) -> Option<String> {
    let lacks = |one: &Schema, other: &Schema| {
        let has = |name: &str| other.inputs().any(|feature| feature.name == name);
        let mut inputs = one.inputs();
        let input = inputs.find(|feature| !has(&feature.name))?;
        Some(input.name.clone())
    };
    if let Some(name) = lacks(first, second) {
        return Some(format!("only {} has '{name}'", names[0]));
    }
    if let Some(name) = lacks(second, first) {
        return Some(format!("only {} has '{name}'", names[1]));
    }
    first.inputs().zip(second.inputs()).find_map(|(a, b)| {
        let name = &a.name;
        if *name != b.name {
            Some("their inputs are in another order".to_owned())
        } else if read_as(a) != read_as(b) {
            Some(format!("they read '{name}' differently"))
        } else if formula(first, a) != formula(second, b) {
            Some(format!(
                "they derive '{name}' differently, or only one does"
            ))
        } else {
            None
        }
    })
}

/// How two schemas weigh the rows of a file, where they do so differently; `names` as above. A
/// column that the file lacks weighs nothing.
pub(super) fn other_weights(
    first: &Schema,
    second: &Schema,
    dataset: &Dataset,
    names: [&str; 2],
) -> Option<String> {
    let weights = [first, second].map(|schema| {
        let column = schema.sample_column(SampleRole::Weight)?;
        Some(&column.name).filter(|name| dataset.has_column(name))
    });
    let [a, b] = names;
    match weights {
        [Some(first), Some(second)] if first != second => {
            Some(format!("{a} by '{first}', {b} by '{second}'"))
        }
        [Some(name), None] => Some(format!("only {a}, by '{name}'")),
        [None, Some(name)] => Some(format!("only {b}, by '{name}'")),
        _ => None,
    }
}

/// How a derived field is computed: the operations, each with the name of the field that it
/// reads, since the places of fields differ by schema; and the decimals.
type Formula<'s> = (Vec<(Op, Option<&'s str>)>, Option<u8>);

fn formula<'s>(schema: &'s Schema, feature: &Feature) -> Option<Formula<'s>> {
    let derived = feature.derived.as_ref()?;
    let named = derived.formula.ops().iter().map(|op| match *op {
        Op::Field(field) => {
            let field = schema.features.get(usize::from(field));
            (Op::Field(0), field.map(|field| field.name.as_str()))
        }
        other => (other, None),
    });
    Some((named.collect(), derived.decimals))
}
