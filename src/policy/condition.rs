//! A rule's condition in the Common Expression Language (CEL): compiled and checked once, evaluated
//! in bounded time, and without a panic whatever the library meets. Knows no rules.

mod dry_run;
mod evaluation;
mod names;
mod variables;

use std::fmt;
use std::sync::Arc;

use cel::common::ast::{Expr, LiteralValue};
use cel::{Env, Program};

use crate::domain::RoomPattern;

pub use evaluation::EvaluationFault;
pub(super) use evaluation::Unevaluated;
pub(super) use variables::Variables;

/// The most bytes of a condition.
pub const SOURCE_BYTES_MAX: usize = 4096;
/// The most nodes of its syntax tree, macros expanded.
pub const NODES_MAX: usize = 512;
/// The deepest nesting of its syntax tree: evaluation recurses, and workers' stacks are small.
pub const DEPTH_MAX: usize = 32;
/// The deepest nesting of `exists`, `all`, `map` and their like: each multiplies the time.
pub const COMPREHENSIONS_MAX: usize = 2;

/// The parser recurses some 25 KiB deep for each bracket before it gives up; see [`compile_all`].
const PARSER_STACK_BYTES: usize = 64 * 1024 * 1024;

/// A checked condition.
pub(super) enum Condition {
    /// `true`, or none given.
    Always,
    /// `false`: the rule is switched off.
    Never,
    /// Anything that must be evaluated.
    When(Box<Program>),
}

impl Condition {
    /// Compiles and checks a condition of a rule with this pattern. Recurses deeply: call it in
    /// [`on_parser_stack`] alone.
    fn compile(source: &str, pattern: &RoomPattern, env: &Arc<Env>) -> Result<Self, Vec<String>> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(vec![format!("must have at most {SOURCE_BYTES_MAX} bytes")]);
        }
        let program = env.compile(source).map_err(|faults| {
            let faults = faults.errors.iter();
            faults.map(syntax_fault).take(3).collect::<Vec<_>>()
        })?;
        names::check(&program, pattern)?;
        dry_run::check(&program, pattern, env)?;
        if let Expr::Literal(LiteralValue::Boolean(value)) = &program.expression().expr {
            let holds = *value.inner();
            return Ok(if holds { Self::Always } else { Self::Never });
        }
        Ok(Self::When(Box::new(program)))
    }

    /// Whether it holds for these variables.
    pub(super) fn evaluate(
        &self,
        env: &Arc<Env>,
        variables: &Variables<'_>,
    ) -> Result<bool, Unevaluated> {
        match self {
            Self::Always => Ok(true),
            Self::Never => Ok(false),
            Self::When(program) => evaluation::evaluate(program.expression(), env, variables),
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("Always"),
            Self::Never => f.write_str("Never"),
            Self::When(program) => write!(f, "When({:?})", program.source_info().source),
        }
    }
}

/// Compiles many conditions, each against its rule's pattern, in order.
///
/// The parser's recursion is deep enough to overrun a worker's stack, which would end the process:
/// so it runs on a thread of its own, where the bound on the source is bound enough.
pub(super) fn compile_all(
    sources: &[(Option<&str>, &RoomPattern)],
    env: &Arc<Env>,
) -> std::io::Result<Vec<Result<Condition, Vec<String>>>> {
    let compile = |(source, pattern): &(Option<&str>, &RoomPattern)| match source {
        Some(source) => Condition::compile(source, pattern, env),
        None => Ok(Condition::Always),
    };
    std::thread::scope(|scope| {
        let compiling = std::thread::Builder::new()
            .name("policy-compiler".to_owned())
            .stack_size(PARSER_STACK_BYTES)
            .spawn_scoped(scope, || sources.iter().map(compile).collect())?;
        compiling
            .join()
            .map_err(|_panic| std::io::Error::other("the compiler of conditions panicked"))
    })
}

fn syntax_fault(fault: &cel::ParseError) -> String {
    let (line, column) = fault.pos;
    let message = fault.msg.lines().next().unwrap_or_default();
    format!("cannot be read at line {line}, character {column}: {message}")
}

#[cfg(test)]
mod tests;
