//! A model without HTTP: its file checked, compiled and called.

mod answer;
mod compiled;
mod deadline;
mod description;
mod engine;
mod error;
mod guest;
mod instance;
mod limits;
mod model_host;
mod module_cache;
mod pool;

pub use answer::{Answer, Batch, Decision};
pub use description::{
    Category, DerivedInfo, Description, Feature, FeatureRole, FeatureType, ModelInfo, PolicyInfo,
    RuleInfo, Target,
};
pub use error::{CallError, LoadError, LoadErrorKind};
pub use limits::Limits;
pub(crate) use limits::processors;
pub use model_host::{ModelHost, compile};
pub use module_cache::NOT_KEPT;
pub use pool::InstanceTimes;
