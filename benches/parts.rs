//! What the parts of a join cost: `cargo bench --bench parts`.
#![expect(
    clippy::unwrap_used,
    reason = "a program for developers that stops at the first surprise"
)]

use std::hint::black_box;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use room_broker::audit::{
    AuditLog, MintRecord, Parameters as AuditParameters, Person, Target as AuditTarget,
};
use room_broker::authn::{Authenticator, Bearer};
use room_broker::clock::Clock;
use room_broker::domain::{FriendlyUrl, RequestId, RoleName, RoomId, RoomKey};
use room_broker::metrics::Metrics;
use room_broker::policy::Admission;
use room_broker::rooms::{
    self, CreateFailure, DeleteFailure, Directory, NewRoom, Resources, Room, RoomUpstream,
    UpstreamFailure, UpstreamRoom,
};
use room_broker::settings::{Settings, Sources};
use room_broker::simulator::identity_provider::{
    self, Algorithm, Client, IdentityProvider, SigningKeys, User,
};
use room_broker::state::State;
use room_broker::token::{Minter, ParticipantDetails};
use serde_json::json;
use uuid::Uuid;

/// An upstream that has every room.
#[derive(Debug)]
struct EveryRoom;

impl RoomUpstream for EveryRoom {
    fn find<'a>(
        &'a self,
        name: &'a FriendlyUrl,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>> {
        let room = UpstreamRoom {
            id: RoomId::new(Uuid::from_u128(1)),
            friendly_url: name.clone(),
            external_id: Some(name.as_str().to_owned()),
            is_private: true,
            roles: vec![RoleName::parse("moderator").unwrap()],
            default_role: None,
            end_to_end_encrypted: false,
        };
        std::future::ready(Ok(Some(room))).boxed()
    }

    fn create<'a>(
        &'a self,
        _new: &'a NewRoom,
    ) -> BoxFuture<'a, Result<UpstreamRoom, CreateFailure>> {
        std::future::ready(Err(CreateFailure::NameTaken)).boxed()
    }

    fn update<'a>(
        &'a self,
        _room: RoomId,
        _settings: &'a serde_json::Map<String, serde_json::Value>,
    ) -> BoxFuture<'a, Result<Option<UpstreamRoom>, UpstreamFailure>> {
        std::future::ready(Ok(None)).boxed()
    }

    fn delete(
        &self,
        _room: RoomId,
        _resources: Resources,
    ) -> BoxFuture<'_, Result<(), DeleteFailure>> {
        std::future::ready(Ok(())).boxed()
    }

    fn role_names(&self) -> BoxFuture<'_, Result<Vec<RoleName>, UpstreamFailure>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }
}

fn provider() -> IdentityProvider {
    identity_provider::start(identity_provider::Parameters {
        listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        clock: Clock::system(),
        audience: "bench".to_owned(),
        introspection_client: Client {
            id: "bench".to_owned(),
            secret: "bench".to_owned(),
        },
        token_ttl: Duration::from_secs(36_000),
        keys: SigningKeys::generate().unwrap(),
    })
    .unwrap()
}

fn settings(issuer: &str, verified_tokens_max: u32) -> Settings {
    let text = format!(
        r#"
[digital_samba]
team_id = "0e8d7c6b-5a49-4382-9716-a5b4c3d2e1f0"
team_domain = "bench"
developer_key = "bench-developer-key-of-32-letters"
[authn]
allow_http_loopback = true
verified_tokens_max = {verified_tokens_max}
[[authn.issuers]]
name = "bench"
issuer = "{issuer}"
audiences = ["bench"]
algorithms = ["RS256", "ES256", "EdDSA"]
[[policy.rules]]
name = "teachers moderate their course"
room = "course-{{course}}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
"#
    );
    let sources = Sources {
        texts: vec![text],
        environment: Some(std::collections::HashMap::new()),
        ..Sources::default()
    };
    Settings::load(&sources).unwrap()
}

fn authentication(
    c: &mut Criterion,
    runtime: &tokio::runtime::Runtime,
    provider: &IdentityProvider,
) {
    let metrics = Metrics::default();
    let build = |verified_tokens_max| {
        let parameters = settings(provider.issuer(), verified_tokens_max).authn;
        Arc::new(Authenticator::new(parameters, Clock::system(), &metrics, None).unwrap())
    };
    let (remembering, forgetting) = (build(1000), build(0));
    for (algorithm, name) in [
        (Algorithm::Rs256, "verify a bearer: RS256"),
        (Algorithm::Es256, "verify a bearer: ES256"),
        (Algorithm::EdDsa, "verify a bearer: EdDSA"),
    ] {
        let text = format!("Bearer {}", provider.token(User::Ada, algorithm).unwrap());
        let bearer = Bearer::parse(text.as_bytes(), 8192).unwrap();
        runtime.block_on(remembering.authenticate(bearer)).unwrap();
        // The first one fetches the keys.
        runtime.block_on(forgetting.authenticate(bearer)).unwrap();
        c.bench_function(name, |b| {
            b.iter(|| {
                forgetting
                    .authenticate(black_box(bearer))
                    .now_or_never()
                    .unwrap()
                    .unwrap()
            });
        });
        if algorithm == Algorithm::Rs256 {
            c.bench_function("recognise a bearer that was seen before", |b| {
                b.iter(|| remembering.authenticate_cached(black_box(bearer)).unwrap());
            });
        }
    }
}

/// What no bearer that is seen first can be spared: the signature alone, by the same library under
/// a key in the same form.
fn signatures(c: &mut Criterion, provider: &IdentityProvider) {
    let methods: [(_, &'static dyn VerificationAlgorithm, _); 3] = [
        (
            Algorithm::Rs256,
            &signature::RSA_PKCS1_2048_8192_SHA256,
            "check a signature: RS256",
        ),
        (
            Algorithm::Es256,
            &signature::ECDSA_P256_SHA256_FIXED,
            "check a signature: ES256",
        ),
        (
            Algorithm::EdDsa,
            &signature::ED25519,
            "check a signature: EdDSA",
        ),
    ];
    for (algorithm, method, name) in methods {
        let key = provider.with_keys(|keys| keys.get(&keys.kid_for(algorithm)?));
        let der = pem::parse(key.unwrap().public_key_pem().unwrap()).unwrap();
        let key = ParsedPublicKey::new(method, der.contents()).unwrap();
        let token = provider.token(User::Ada, algorithm).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        c.bench_function(name, |b| {
            b.iter(|| {
                key.verify_sig(black_box(signed.as_bytes()), &signature)
                    .unwrap();
            });
        });
    }
}

fn parts(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let provider = provider();
    signatures(c, &provider);
    authentication(c, &runtime, &provider);

    let settings = settings(provider.issuer(), 1000);
    let (clock, metrics) = (Clock::system(), Metrics::default());
    let claims = json!({ "sub": "ada", "name": "Ada", "groups": ["staff", "teacher:101"] });
    let principal = settings.authn.hypothetical_principal(None, claims).unwrap();
    let key = RoomKey::parse("course-101").unwrap();
    let now = clock.now();
    c.bench_function("decide by a rule with a capture and a condition", |b| {
        b.iter(|| {
            settings
                .policy
                .decide(black_box(&principal), black_box(&key), None, now)
                .unwrap()
        });
    });

    let directory = Directory::new(rooms::Parts {
        parameters: settings.rooms.parameters.clone(),
        upstream: Arc::new(EveryRoom),
        state: State::in_memory(clock.clone()),
        watchers: Vec::new(),
        clock: clock.clone(),
        metrics: metrics.clone(),
    });
    let room = runtime
        .block_on(directory.resolve(&key, false, &settings.rooms.templates))
        .unwrap()
        .room;
    c.bench_function("find a cached room", |b| {
        b.iter(|| directory.cached(black_box(&key)).unwrap());
    });

    let minter = Minter::new(
        settings.digital_samba.parameters.team,
        Arc::new(ArcSwap::new(Arc::clone(
            &settings.digital_samba.developer_key,
        ))),
        settings.digital_samba.rooms_url.clone(),
        clock.clone(),
        &metrics,
    );
    let admission = settings.policy.decide(&principal, &key, None, now).unwrap();
    let details = ParticipantDetails {
        display_name: principal.display_name().cloned(),
        ..ParticipantDetails::default()
    };
    c.bench_function("mint a room token and its link", |b| {
        b.iter(|| {
            minter
                .mint(black_box(&admission), &room, &details, now)
                .unwrap()
        });
    });

    audit_line(c, &minter, (&admission, &room));
}

/// The line of one mint, written to nowhere.
fn audit_line(c: &mut Criterion, minter: &Minter, (admission, room): (&Admission, &Room)) {
    let (clock, metrics) = (Clock::system(), Metrics::default());
    let now = clock.now();
    let principal = admission.principal();
    let token = minter
        .mint(admission, room, &ParticipantDetails::default(), now)
        .unwrap();
    let audit = AuditLog::start(
        AuditParameters {
            target: AuditTarget::File("/dev/null".into()),
            queue_lines: 8192,
        },
        &metrics,
        clock.clone(),
    )
    .unwrap();
    let record = MintRecord {
        time: now,
        who: Person {
            issuer_name: principal.issuer_name(),
            issuer: principal.issuer(),
            subject: principal.subject(),
        },
        room_key: admission.room_key(),
        room_id: room.id(),
        role: admission.role(),
        rule: admission.rule(),
        token: token.token(),
        expires_at: token.expires_at(),
        request_id: RequestId::new(Uuid::from_u128(2)),
    };
    c.bench_function("compose and queue an audit line", |b| {
        b.iter(|| audit.minted(black_box(&record)));
    });
}

criterion_group!(benches, parts);
criterion_main!(benches);
