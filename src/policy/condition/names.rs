//! What a condition may name, and how large it may be: checked on its syntax tree, so that a
//! mistyped name stops the start and not a lesson.

use cel::Program;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue,
    SourceInfo, operators,
};

use crate::authn::Attributes;
use crate::domain::RoomPattern;

use super::{COMPREHENSIONS_MAX, DEPTH_MAX, NODES_MAX};

const VARIABLES: [&str; 4] = ["user", "room", "principal", "now"];

/// Names of types, for `type(user.claims.level) == int`.
const TYPES: [&str; 11] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

const OPERATORS: [&str; 19] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::IN,
    operators::INDEX,
    operators::NOT_STRICTLY_FALSE,
];

/// The operators that give an optional instead of failing.
const OPTIONAL_OPERATORS: [&str; 2] = [operators::OPT_INDEX, operators::OPT_SELECT];

/// The standard functions. The macros `has`, `all`, `exists`, `exists_one`, `map` and `filter` are
/// expanded before the check.
const FUNCTIONS: [&str; 32] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "timestamp",
    "duration",
    "getFullYear",
    "getMonth",
    "getDayOfYear",
    "getDayOfMonth",
    "getDate",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "hasValue",
    "value",
    "or",
    "orValue",
];

/// Checks size and names of a condition of a rule with this pattern.
pub(super) fn check(program: &Program, pattern: &RoomPattern) -> Result<(), Vec<String>> {
    let mut walk = Walk {
        pattern,
        source: program.source_info(),
        scope: Vec::new(),
        nodes: 0,
        too_deep: false,
        faults: Vec::new(),
    };
    walk.visit(program.expression(), 1);
    if walk.too_deep {
        walk.fault_of_all(format!("is nested more than {DEPTH_MAX} deep"));
    }
    if walk.nodes > NODES_MAX {
        let nodes = walk.nodes;
        walk.fault_of_all(format!(
            "has {nodes} parts; at most {NODES_MAX} are allowed"
        ));
    }
    if walk.faults.is_empty() {
        Ok(())
    } else {
        Err(walk.faults)
    }
}

struct Walk<'e> {
    pattern: &'e RoomPattern,
    source: &'e SourceInfo,
    /// The variables of the loops around the current node.
    scope: Vec<&'e str>,
    nodes: usize,
    too_deep: bool,
    faults: Vec<String>,
}

impl<'e> Walk<'e> {
    fn visit(&mut self, node: &'e IdedExpr, depth: usize) {
        self.nodes += 1;
        self.too_deep |= depth > DEPTH_MAX;
        match &node.expr {
            Expr::Literal(_) => {}
            Expr::Ident(name) => self.ident(node, name),
            Expr::Select(select) => {
                self.member(node, &select.operand, &select.field);
                self.visit(&select.operand, depth + 1);
            }
            Expr::Call(call) => self.call(node, call, depth),
            Expr::List(list) => self.visit_all(&list.elements, depth),
            Expr::Map(map) => self.entries(&map.entries, depth),
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension, depth),
            Expr::Struct(message) => {
                self.fault(
                    node,
                    format_args!("builds a {}, which is no known type", message.type_name),
                );
            }
            Expr::Unspecified => self.fault(node, format_args!("has an empty part")),
        }
    }

    fn visit_all(&mut self, nodes: &'e [IdedExpr], depth: usize) {
        for node in nodes {
            self.visit(node, depth + 1);
        }
    }

    fn entries(&mut self, entries: &'e [IdedEntryExpr], depth: usize) {
        for entry in entries {
            match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, depth + 1);
                    self.visit(&entry.value, depth + 1);
                }
                EntryExpr::StructField(field) => self.visit(&field.value, depth + 1),
            }
        }
    }

    fn ident(&mut self, node: &IdedExpr, name: &str) {
        let known =
            self.scope.contains(&name) || VARIABLES.contains(&name) || TYPES.contains(&name);
        if !known {
            self.fault(
                node,
                format_args!(
                    "names {name}, which is not a variable; there are user, room, principal and now"
                ),
            );
        }
    }

    fn call(&mut self, node: &'e IdedExpr, call: &'e CallExpr, depth: usize) {
        let name = call.func_name.as_str();
        let namespaced = call
            .target
            .as_deref()
            .filter(|target| is_optional_namespace(target));
        let known = match namespaced {
            Some(_) => FUNCTIONS
                .iter()
                .any(|known| known.strip_prefix("optional.") == Some(name)),
            None => {
                OPERATORS.contains(&name)
                    || OPTIONAL_OPERATORS.contains(&name)
                    || FUNCTIONS.contains(&name)
            }
        };
        if !known {
            self.fault(node, format_args!("calls {name}, which is not a function"));
        }
        if name == "matches" && !call.args.last().is_some_and(is_text) {
            // Compiled anew at each evaluation: a pattern from a claim could be made to cost.
            self.fault(
                node,
                format_args!("calls matches with a pattern that is not a text in quotes"),
            );
        }
        if let [operand, index] = call.args.as_slice()
            && (name == operators::INDEX || OPTIONAL_OPERATORS.contains(&name))
            && let Expr::Literal(LiteralValue::String(member)) = &index.expr
        {
            self.member(node, operand, member.inner());
        }
        if namespaced.is_none()
            && let Some(target) = &call.target
        {
            self.visit(target, depth + 1);
        }
        self.visit_all(&call.args, depth);
    }

    fn comprehension(&mut self, node: &IdedExpr, loops: &'e ComprehensionExpr, depth: usize) {
        self.visit(&loops.iter_range, depth + 1);
        let variables = [
            Some(&loops.iter_var),
            loops.iter_var2.as_ref(),
            Some(&loops.accu_var),
        ];
        let variables: Vec<&'e str> = variables
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        for name in &variables {
            if VARIABLES.contains(name) || TYPES.contains(name) || *name == "optional" {
                self.fault(
                    node,
                    format_args!("names a loop's variable {name}, which hides another"),
                );
            }
        }
        // Three names for each loop around this one, at most: counting accumulators counts loops.
        let around = self
            .scope
            .iter()
            .filter(|name| name.starts_with('@'))
            .count();
        if around >= COMPREHENSIONS_MAX {
            self.fault(
                node,
                format_args!("nests more than {COMPREHENSIONS_MAX} loops"),
            );
        }
        let outer = self.scope.len();
        self.visit(&loops.accu_init, depth + 1);
        self.scope.extend(variables);
        self.visit(&loops.loop_cond, depth + 1);
        self.visit(&loops.loop_step, depth + 1);
        self.visit(&loops.result, depth + 1);
        self.scope.truncate(outer);
    }

    /// Checks a member of a variable whose members are known.
    fn member(&mut self, node: &IdedExpr, operand: &IdedExpr, member: &str) {
        let Expr::Ident(variable) = &operand.expr else {
            return;
        };
        let fault = match variable.as_str() {
            "user" if !Attributes::USER_MEMBERS.contains(&member) => {
                let members = Attributes::USER_MEMBERS.join(", ");
                format!("names user.{member}; user has {members} (raw claims are in user.claims)")
            }
            "principal" if !Attributes::PRINCIPAL_MEMBERS.contains(&member) => {
                let members = Attributes::PRINCIPAL_MEMBERS.join(", ");
                format!("names principal.{member}; principal has {members}")
            }
            "room"
                if member != "key" && !self.pattern.capture_names().any(|name| name == member) =>
            {
                format!(
                    "names room.{member}, but the pattern {} captures no {member}",
                    self.pattern
                )
            }
            "now" => format!("names now.{member}; now is a timestamp, such as now.getHours()"),
            _known => return,
        };
        self.fault(node, format_args!("{fault}"));
    }

    fn fault(&mut self, node: &IdedExpr, problem: std::fmt::Arguments<'_>) {
        let place = place_of(self.source, node);
        self.faults.push(format!("{place}{problem}"));
    }

    fn fault_of_all(&mut self, problem: String) {
        self.faults.push(problem);
    }
}

/// Where a node stands, as the beginning of a message.
pub(super) fn place_of(source: &SourceInfo, node: &IdedExpr) -> String {
    let start = source
        .offset_for(node.id)
        .and_then(|(start, _)| usize::try_from(start).ok());
    match start {
        Some(start) => format!("at character {} it ", start + 1),
        None => "it ".to_owned(),
    }
}

/// Whether `optional` stands for the namespace of `optional.of` and its like.
pub(super) fn is_optional_namespace(target: &IdedExpr) -> bool {
    matches!(&target.expr, Expr::Ident(name) if name == "optional")
}

fn is_text(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Literal(LiteralValue::String(_)))
}
