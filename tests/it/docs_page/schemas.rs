//! The types of the description, in words.

use std::fmt::Write as _;

use super::description::Node;
use super::html::{code, escape, inline};

/// The table of an object's members; members of objects within it are named with a dot.
pub(super) fn members_table(schema: Node<'_>) -> String {
    let mut rows = String::new();
    member_rows(schema.followed(), "", &mut rows);
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"wide\"><table>\n<thead><tr><th>Member</th><th>Type</th><th>Meaning</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn member_rows(schema: Node<'_>, prefix: &str, rows: &mut String) {
    let required = schema.raw("required").texts();
    for (name, member) in schema.raw("properties").members() {
        let path = format!("{prefix}{name}");
        let optional = if required.contains(&name) {
            ""
        } else {
            " <small>optional</small>"
        };
        writeln!(
            rows,
            "<tr><td>{}{optional}</td><td>{}</td><td>{}</td></tr>",
            code(&path),
            type_of(member),
            meaning(member)
        )
        .unwrap();
        if member.reference_name().is_none() {
            member_rows(member, &format!("{path}."), rows);
        }
    }
}

/// The member's own words, else those of its type.
fn meaning(member: Node<'_>) -> String {
    match member.text("description") {
        "" => inline(member.followed().text("description")),
        own => inline(own),
    }
}

/// A type in a few words; a named object links to its table.
pub(super) fn type_of(schema: Node<'_>) -> String {
    if let Some(name) = schema.reference_name()
        && schema.followed().raw("properties").is_there()
    {
        return format!("<a href=\"#schema-{name}\">{}</a>", escape(name));
    }
    let schema = schema.followed();
    if schema.raw("const").is_there() {
        return code(&schema.raw("const").example());
    }
    let words = schema.raw("enum").texts();
    if !words.is_empty() && words.len() < 8 {
        let words: Vec<String> = words.into_iter().map(code).collect();
        return words.join(" or ");
    }
    let kind = match (schema.text("type"), schema.text("format")) {
        ("array", _) => format!("list of {}", type_of(schema.raw("items"))),
        ("string", "uuid") => "UUID".to_owned(),
        ("string", "uri") => "URL".to_owned(),
        ("string", "uri-reference") => "URL reference".to_owned(),
        ("string", _) => "text".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        ("integer", "int64") => "seconds since 1970".to_owned(),
        ("integer", _) => "whole number".to_owned(),
        (other, _) => escape(other),
    };
    let length = match (schema.integer("minLength"), schema.integer("maxLength")) {
        (Some(least), Some(most)) => format!(", {least}–{most} characters"),
        (None, Some(most)) => format!(", at most {most} characters"),
        (_, None) => String::new(),
    };
    format!("{kind}{length}")
}
