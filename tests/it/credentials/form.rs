//! How a token is written: three parts of canonical base64url, each JSON part without doubles.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use room_broker::simulator::identity_provider::{Algorithm, User};
use serde_json::json;

use super::{assert_accepted, assert_refused, claims_but, kid};
use crate::support::TestApp;

/// The parts of Ada's token.
fn parts(app: &TestApp) -> [String; 3] {
    let token = app.token(User::Ada);
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[tokio::test]
async fn a_token_has_three_parts() {
    let app = TestApp::spawn().await;
    let [header, claims, signature] = parts(&app);
    let token = format!("{header}.{claims}.{signature}");
    assert_accepted(&app, &[("three", token.clone())]).await;
    assert_refused(
        &app,
        &[
            ("one", header.clone()),
            ("two", format!("{header}.{claims}")),
            ("four", format!("{token}.{signature}")),
            ("five", format!("{token}.{claims}.{signature}")),
            ("six", format!("{token}.{token}")),
            ("dots", "..".to_owned()),
            ("five dots", "....".to_owned()),
            ("no header", format!(".{claims}.{signature}")),
            ("no claims", format!("{header}..{signature}")),
            ("a dot more", format!("{token}.")),
            ("a dot before", format!(".{token}")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_part_has_one_spelling() {
    let app = TestApp::spawn().await;
    let [header, claims, signature] = parts(&app);
    let mut cases = vec![
        (
            "padding behind the signature",
            format!("{header}.{claims}.{signature}=="),
        ),
        (
            "padding behind the claims",
            format!("{header}.{claims}=.{signature}"),
        ),
        (
            "padding behind the header",
            format!("{header}==.{claims}.{signature}"),
        ),
        (
            "a signature that is no base64",
            format!("{header}.{claims}.****"),
        ),
        ("half a byte", format!("{header}.{claims}.{signature}A")),
    ];
    for foreign in ["+", "/", "~", " ", "\t", "%", "\"", "\\"] {
        cases.push((
            "foreign in the signature",
            format!("{header}.{claims}.{foreign}{signature}"),
        ));
        cases.push((
            "foreign in the claims",
            format!("{header}.{claims}{foreign}.{signature}"),
        ));
    }
    // 256 bytes take 342 characters with four bits to spare: the next character spells the same.
    let (front, last) = signature.split_at(signature.len() - 1);
    let spare = char::from(last.as_bytes()[0] + 1);
    cases.push((
        "bits to spare that are not zero",
        format!("{header}.{claims}.{front}{spare}"),
    ));
    assert_refused(&app, &cases).await;
}

#[tokio::test]
async fn a_signature_covers_every_byte_and_belongs_to_its_key() {
    let app = TestApp::spawn().await;
    let [header, claims, signature] = parts(&app);
    let mut bytes = BASE64URL.decode(&signature).unwrap();
    bytes[100] ^= 1;
    let flipped = BASE64URL.encode(&bytes);
    let cut = BASE64URL.encode(&bytes[..255]);
    let ben = app.token(User::Ben);
    let foreign_signature = ben.rsplit_once('.').unwrap().1.to_owned();
    let other_claims = BASE64URL.encode(claims_but(&app, &json!({ "sub": "eve" })).to_string());
    let es256 = app.provider.token(User::Ada, Algorithm::Es256).unwrap();
    let (es_signed, es_signature) = es256.rsplit_once('.').unwrap();
    let es_bytes = BASE64URL.decode(es_signature).unwrap();
    assert_refused(
        &app,
        &[
            ("one bit flipped", format!("{header}.{claims}.{flipped}")),
            ("one byte short", format!("{header}.{claims}.{cut}")),
            (
                "another token's signature",
                format!("{header}.{claims}.{foreign_signature}"),
            ),
            (
                "other claims",
                format!("{header}.{other_claims}.{signature}"),
            ),
            (
                "zeroes",
                format!("{es_signed}.{}", BASE64URL.encode([0; 64])),
            ),
            (
                "half of it",
                format!("{es_signed}.{}", BASE64URL.encode(&es_bytes[..32])),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn json_is_an_object_without_doubles_and_within_bounds() {
    let app = TestApp::spawn().await;
    let kid = kid(&app, Algorithm::Rs256);
    let good_header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }).to_string();
    let good_claims = app.provider.claims(User::Ada).to_string();
    let signed = |header: &str, claims: &str| app.provider.sign_raw(&kid, header, claims).unwrap();
    let beside = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let claims = |member: &str| signed(&good_header, &beside(&good_claims, member));
    let header = |member: &str| signed(&beside(&good_header, member), &good_claims);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_accepted(
        &app,
        &[
            ("members that nobody knows", header(r#""x":1"#)),
            (
                "claims that nobody knows",
                claims(r#""x":{"y":[1,2.5,null]}"#),
            ),
            (
                "white space",
                signed(&good_header, &format!(" {good_claims}\n")),
            ),
        ],
    )
    .await;
    assert_refused(
        &app,
        &[
            ("alg twice", header(r#""alg":"none""#)),
            ("kid twice, alike", header(&format!(r#""kid":"{kid}""#))),
            ("an escaped double", header(r#""\u0061lg":"none""#)),
            ("sub twice", claims(r#""sub":"eve""#)),
            ("an escaped sub twice", claims(r#""s\u0075b":"eve""#)),
            ("exp twice", claims(r#""exp":1"#)),
            ("a double deep inside", claims(r#""x":{"y":1,"y":2}"#)),
            ("too deep", claims(&format!(r#""x":{}"#, nested(40)))),
            ("far too deep", claims(&format!(r#""x":{}"#, nested(1500)))),
            (
                "too many values",
                claims(&format!(r#""x":[{}1]"#, "1,".repeat(1024))),
            ),
            (
                "a list of claims",
                signed(&good_header, &format!("[{good_claims}]")),
            ),
            ("text", signed(&good_header, "\"claims\"")),
            ("nothing", signed(&good_header, "")),
            ("null", signed(&good_header, "null")),
            (
                "two objects",
                signed(&good_header, &format!("{good_claims}{{}}")),
            ),
            (
                "broken off",
                signed(&good_header, good_claims.strip_suffix('}').unwrap()),
            ),
            (
                "a byte order mark",
                signed(&good_header, &format!("\u{feff}{good_claims}")),
            ),
            ("half a surrogate pair", claims(r#""x":"\ud800""#)),
            (
                "a list as header",
                signed(&format!("[{good_header}]"), &good_claims),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let app = TestApp::spawn().await;
    let [header, _, signature] = parts(&app);
    let claims = BASE64URL.encode(b"{\"sub\":\"\xff\xfe\"}");
    assert_refused(
        &app,
        &[("not UTF-8", format!("{header}.{claims}.{signature}"))],
    )
    .await;
}
