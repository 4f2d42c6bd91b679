//! Running a condition: bounded, and never a panic.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::common::value::CowVal;
use cel::{Context, Env, ExecutionError, Value};

use super::variables::Variables;

/// Why a condition gave neither true nor false. Carries no value of the principal's, so it may
/// stand in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationFault {
    /// A claim, key or element that is not there.
    #[error("a value that it reads is missing")]
    Missing,
    /// A value of another type than the expression needs.
    #[error("a value has another type than it expects")]
    Type,
    /// A value of the right type that cannot be used: no number, no time, too large.
    #[error("a value cannot be converted or computed with")]
    Value,
    /// The result is not a boolean.
    #[error("it gives neither true nor false")]
    NotBoolean,
    /// It went through more than it may.
    #[error("it takes too many steps for a principal with that many claims")]
    TooManySteps,
    /// The library failed; a defect of it or of ours.
    #[error("it failed within the expression library")]
    Internal,
}

/// A fault with its details, which may repeat the principal's values: for the operator's own
/// eyes, never for a log.
#[derive(Debug)]
pub(in crate::policy) struct Unevaluated {
    pub(in crate::policy) fault: EvaluationFault,
    error: Option<ExecutionError>,
}

impl fmt::Display for Unevaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{} ({error})", self.fault),
            None => write!(f, "{}", self.fault),
        }
    }
}

impl From<EvaluationFault> for Unevaluated {
    fn from(fault: EvaluationFault) -> Self {
        Self { fault, error: None }
    }
}

impl From<ExecutionError> for Unevaluated {
    fn from(error: ExecutionError) -> Self {
        Self {
            fault: kind_of(&error),
            error: Some(error),
        }
    }
}

/// Evaluates to true or false.
pub(super) fn evaluate(
    expression: &IdedExpr,
    env: &Arc<Env>,
    variables: &Variables<'_>,
) -> Result<bool, Unevaluated> {
    let mut context = Context::with_env(Arc::clone(env));
    context.set_variable_resolver(variables);
    let value = resolve(expression, &context);
    if variables.exhausted() {
        return Err(EvaluationFault::TooManySteps.into());
    }
    match value?.downcast_ref::<CelBool>() {
        Some(value) => Ok(*value.inner()),
        None => Err(EvaluationFault::NotBoolean.into()),
    }
}

/// Evaluates one node. Should the library ever panic over what a claim brings, that costs the
/// caller a refusal, and not a worker.
pub(super) fn resolve<'e, 'v>(
    expression: &'e IdedExpr,
    context: &'e Context<'_, 'v>,
) -> Result<CowVal<'e, 'v>, Unevaluated> {
    // Nothing outlives the panic: the context is only read.
    match catch_unwind(AssertUnwindSafe(|| Value::resolve_val(expression, context))) {
        Ok(value) => Ok(value?),
        Err(_panic) => Err(EvaluationFault::Internal.into()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    deprecated,
    reason = "somebody else's enum; what it gains means the library failed"
)]
fn kind_of(error: &ExecutionError) -> EvaluationFault {
    match error {
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => {
            EvaluationFault::Missing
        }
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedUnaryOperator(..)
        | ExecutionError::UnsupportedMapIndex(_)
        | ExecutionError::UnsupportedListIndex(_)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::InvalidArgumentCount { .. }
        | ExecutionError::MissingArgumentOrTarget => EvaluationFault::Type,
        ExecutionError::FunctionError { .. }
        | ExecutionError::DivisionByZero(_)
        | ExecutionError::RemainderByZero(_)
        | ExecutionError::Overflow(..)
        | ExecutionError::DuplicateKey(_) => EvaluationFault::Value,
        _ => EvaluationFault::Internal,
    }
}
