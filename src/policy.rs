//! May this principal enter this room, and as what? `decide` is pure: it knows no HTTP, no
//! upstream and no files.

mod admission;
mod cases;
mod condition;
mod engine;
mod explain;
mod parameters;
mod service_grant;

pub use admission::{Admission, Appearance, FieldSource};
pub use cases::{Case, CaseFailure, Expectation, ExpectedOutcome, run};
pub use condition::{COMPREHENSIONS_MAX, DEPTH_MAX, EvaluationFault, NODES_MAX, SOURCE_BYTES_MAX};
pub use engine::{Policy, Refusal};
pub use explain::{Explanation, Finding, Outcome, RuleFinding};
pub use parameters::{Admit, Effect, Parameters, PolicyFault, RuleParameters};
pub use service_grant::{GrantRefusal, Invitee, ServiceGrant, Until};
