//! Tries a condition, and each part of it, on values of the right types: what fails by type now
//! would fail for everybody later. The language is dynamic and the raw claims are unknown, so this
//! finds what can be found, and nothing that could be right.

use std::sync::Arc;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, operators};
use cel::common::value::Val;
use cel::{Context, Env, Program};

use crate::authn::SampleAttributes;
use crate::clock::UnixTime;
use crate::domain::{RoomKey, RoomPattern};

use super::evaluation::{EvaluationFault, Unevaluated, resolve};
use super::names::{is_optional_namespace, place_of};
use super::variables::Variables;

const BOOL: &str = "bool";
const NULL: &str = "null_type";
const NUMBERS: [&str; 3] = ["int", "uint", "double"];

/// Checks the types of a condition whose names are known to be right.
pub(super) fn check(
    program: &Program,
    pattern: &RoomPattern,
    env: &Arc<Env>,
) -> Result<(), Vec<String>> {
    let sample = SampleAttributes::new();
    // A digit: `int(room.course)` is a reasonable thing to write.
    let Ok(room_key) = RoomKey::parse("1") else {
        return Ok(());
    };
    let captures = pattern.sample_captures("1");
    let now = UnixTime::from_seconds(1_800_000_000);
    let variables = Variables::new(sample.attributes(), &room_key, &captures, now);
    let mut context = Context::with_env(Arc::clone(env));
    context.set_variable_resolver(&variables);

    let mut trial = Trial {
        program,
        faults: Vec::new(),
    };
    let result = trial.of(program.expression(), &context);
    if let Some(other) = result.filter(|result| result != BOOL) {
        trial.faults.push(format!(
            "must give true or false, but gives {}",
            in_words(&other)
        ));
    }
    if trial.faults.is_empty() {
        Ok(())
    } else {
        Err(trial.faults)
    }
}

struct Trial<'e> {
    program: &'e Program,
    faults: Vec<String>,
}

impl<'e> Trial<'e> {
    /// The name of the type of a part, if it can be known.
    fn of(&mut self, node: &'e IdedExpr, context: &Context<'_, '_>) -> Option<String> {
        let faults_before = self.faults.len();
        let parts_known = match &node.expr {
            Expr::Literal(_) | Expr::Ident(_) => true,
            Expr::Select(select) => self.of(&select.operand, context).is_some(),
            Expr::Call(call) => self.call(node, call, context),
            Expr::List(list) => self.all(&list.elements, context),
            Expr::Map(map) => map.entries.iter().fold(true, |known, entry| {
                let (EntryExpr::MapEntry(entry), known) = (&entry.expr, known) else {
                    return false;
                };
                let key = self.of(&entry.key, context).is_some();
                let value = self.of(&entry.value, context).is_some();
                known && key && value
            }),
            Expr::Comprehension(loops) => self.comprehension(node, loops, context),
            Expr::Struct(_) | Expr::Unspecified => false,
        };
        if self.faults.len() > faults_before {
            return None;
        }
        if !parts_known {
            return gives_bool(&node.expr).then(|| BOOL.to_owned());
        }
        match resolve(node, context) {
            Ok(value) => Some(value.get_type().name().to_owned()),
            Err(unevaluated) => {
                let fails_always = match unevaluated.fault {
                    EvaluationFault::Type => true,
                    EvaluationFault::Missing
                    | EvaluationFault::Value
                    | EvaluationFault::Internal => is_constant(node) || has_bad_regex(node),
                    EvaluationFault::NotBoolean | EvaluationFault::TooManySteps => false,
                };
                if fails_always {
                    let problem = unusable(node, context, &unevaluated);
                    self.fault(node, format_args!("always fails: {problem}"));
                }
                None
            }
        }
    }

    fn all(&mut self, nodes: &'e [IdedExpr], context: &Context<'_, '_>) -> bool {
        let types: Vec<_> = nodes.iter().map(|node| self.of(node, context)).collect();
        types.iter().all(Option::is_some)
    }

    /// Tries the arguments of a call; true if all are known.
    fn call(&mut self, node: &IdedExpr, call: &'e CallExpr, context: &Context<'_, '_>) -> bool {
        let target_known = match call.target.as_deref() {
            Some(target) if !is_optional_namespace(target) => self.of(target, context).is_some(),
            Some(_) | None => true,
        };
        let types: Vec<Option<String>> =
            call.args.iter().map(|arg| self.of(arg, context)).collect();
        let name = call.func_name.as_str();
        let booleans = match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => types.len(),
            operators::CONDITIONAL => 1,
            _other => 0,
        };
        for (arg, found) in call.args.iter().zip(&types).take(booleans) {
            if let Some(found) = found.as_deref().filter(|found| *found != BOOL) {
                self.fault(
                    arg,
                    format_args!("needs true or false here, but has {}", in_words(found)),
                );
            }
        }
        if let ([_, right], [Some(left_type), Some(right_type)]) =
            (call.args.as_slice(), types.as_slice())
        {
            match name {
                operators::EQUALS | operators::NOT_EQUALS if !comparable(left_type, right_type) => {
                    let (a, b) = (in_words(left_type), in_words(right_type));
                    self.fault(
                        node,
                        format_args!("compares {a} with {b}: they are never equal"),
                    );
                }
                operators::IN => self.element(node, left_type, right, context),
                _other => {}
            }
        }
        target_known && types.iter().all(Option::is_some)
    }

    /// `x in list`, where the list's elements are of another type than `x`.
    fn element(
        &mut self,
        node: &IdedExpr,
        left_type: &str,
        right: &IdedExpr,
        context: &Context<'_, '_>,
    ) {
        let Some(element) = first_element(right, context) else {
            return;
        };
        let element = element.get_type().name();
        if !comparable(left_type, element) {
            let (a, b) = (in_words(left_type), in_words(element));
            self.fault(
                node,
                format_args!("looks for {a} among values that are each {b}"),
            );
        }
    }

    /// Tries a loop's body on the first element; true if the loop as a whole can be evaluated.
    fn comprehension(
        &mut self,
        node: &IdedExpr,
        loops: &'e ComprehensionExpr,
        context: &Context<'_, '_>,
    ) -> bool {
        let range = self.of(&loops.iter_range, context);
        let mut inner = context.new_inner_scope();
        if let Ok(initial) = resolve(&loops.accu_init, context) {
            inner.add_variable_as_val(&*loops.accu_var, initial.into_owned());
        }
        if range.is_some() {
            if let Some(element) = first_element(&loops.iter_range, context) {
                inner.add_variable_as_val(&*loops.iter_var, element);
            } else if let Some(range) = range.as_deref().filter(|range| !is_iterable(range)) {
                self.fault(node, format_args!("loops over {}", in_words(range)));
            }
        }
        let step = self.of(&loops.loop_step, &inner);
        range.is_some() && step.is_some()
    }

    fn fault(&mut self, node: &IdedExpr, problem: std::fmt::Arguments<'_>) {
        let place = place_of(self.program.source_info(), node);
        // The library explains regular expressions over several lines.
        let problem = problem.to_string().replace('\n', " ");
        self.faults.push(format!("{place}{problem}"));
    }
}

/// What to say of a part that fails: the types that an operator or function got, where it is one.
fn unusable(node: &IdedExpr, context: &Context<'_, '_>, unevaluated: &Unevaluated) -> String {
    let Expr::Call(call) = &node.expr else {
        return unevaluated.to_string();
    };
    if unevaluated.fault != EvaluationFault::Type {
        return unevaluated.to_string();
    }
    let operands = call.target.as_deref().into_iter().chain(&call.args);
    let types: Vec<String> = operands
        .filter_map(|operand| resolve(operand, context).ok())
        .map(|value| in_words(value.get_type().name()))
        .collect();
    let name = call.func_name.trim_matches(['_', '@']);
    format!("{name} is not for {}", types.join(" and "))
}

fn first_element<'v>(node: &IdedExpr, context: &Context<'_, 'v>) -> Option<Box<dyn Val + 'v>> {
    let range = resolve(node, context).ok()?;
    let first = range.as_iterable()?.iter().next()?.clone_as_boxed();
    Some(first)
}

fn comparable(a: &str, b: &str) -> bool {
    let number = |name| NUMBERS.contains(&name);
    a == b || a == NULL || b == NULL || (number(a) && number(b))
}

fn is_iterable(type_name: &str) -> bool {
    matches!(type_name, "list" | "map")
}

/// Whether a part gives a boolean, if it gives anything.
fn gives_bool(expression: &Expr) -> bool {
    match expression {
        Expr::Call(call) => matches!(
            call.func_name.as_str(),
            operators::LOGICAL_AND
                | operators::LOGICAL_OR
                | operators::LOGICAL_NOT
                | operators::EQUALS
                | operators::NOT_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::IN
        ),
        Expr::Select(select) => select.test,
        Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Unspecified => false,
    }
}

/// Whether a part reads no variable, so that it fails for everybody if it fails once.
fn is_constant(node: &IdedExpr) -> bool {
    node.references().variables().is_empty()
}

/// The pattern of `matches` is a literal: if the call fails, it is the pattern that is wrong.
fn has_bad_regex(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Call(call) if call.func_name == "matches")
}

/// A type's name with its article.
fn in_words(type_name: &str) -> String {
    match type_name {
        "int" => "an int".to_owned(),
        BOOL => "true or false".to_owned(),
        NULL => "null".to_owned(),
        "google.protobuf.Timestamp" => "a timestamp".to_owned(),
        "google.protobuf.Duration" => "a duration".to_owned(),
        "optional_type" => "an optional value".to_owned(),
        other => format!("a {other}"),
    }
}
