//! Recourse: what an applicant could change so that the same module approves, with the least
//! cost, proved.
//!
//! The schema says which features may change, which way and in which steps
//! ([`Actionable`]); derived fields follow by their formulas, and lending rules count. Every
//! option is decided by [`Decider`] itself. An option says what would have been decided with
//! other facts, everything else being equal; it is no promise.
//!
//! # Example
//!
//! ```
//! use model_core::artifact::ArtifactError;
//! use model_core::decide::Decider;
//! use model_recourse::{Action, Budget, Request, search};
//! use model_core::schema::{Actionable, Direction};
//!
//! const ARTIFACT: &[u8] = include_bytes!(concat!(
//!     env!("CARGO_MANIFEST_DIR"),
//!     "/../tests/golden/format-2/artifact-linear.bin"
//! ));
//! let mut decider = Decider::load(ARTIFACT)?;
//! let application = br#"{
//!     "income": 50000, "rate": 11.5, "share": 0.25, "wealth": -3e3, "age": 40, "score": 700,
//!     "years": 5, "owner": true, "defaulted": false, "member": true, "grade": "B",
//!     "purpose": "CAR", "region": "2"
//! }"#;
//! let score = Action {
//!     feature: "score".into(),
//!     actionable: Actionable {
//!         direction: Direction::Up,
//!         step: 10.0,
//!         lowest: 300.0,
//!         highest: 850.0,
//!         cost: 1.0,
//!         quantiles: Vec::new(),
//!     },
//! };
//! if let Some(application) = decider.application(application) {
//!     let answer = search(&mut decider, &[score], &application, &Request::default(), Budget::default());
//!     assert!(answer.impossible || answer.options.iter().all(|option| option.changes.len() == 1));
//! }
//! # Ok::<(), ArtifactError>(())
//! ```

mod answer;
mod axis;
mod dive;
mod margin;
mod reach;
mod rules;
mod search;
mod standings;
mod sweep;
mod threshold;
mod trees;

pub use sweep::{Flip, flips};

pub use answer::explain;
use model_core::decide::{Application, Decider};
use model_core::schema::{Actionable, Schema};

use axis::Axis;
use search::Search;

/// Most changes that an option may have.
pub const MAX_CHANGES: usize = 3;
/// Most options of an answer.
pub const MAX_OPTIONS: usize = 3;

/// What may be proposed for a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The feature's name.
    pub feature: String,
    /// What the schema says.
    pub actionable: Actionable,
}

/// The actions of a schema, in its order.
#[must_use]
pub fn actions(schema: &Schema) -> Vec<Action> {
    let actions = schema.features.iter().filter_map(|feature| {
        Some(Action {
            feature: feature.name.clone(),
            actionable: (**feature.actionable.as_ref()?).clone(),
        })
    });
    actions.collect()
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Names of features that are to stay as they are. What a derived one is computed from stays
    /// too.
    pub freeze: Vec<String>,
    /// Most changes of an option, 1 to [`MAX_CHANGES`].
    pub max_changes: usize,
    /// Options to look for, 0 to [`MAX_OPTIONS`].
    pub options: usize,
}

impl Request {
    /// The features to freeze, and what the derived ones among them are computed from.
    fn frozen(&self, schema: &Schema) -> Vec<String> {
        let mut frozen = self.freeze.clone();
        // Each behind what it needs: from the last on, what is needed is still to come.
        for index in schema.derivation_order().into_iter().rev() {
            let feature = &schema.features[index];
            if let (Some(derived), true) = (&feature.derived, frozen.contains(&feature.name)) {
                for field in derived.formula.fields() {
                    let needed = schema.features.get(usize::from(field));
                    frozen.extend(needed.map(|needed| needed.name.clone()));
                }
            }
        }
        frozen
    }
}

impl Default for Request {
    fn default() -> Self {
        Self {
            freeze: Vec::new(),
            max_changes: MAX_CHANGES,
            options: MAX_OPTIONS,
        }
    }
}

/// What a search may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Boxes that are bounded and applications that are decided.
    pub evaluations: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            evaluations: 20_000,
        }
    }
}

/// What would change the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The cheapest first. None changes all that a cheaper one changes.
    pub options: Vec<Plan>,
    /// Whether it is proved that nothing within reach is approved.
    pub impossible: bool,
    /// Where the budget ended before the proof: what every option that was not found costs at
    /// least.
    pub lower_bound: Option<f64>,
    /// Features that might change and that the application does not state, or only with a
    /// category that has no place in the order of the list: nobody knows what stating them would
    /// do, so that nothing is proved where there are any.
    pub unstated: Vec<String>,
    /// What was spent.
    pub evaluations: u32,
}

/// Changes that together are approved.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In schema order.
    pub changes: Vec<Change>,
    /// What they cost together.
    pub cost: f64,
    /// The probability that the module then gives.
    pub probability: f64,
    /// Whether no cheaper option with other features exists.
    pub proven: bool,
}

/// One feature with another value, in the model's terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The number of the input, in schema order.
    pub input: usize,
    /// What the application states; -1 for a category that is not in the list.
    pub from: f64,
    /// What it would have to be.
    pub to: f64,
}

/// Looks for the cheapest ways to an approval of an application that is not approved. The same
/// arguments give the same answer everywhere.
#[must_use]
pub fn search(
    decider: &mut Decider,
    actions: &[Action],
    application: &Application,
    request: &Request,
    budget: Budget,
) -> Answer {
    let frozen = request.frozen(&decider.artifact().schema);
    let free = actions
        .iter()
        .filter(|action| !frozen.contains(&action.feature));
    let (mut axes, mut unstated) = (Vec::new(), Vec::new());
    for action in free {
        match Axis::new(decider, action, application, action.actionable.direction) {
            Some(axis) if axis.values.len() > 1 => axes.push(axis),
            Some(_) => {}
            None => unstated.push(action.feature.clone()),
        }
    }
    let search = Search::new(decider, application, axes, request.max_changes, budget);
    let mut answer = search.run(request.options);
    if !unstated.is_empty() {
        // A proof covers the axes alone.
        answer.impossible = false;
        answer.lower_bound = None;
        for plan in &mut answer.options {
            plan.proven = false;
        }
    }
    answer.unstated = unstated;
    answer
}
