//! `openapi.yaml`, `openapi-internal.yaml` and the code say the same, in both directions: routes, methods, listeners, and
//! the table of problems. (That answers have the described form is shown by tests/external.)

use std::collections::BTreeSet;

use actix_web::http::Method as ServerMethod;
use room_broker::http::problem::Code;
use room_broker::http::routes::{INTERNAL, OPS, PUBLIC};

use crate::docs_page::{Description, Node, read_description, read_internal_description};

/// A path, its methods and its name in metrics.
type Offered = &'static (&'static str, &'static [ServerMethod], &'static str);

type Row<'a> = (&'a str, i64, &'a str);

#[test]
fn every_route_is_described_with_its_methods_and_nothing_else_is() {
    let public: Vec<Offered> = PUBLIC.iter().chain(OPS).collect();
    assert_eq!(described(&read_description()), offered(&public));
}

#[test]
fn every_route_of_the_internal_listener_is_described_with_its_methods_and_nothing_else_is() {
    let internal: Vec<Offered> = INTERNAL.iter().collect();
    assert_eq!(described(&read_internal_description()), offered(&internal));
}

/// Every path and method of a description.
fn described(description: &Description) -> BTreeSet<(String, String)> {
    let paths = description.root().get("paths").members().into_iter();
    let each = paths.flat_map(|(path, item)| {
        let methods = methods(item).into_iter();
        methods.map(move |method| (path.to_owned(), method))
    });
    each.collect()
}

/// Every path and method of a listener.
fn offered(routes: &[Offered]) -> BTreeSet<(String, String)> {
    let each = routes.iter().flat_map(|(path, methods, _)| {
        let methods = methods.iter();
        methods.map(|method| ((*path).to_owned(), method.to_string()))
    });
    each.collect()
}

#[test]
fn every_path_is_described_on_the_listeners_that_offer_it() {
    let description = read_description();
    let own_servers = |item: Node<'_>| -> BTreeSet<String> {
        item.raw("servers")
            .items()
            .iter()
            .map(|server| server.text("url").to_owned())
            .collect()
    };
    for (path, item) in description.root().get("paths").members() {
        let listed = own_servers(item);
        let is_public = PUBLIC.iter().any(|(offered, _, _)| *offered == path);
        let is_ops = OPS.iter().any(|(offered, _, _)| *offered == path);
        let on = |port: &str| listed.iter().any(|url| url.ends_with(port));
        assert_eq!(is_ops, on(":8082"), "{path} on the ops listener");
        let is_probe = is_ops && INTERNAL.iter().any(|(offered, _, _)| *offered == path);
        assert_eq!(is_probe, on(":8081"), "{path} on the internal listener");
        assert_eq!(
            is_public,
            listed.is_empty() || on(":8080"),
            "{path} on the public listener"
        );
    }
}

#[test]
fn every_problem_is_described_as_the_code_has_it_and_no_other_is() {
    let description = read_description();
    let rows = description.root().raw("x-problems").items();
    let described: BTreeSet<Row<'_>> = rows
        .iter()
        .map(|row| {
            (
                row.text("code"),
                row.integer("status").unwrap(),
                row.text("title"),
            )
        })
        .collect();
    let known: BTreeSet<Row<'_>> = Code::ALL
        .iter()
        .map(|code| {
            (
                code.as_str(),
                i64::from(code.status().as_u16()),
                code.title(),
            )
        })
        .collect();
    assert_eq!(described, known);
}

fn methods(item: Node<'_>) -> Vec<String> {
    const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];
    let members = item.members().into_iter();
    members
        .filter(|(name, _)| METHODS.contains(name))
        .map(|(name, _)| name.to_uppercase())
        .collect()
}
