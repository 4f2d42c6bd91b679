//! What policy conditions read of a principal, as values of the expression language, built once
//! when its credential is verified: building them anew costs more than evaluating a rule.

use std::collections::HashMap;

use cel::Value;
use cel::common::types::CelMap;
use cel::common::value::Val;

/// The variables `user` and `principal` of policy conditions.
///
/// `user`: `id`, `subject`, `name`, `email`, `groups`, `avatar` (mapped; absent text is `""`, absent
/// groups are `[]`), `issuer` (the configured short name), and `claims` (all claims, raw).
/// `principal`: `kind` (`"user"`), `issuer`, `issuer_url`, `id`.
#[derive(Debug, Clone)]
pub struct Attributes {
    user: Box<dyn Val>,
    principal: Box<dyn Val>,
    weight: usize,
}

impl Attributes {
    /// The members of `user`: conditions may name no other.
    pub const USER_MEMBERS: [&str; 8] = [
        "id", "subject", "name", "email", "groups", "avatar", "issuer", "claims",
    ];
    /// The members of `principal`.
    pub const PRINCIPAL_MEMBERS: [&str; 4] = ["kind", "issuer", "issuer_url", "id"];

    /// Pairs the two values; made beside a principal only.
    pub(super) fn new(user: Value, principal: Value) -> Self {
        let weight = weigh(&user);
        Self {
            user: operand(user),
            principal: operand(principal),
            weight,
        }
    }

    /// Attributes of nobody with a value of the right type in each member, and no claims: what
    /// conditions are tried against before they decide about people.
    pub fn sample() -> Self {
        let texts = |names: &[&str]| -> HashMap<String, Value> {
            let entry = |name: &&str| ((*name).to_owned(), Value::from("sample"));
            names.iter().map(entry).collect()
        };
        let mut user = texts(&Self::USER_MEMBERS);
        user.insert(
            "groups".to_owned(),
            Value::from(vec![Value::from("sample")]),
        );
        user.insert(
            "claims".to_owned(),
            Value::from(HashMap::<String, Value>::new()),
        );
        Self::new(
            Value::from(user),
            Value::from(texts(&Self::PRINCIPAL_MEMBERS)),
        )
    }

    /// The variable `user`.
    pub fn user(&self) -> &dyn Val {
        &*self.user
    }

    /// The variable `principal`.
    pub fn principal(&self) -> &dyn Val {
        &*self.principal
    }

    /// How much going through all of `user` costs at most, in elements.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

/// The form that evaluation borrows. Every value made of JSON has it; one that has not would be
/// empty, which gives no rights.
fn operand(value: Value) -> Box<dyn Val> {
    Box::<dyn Val>::try_from(value).unwrap_or_else(|_no_such_form| Box::new(CelMap::default()))
}

fn weigh(value: &Value) -> usize {
    const BYTES_PER_ELEMENT: usize = 32;
    if let Value::List(items) = value {
        return items.iter().map(weigh).fold(1, usize::saturating_add);
    }
    if let Value::Map(map) = value {
        let values = map.map.values().map(weigh);
        return values.fold(map.map.len(), usize::saturating_add);
    }
    if let Value::String(text) = value {
        return 1 + text.len() / BYTES_PER_ELEMENT;
    }
    1
}
