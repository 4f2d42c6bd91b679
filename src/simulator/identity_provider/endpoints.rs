//! What the provider serves.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Provider;
use super::keys::Algorithm;
use super::users::User;
use crate::simulator::exchange::{Call, Reply, escaped};
use crate::simulator::server::{Route, Service};

impl Service for Provider {
    fn route<'c>(&'c self, call: &'c Call) -> Option<Route<'c>> {
        let route = |operation, act: Box<dyn FnOnce() -> Reply + 'c>| Route { operation, act };
        Some(match (call.method.as_str(), call.path().as_slice()) {
            ("GET", []) => route("index", Box::new(Self::index)),
            ("GET", [".well-known", "openid-configuration"]) => {
                route("discovery", Box::new(|| self.discovery()))
            }
            ("GET", ["jwks"]) => route("jwks", Box::new(|| Reply::json(200, &self.keys().jwks()))),
            ("GET" | "POST", ["demo", "token"]) => {
                route("demo_token", Box::new(|| self.demo_token(call)))
            }
            ("POST", ["introspect"]) => route("introspection", Box::new(|| self.introspect(call))),
            _ => return None,
        })
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Reply> {
        match (call.method.as_str(), path) {
            ("POST", ["reset"]) => Some(Reply::empty(204)),
            ("POST", ["keys", "rotate"]) => {
                let rotated = self.keys().rotate();
                Some(Reply::empty(rotated.map_or(500, |()| 204)))
            }
            _ => None,
        }
    }

    fn not_found(&self, _call: &Call) -> Reply {
        Reply::json(404, &json!({ "error": "not_found" }))
    }
}

impl Provider {
    fn discovery(&self) -> Reply {
        let issuer = &self.issuer;
        Reply::json(
            200,
            &json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/jwks"),
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/demo/token"),
                "introspection_endpoint": format!("{issuer}/introspect"),
                "introspection_endpoint_auth_methods_supported":
                    ["client_secret_basic", "client_secret_post"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": self.keys().algorithms(),
                "scopes_supported": ["openid", "profile", "email"],
            }),
        )
    }

    /// `user`; optional `kind=opaque`, `alg`, `expires_in` in seconds, `format=text`.
    fn demo_token(&self, call: &Call) -> Reply {
        let Some(user) = call.query("user").and_then(User::named) else {
            return refused("user must be one of ada, ben, cleo");
        };
        let ttl = match call.query("expires_in").map(str::parse) {
            None => self.token_ttl,
            Some(Ok(seconds)) => Duration::from_secs(seconds),
            Some(Err(_)) => return refused("expires_in must be a number of seconds"),
        };
        let algorithm = match call.query("alg") {
            None | Some("RS256") => Algorithm::Rs256,
            Some("ES256") => Algorithm::Es256,
            Some("EdDSA") => Algorithm::EdDsa,
            Some(_) => return refused("alg must be one of RS256, ES256, EdDSA"),
        };
        let claims = self.claims(user, ttl);
        let token = if call.query("kind") == Some("opaque") {
            self.issue_opaque(claims)
        } else {
            let kid = self.keys().kid_for(algorithm);
            match kid.and_then(|kid| self.sign(&kid, &json!({}), &claims)) {
                Ok(token) => token,
                Err(cause) => return refused(&cause.to_string()),
            }
        };
        let reply = if call.query("format") == Some("text") {
            Reply::new(200, "text/plain", token.into_bytes())
        } else {
            let body = json!({
                "access_token": token, "token_type": "Bearer", "expires_in": ttl.as_secs(),
            });
            Reply::json(200, &body)
        };
        reply.with_header("cache-control", "no-store")
    }

    /// RFC 7662.
    fn introspect(&self, call: &Call) -> Reply {
        let form = call.form();
        let field = |name: &str| {
            let mut fields = form.iter();
            fields.find_map(|(key, value)| (key == name).then_some(value.as_str()))
        };
        let basic = call
            .authorization()
            .and_then(|header| header.strip_prefix("Basic "));
        let known = match basic {
            Some(basic) => {
                let expected = format!("{}:{}", self.client.id, self.client.secret);
                STANDARD
                    .decode(basic)
                    .is_ok_and(|given| given == expected.as_bytes())
            }
            None => {
                field("client_id") == Some(&self.client.id)
                    && field("client_secret") == Some(&self.client.secret)
            }
        };
        if !known {
            return Reply::json(401, &json!({ "error": "invalid_client" }))
                .with_header("www-authenticate", "Basic");
        }
        let claims = field("token").and_then(|token| self.issued().by_token.get(token).cloned());
        let now = self.clock.now().seconds();
        let active = claims.filter(|claims| {
            let exp = claims.get("exp").and_then(Value::as_u64);
            exp.is_none_or(|exp| now < exp)
        });
        Reply::json(
            200,
            &match active {
                None => json!({ "active": false }),
                Some(claims) => {
                    super::merged(json!({ "active": true, "token_type": "Bearer" }), &claims)
                }
            },
        )
    }

    fn index() -> Reply {
        let mut rows = String::new();
        for user in User::ALL {
            let name = user.name();
            let row = format!(
                "<li><strong>{}</strong> {} \
                 <a href=\"/demo/token?user={name}&amp;format=text\">token</a> \
                 <a href=\"/demo/token?user={name}&amp;kind=opaque&amp;format=text\">opaque token</a>\n",
                escaped(user.display_name()),
                escaped(&user.groups().join(", ")),
            );
            rows.push_str(&row);
        }
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>Demo identity provider</title>\n<h1>Demo identity provider</h1>\n\
             <p>Anybody may be anybody here: for development only.</p>\n<ul>\n{rows}</ul>\n</html>\n"
        );
        Reply::html(200, html)
            .with_header(
                "content-security-policy",
                "default-src 'none'; base-uri 'none'",
            )
            .with_header("cache-control", "no-store")
    }
}

fn refused(why: &str) -> Reply {
    let body = json!({ "error": "invalid_request", "error_description": why });
    Reply::json(400, &body)
}
