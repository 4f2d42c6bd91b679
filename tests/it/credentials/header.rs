//! What the header says: the token never chooses how it is verified, nor where its key comes from.

use std::io::ErrorKind;

use room_broker::simulator::identity_provider::hmac_signed;
use room_broker::simulator::identity_provider::{Algorithm, SigningKey, User, unsigned};
use serde_json::{Value, json};

use super::{assert_accepted, assert_refused, kid, rsa_kid, with_header};
use crate::support::{TestApp, listener};

/// A header for the provider's RS256 key with some members replaced.
fn header_but(app: &TestApp, changes: &Value) -> String {
    let mut header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": rsa_kid(app) });
    let changes = changes.as_object().unwrap().clone();
    header.as_object_mut().unwrap().extend(changes);
    header.to_string()
}

#[tokio::test]
async fn an_unsigned_token_is_refused_however_it_calls_that() {
    let app = TestApp::spawn().await;
    let claims = app.provider.claims(User::Ada).to_string();
    let mut cases = vec![(
        "RS256 and an empty signature",
        unsigned(&header_but(&app, &json!({})), &claims),
    )];
    for name in ["none", "None", "NONE", "nOnE", "none ", "", "null"] {
        let header = header_but(&app, &json!({ "alg": name }));
        cases.push((name, unsigned(&header, &claims)));
        cases.push((name, with_header(&app, &json!({ "alg": name }))));
    }
    for value in [
        json!(null),
        json!(0),
        json!(false),
        json!(["RS256"]),
        json!({}),
    ] {
        let header = header_but(&app, &json!({ "alg": value }));
        cases.push(("an alg that is no text", unsigned(&header, &claims)));
        let kid = rsa_kid(&app);
        let signed = app.provider.sign_raw(&kid, &header, &claims).unwrap();
        cases.push(("an alg that is no text", signed));
    }
    cases.push(("no alg", with_header(&app, &json!({ "alg": null }))));
    assert_refused(&app, &cases).await;
}

#[tokio::test]
async fn a_public_key_is_never_a_shared_secret() {
    let app = TestApp::spawn().await;
    let kid = rsa_kid(&app);
    let key = app.provider.with_keys(|keys| keys.get(&kid)).unwrap();
    let (pem, jwk) = (key.public_key_pem().unwrap(), key.jwk());
    let modulus = jwk["n"].as_str().unwrap();
    let secrets = [
        ("the PEM text", pem.as_str()),
        ("the PEM text without its last line break", pem.trim_end()),
        ("the JWK", &jwk.to_string()),
        ("the modulus", modulus),
        ("the key's id", key.kid()),
        ("nothing", ""),
    ];
    let claims = app.provider.claims(User::Ada).to_string();
    for (what, secret) in secrets {
        for name in ["HS256", "HS384", "RS256", "hs256"] {
            let header = header_but(&app, &json!({ "alg": name }));
            let token = hmac_signed(secret.as_bytes(), &header, &claims);
            assert_refused(&app, &[(what, token)]).await;
        }
    }
}

#[tokio::test]
async fn an_algorithm_fits_the_key_and_the_configuration_or_is_refused() {
    let app = TestApp::spawn().await;
    let mut cases = vec![];
    for name in [
        "ES256", "EdDSA", "PS256", "RS384", "RS512", "rs256", "RS256 ", "ES256K", "RS1",
    ] {
        cases.push((
            "named beside an RSA key",
            with_header(&app, &json!({ "alg": name })),
        ));
    }
    let es256 = kid(&app, Algorithm::Es256);
    cases.push((
        "the id of an EC key",
        with_header(&app, &json!({ "kid": es256 })),
    ));
    let claims = app.provider.claims(User::Ada);
    let signed = |header: &Value| app.provider.sign(&es256, header, &claims).unwrap();
    cases.push((
        "an EC key that calls itself RSA",
        signed(&json!({ "alg": "RS256" })),
    ));
    cases.push((
        "an EC key that calls itself Ed25519",
        signed(&json!({ "alg": "EdDSA" })),
    ));
    assert_refused(&app, &cases).await;

    let ps256 = SigningKey::generate("ps", Algorithm::Ps256).unwrap();
    app.provider.with_keys(|keys| keys.publish(ps256));
    app.hand.advance(std::time::Duration::from_secs(31));
    let published = app.provider.sign("ps", &json!({}), &claims).unwrap();
    assert_refused(&app, &[("published, but not configured", published)]).await;
}

#[tokio::test]
async fn keys_and_addresses_in_a_header_are_not_even_read() {
    let app = TestApp::spawn().await;
    let trap = listener();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", trap.local_addr().unwrap());
    let claims = app.provider.claims(User::Ada);
    let foreign = SigningKey::generate("foreign", Algorithm::Rs256).unwrap();
    let signed_by_foreign = |changes: &Value| {
        let header = header_but(&app, changes);
        foreign.signed(&header, &claims.to_string()).unwrap()
    };
    let members = [
        json!({ "jwk": foreign.jwk() }),
        json!({ "jku": url }),
        json!({ "x5u": url }),
        json!({ "x5c": [foreign.public_key_pem().unwrap()] }),
        json!({ "jwk": foreign.jwk(), "jku": url, "x5u": url, "x5t": "AA" }),
    ];
    for member in &members {
        assert_accepted(&app, &[("signed by the issuer", with_header(&app, member))]).await;
        let mut unknown = member.clone();
        unknown["kid"] = json!("foreign");
        let mut addressed = member.clone();
        addressed["kid"] = json!(url);
        assert_refused(
            &app,
            &[
                (
                    "a foreign key under the issuer's id",
                    signed_by_foreign(member),
                ),
                (
                    "a foreign key under its own id",
                    signed_by_foreign(&unknown),
                ),
                ("an address as the key's id", signed_by_foreign(&addressed)),
            ],
        )
        .await;
    }
    let asked = trap.accept().map_err(|error| error.kind());
    assert_eq!(asked.unwrap_err(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_must_be_understood_and_is_not_is_refused() {
    let app = TestApp::spawn().await;
    let header = |changes: &Value| with_header(&app, changes);
    let raw = |changes: &Value| {
        let claims = app.provider.claims(User::Ada).to_string();
        let kid = rsa_kid(&app);
        app.provider
            .sign_raw(&kid, &header_but(&app, changes), &claims)
            .unwrap()
    };
    assert_refused(
        &app,
        &[
            ("crit", header(&json!({ "crit": ["exp"] }))),
            (
                "crit of something unknown",
                header(&json!({ "crit": ["x"], "x": 1 })),
            ),
            ("empty crit", header(&json!({ "crit": [] }))),
            ("crit that is null", raw(&json!({ "crit": null }))),
            ("crit that is text", header(&json!({ "crit": "b64" }))),
            ("b64", header(&json!({ "b64": false, "crit": ["b64"] }))),
            ("b64 that is not critical", header(&json!({ "b64": false }))),
            ("b64 that is true", header(&json!({ "b64": true }))),
            ("zip", header(&json!({ "zip": "DEF" }))),
            ("nested", header(&json!({ "cty": "JWT" }))),
            (
                "nested, by its long name",
                header(&json!({ "cty": "application/jwt" })),
            ),
            ("a cty that is no text", header(&json!({ "cty": 1 }))),
            ("a kid that is no text", header(&json!({ "kid": 1 }))),
            ("a kid that is null", raw(&json!({ "kid": null }))),
            (
                "a kid that is too long",
                header(&json!({ "kid": "k".repeat(257) })),
            ),
            (
                "an unknown kid",
                header(&json!({ "kid": "../../etc/passwd" })),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_type_is_one_of_the_issuers_access_tokens() {
    let app = TestApp::spawn().await;
    let typ = |value: &Value| with_header(&app, &json!({ "typ": value }));
    assert_accepted(
        &app,
        &[
            ("an access token", typ(&json!("at+jwt"))),
            ("a JWT", typ(&json!("JWT"))),
            ("in small letters", typ(&json!("jwt"))),
            ("by its long name", typ(&json!("application/at+jwt"))),
        ],
    )
    .await;
    assert_refused(
        &app,
        &[
            ("none, where none is configured", typ(&Value::Null)),
            ("empty", typ(&json!(""))),
            ("a logout token", typ(&json!("logout+jwt"))),
            ("an event", typ(&json!("secevent+jwt"))),
            ("a proof of possession", typ(&json!("dpop+jwt"))),
            ("JOSE", typ(&json!("JOSE"))),
            ("a number", typ(&json!(1))),
            ("a list", typ(&json!(["JWT"]))),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_issuer_may_be_configured_to_leave_the_type_out_but_never_for_logout_tokens() {
    let app = TestApp::spawn_with(|setup| {
        setup.config(
            r#"
            [[authn.issuers]]
            issuer = "{issuer}"
            audiences = ["acme-app"]
            algorithms = ["RS256"]
            token_types = ["", "logout+jwt"]
            "#,
        );
    })
    .await;
    let typ = |value: &Value| with_header(&app, &json!({ "typ": value }));
    assert_accepted(&app, &[("none", typ(&Value::Null))]).await;
    assert_refused(
        &app,
        &[
            ("a type", typ(&json!("JWT"))),
            ("a logout token", typ(&json!("logout+jwt"))),
            (
                "a logout token by its long name",
                typ(&json!("application/LOGOUT+jwt")),
            ),
        ],
    )
    .await;
}
