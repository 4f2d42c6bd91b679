//! The page, from top to bottom.

use std::fmt::Write as _;

use base64::Engine as _;

use super::description::Node;
use super::html::{code, escape, inline, markdown};
use super::schemas::{members_table, type_of};

const STYLE: &str = include_str!("style.css");

/// The whole description as one page.
pub(super) fn of(root: Node<'_>) -> String {
    let info = root.get("info");
    let mut main = String::new();
    write!(
        main,
        "<h1>{} API</h1>\n<p class=\"summary\">{} Version {}.</p>\n{}",
        escape(info.text("title")),
        inline(info.text("summary")),
        escape(info.text("version")),
        markdown(info.text("description"))
    )
    .unwrap();
    for tag in root.raw("tags").items() {
        let name = tag.text("name");
        writeln!(
            main,
            "<h2 id=\"{}\">{}</h2>\n<p>{}</p>",
            anchor(name),
            escape(name),
            inline(tag.text("description"))
        )
        .unwrap();
        for operation in operations(root, name) {
            operation.write(&mut main);
        }
    }
    write_problems(root, &mut main);
    write_schemas(root, &mut main);
    let style_hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    let style_hash = base64::engine::general_purpose::STANDARD.encode(style_hash);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{style_hash}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<div class=\"page\">\n\
         {nav}<main>\n{main}</main>\n</div>\n</body>\n</html>\n",
        title = escape(info.text("title")),
        nav = navigation(root),
    )
}

struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    path_item: Node<'a>,
    node: Node<'a>,
    root: Node<'a>,
}

fn operations<'a>(root: Node<'a>, tag: &str) -> Vec<Operation<'a>> {
    const METHODS: [&str; 6] = ["get", "put", "post", "patch", "delete", "head"];
    let mut found = Vec::new();
    for (path, path_item) in root.get("paths").members() {
        for (method, operation) in path_item.members() {
            if METHODS.contains(&method) && operation.raw("tags").texts().contains(&tag) {
                found.push(Operation {
                    method,
                    path,
                    path_item,
                    node: operation,
                    root,
                });
            }
        }
    }
    found
}

impl Operation<'_> {
    fn write(&self, main: &mut String) {
        let operation = self.node;
        writeln!(
            main,
            "<section id=\"{}\">\n<h3>{}</h3>\n<p class=\"route\"><span class=\"method\">{}</span>{}</p>\n{}",
            operation.text("operationId"),
            escape(operation.text("summary")),
            self.method.to_uppercase(),
            code(self.path),
            markdown(operation.text("description"))
        )
        .unwrap();
        main.push_str(&self.where_and_who());
        self.write_parameters(main);
        self.write_body(main);
        self.write_responses(main);
        main.push_str("</section>\n");
    }

    /// Which listener, if not the public one, and which credential.
    fn where_and_who(&self) -> String {
        let servers = self.path_item.raw("servers").items();
        let servers: Vec<String> = servers
            .iter()
            .map(|server| {
                let about = server.text("description").trim_end_matches('.');
                format!("{} ({})", code(server.text("url")), escape(about))
            })
            .collect();
        let own = self.node.raw("security");
        let open = own.is_there() && own.items().is_empty();
        let credential = if open {
            "No credential is needed."
        } else {
            "Needs the user's token as <code>Authorization: Bearer</code>."
        };
        let listeners = if servers.is_empty() {
            String::new()
        } else {
            format!(" Served at {}.", servers.join(" and "))
        };
        format!("<p>{credential}{listeners}</p>\n")
    }

    fn write_parameters(&self, main: &mut String) {
        let mut rows = String::new();
        for holder in [self.path_item, self.node] {
            for parameter in holder.raw("parameters").items() {
                let parameter = parameter.followed();
                let optional = if parameter.raw("required").is_true() {
                    ""
                } else {
                    " <small>optional</small>"
                };
                writeln!(
                    rows,
                    "<tr><td>{}{optional}</td><td>{}, {}</td><td>{}</td></tr>",
                    code(parameter.text("name")),
                    escape(parameter.text("in")),
                    type_of(parameter.raw("schema")),
                    inline(parameter.text("description").trim())
                )
                .unwrap();
            }
        }
        if !rows.is_empty() {
            writeln!(
                main,
                "<h4>Parameters</h4>\n<div class=\"wide\"><table>\n<tbody>\n{rows}</tbody>\n</table></div>"
            )
            .unwrap();
        }
    }

    fn write_body(&self, main: &mut String) {
        let body = self.node.get("requestBody");
        for (media_type, content) in body.get("content").members() {
            writeln!(
                main,
                "<h4>Body, {}</h4>\n<p>{}</p>\n{}{}",
                code(media_type),
                inline(body.text("description")),
                members_table(content.raw("schema")),
                examples(content, false)
            )
            .unwrap();
        }
    }

    fn write_responses(&self, main: &mut String) {
        main.push_str("<h4>Answers</h4>\n<div class=\"wide\"><table>\n<tbody>\n");
        for (status, response) in self.node.get("responses").members() {
            let response = response.followed();
            let tone = if status.starts_with('2') {
                "good"
            } else {
                "bad"
            };
            let mut cell = markdown(&link_problem_codes(
                self.root,
                response.text("description").trim(),
            ));
            for (media_type, content) in response.get("content").members() {
                let schema = content.raw("schema");
                let named = schema
                    .reference_name()
                    .map_or_else(String::new, |_| format!(", {}", type_of(schema)));
                if media_type != "application/problem+json" {
                    writeln!(cell, "<p>{}{named}</p>", code(media_type)).unwrap();
                }
                cell.push_str(&examples(content, tone == "good"));
            }
            writeln!(
                main,
                "<tr><td><span class=\"status {tone}\">{status}</span></td><td>{cell}{}</td></tr>",
                header_list(response)
            )
            .unwrap();
        }
        main.push_str("</tbody>\n</table></div>\n");
    }
}

fn header_list(response: Node<'_>) -> String {
    let headers = response.get("headers").members();
    let names: Vec<String> = headers
        .iter()
        .map(|(name, _)| format!("<a href=\"#header-{0}\"><code>{0}</code></a>", escape(name)))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!("<p><small>Headers:</small> {}</p>", names.join(", "))
}

/// The examples of a body, folded; the first of a good answer is open.
fn examples(content: Node<'_>, first_open: bool) -> String {
    let mut text = String::new();
    for (index, (_, example)) in content.get("examples").members().into_iter().enumerate() {
        let open = if first_open && index == 0 {
            " open"
        } else {
            ""
        };
        let example = example.followed();
        let summary = match example.text("summary") {
            "" => "Example",
            own => own,
        };
        writeln!(
            text,
            "<details{open}><summary>{}</summary><pre><code>{}</code></pre></details>",
            escape(summary),
            escape(example.get("value").example().trim_end())
        )
        .unwrap();
    }
    text
}

/// Makes each problem code in a description a link to its row of the table.
fn link_problem_codes(root: Node<'_>, description: &str) -> String {
    let mut linked = description.to_owned();
    for row in root.raw("x-problems").items() {
        let name = row.text("code");
        linked = linked.replace(
            &format!("`{name}`"),
            &format!("[`{name}`](#problem-{name})"),
        );
    }
    linked
}

fn write_problems(root: Node<'_>, main: &mut String) {
    main.push_str(
        "<h2 id=\"problems\">Problems</h2>\n<p>Every code, with what it means and who can do what about it. \
         The document itself is a <a href=\"#schema-Problem\">Problem</a>.</p>\n\
         <div class=\"wide\"><table class=\"problems\">\n<thead><tr><th>Status</th><th>Code</th><th>Meaning</th><th>What to do</th></tr></thead>\n<tbody>\n",
    );
    for row in root.raw("x-problems").items() {
        let name = row.text("code");
        writeln!(
            main,
            "<tr id=\"problem-{name}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            row.integer("status").unwrap(),
            code(name),
            inline(row.text("meaning")),
            inline(row.text("remedy"))
        )
        .unwrap();
    }
    main.push_str("</tbody>\n</table></div>\n");
}

fn write_schemas(root: Node<'_>, main: &mut String) {
    let components = root.get("components");
    main.push_str("<h2 id=\"headers\">Headers</h2>\n<div class=\"wide\"><table>\n<tbody>\n");
    for (name, header) in headers_in_use(root) {
        writeln!(
            main,
            "<tr id=\"header-{name}\"><td>{}</td><td>{}</td></tr>",
            code(name),
            inline(header.text("description"))
        )
        .unwrap();
    }
    main.push_str("</tbody>\n</table></div>\n<h2 id=\"schemas\">Schemas</h2>\n");
    for (name, schema) in components.get("schemas").members() {
        let table = members_table(schema);
        if !table.is_empty() {
            writeln!(
                main,
                "<h3 id=\"schema-{name}\">{name}</h3>\n{}{table}",
                markdown(schema.text("description"))
            )
            .unwrap();
        }
    }
}

/// Each header by the name that it is sent under, once.
fn headers_in_use(root: Node<'_>) -> Vec<(&str, Node<'_>)> {
    let mut found: Vec<(&str, Node<'_>)> = Vec::new();
    let mut responses: Vec<Node<'_>> = Vec::new();
    for (_, path_item) in root.get("paths").members() {
        for (_, operation) in path_item.members() {
            let own = operation.get("responses").members();
            responses.extend(own.into_iter().map(|(_, response)| response.followed()));
        }
    }
    for response in responses {
        for (name, header) in response.get("headers").members() {
            if !found.iter().any(|(known, _)| *known == name) {
                found.push((name, header.followed()));
            }
        }
    }
    found
}

fn navigation(root: Node<'_>) -> String {
    let mut nav = format!(
        "<nav aria-label=\"Contents\">\n<p class=\"name\">{}</p>\n",
        escape(root.get("info").text("title"))
    );
    for tag in root.raw("tags").items() {
        let name = tag.text("name");
        writeln!(nav, "<strong>{}</strong>", escape(name)).unwrap();
        for operation in operations(root, name) {
            writeln!(
                nav,
                "<a href=\"#{}\">{}</a>",
                operation.node.text("operationId"),
                escape(operation.node.text("summary"))
            )
            .unwrap();
        }
    }
    nav.push_str(
        "<strong>Reference</strong>\n<a href=\"#problems\">Problems</a>\n<a href=\"#headers\">Headers</a>\n\
         <a href=\"#schemas\">Schemas</a>\n<a href=\"openapi.yaml\">openapi.yaml</a>\n</nav>\n",
    );
    nav
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
