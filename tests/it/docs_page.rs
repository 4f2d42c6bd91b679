//! `src/http/docs.html` is `openapi.yaml` as a page. `ROOM_BROKER_UPDATE=1 cargo test docs_page`
//! writes it anew.

mod description;
mod html;
mod page;
mod schemas;

use std::collections::BTreeSet;

pub(crate) use description::{Description, Node};

const OPENAPI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/docs.html");

#[test]
fn the_page_says_what_the_description_says() {
    let page = page::of(read_description().root());
    if std::env::var_os("ROOM_BROKER_UPDATE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == page,
        "src/http/docs.html is not what openapi.yaml says: run ROOM_BROKER_UPDATE=1 cargo test docs_page"
    );
}

#[test]
fn the_page_loads_and_runs_nothing_and_its_links_lead_somewhere() {
    let page = page::of(read_description().root());
    for forbidden in [
        "<script", "<link", "<img", "<iframe", " src=", "@import", "url(", " onload",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for target in page.split("href=\"#").skip(1) {
        let (anchor, _) = target.split_once('"').unwrap();
        let place = format!("id=\"{anchor}\"");
        assert_eq!(page.matches(&place).count(), 1, "{anchor}");
    }
}

#[test]
fn every_problem_code_stands_once_in_the_table_and_in_the_enumeration() {
    let description = read_description();
    let root = description.root();
    let schemas = root.get("components").get("schemas");
    let table: Vec<&str> = root
        .raw("x-problems")
        .items()
        .iter()
        .map(|row| row.text("code"))
        .collect();
    assert_eq!(schemas.get("ProblemCode").raw("enum").texts(), table);
    assert_eq!(table.iter().collect::<BTreeSet<_>>().len(), table.len());
    let properties = schemas.get("Problem").get("properties");
    for row in root.raw("x-problems").items() {
        for member in row.raw("members").texts() {
            assert!(properties.raw(member).is_there(), "{member}");
        }
    }
}

#[test]
fn every_example_of_a_problem_is_as_the_table_has_it() {
    let description = read_description();
    let root = description.root();
    let table = root.raw("x-problems").items();
    let mut examples = 0;
    for (name, response) in root.get("components").get("responses").members() {
        let content = response.get("content").raw("application/problem+json");
        for (_, example) in content.get("examples").members() {
            let problem = example.get("value");
            let code = problem.text("code");
            let row = table.iter().find(|row| row.text("code") == code);
            let row = row.unwrap_or_else(|| panic!("{name}: {code} is not in the table"));
            assert_eq!(problem.text("title"), row.text("title"));
            assert_eq!(problem.integer("status"), row.integer("status"));
            assert_eq!(problem.text("type"), format!("/docs#problem-{code}"));
            for member in row.raw("members").texts() {
                assert!(problem.raw(member).is_there(), "{name}: {member}");
            }
            examples += 1;
        }
    }
    assert!(examples > 5);
}

/// The description of the internal listener.
pub(crate) fn read_internal_description() -> Description {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi-internal.yaml");
    Description::parse(&std::fs::read_to_string(path).unwrap())
}

/// The description in the repository.
pub(crate) fn read_description() -> Description {
    Description::parse(&std::fs::read_to_string(OPENAPI).unwrap())
}
