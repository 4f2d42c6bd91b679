//! Each component built of its own parameters, once, and handed to those who need it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::denials::Denials;
use crate::developer_key::DeveloperKey;
use crate::digital_samba::Client;
use crate::gateway::{Gateway, KnownRooms};
use crate::http::internal::IdempotencyKeys;
use crate::http::{Health, InternalState, Limits, PublicState};
use crate::join::{Broker, Live};
use crate::metrics::Metrics;
use crate::occupancy::{self, Occupancy};
use crate::rooms::{self, Directory, SettingsCatalogue};
use crate::settings::{Settings, Webhooks};
use crate::state::State;
use crate::token::Minter;
use crate::webhooks::{Effects, Receiver};

use super::follow::Follower;
use super::{StartError, Surroundings, reload};

/// What the listeners share and a reload replaces parts of.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) broker: Arc<Broker>,
    pub(crate) live: Arc<ArcSwap<Live>>,
    pub(crate) developer_key: Arc<ArcSwap<DeveloperKey>>,
    pub(crate) client: Arc<Client>,
    pub(crate) public: Arc<PublicState>,
    pub(crate) internal: Arc<InternalState>,
    pub(crate) origins: crate::http::routes::Origins,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(super) state: State,
    _follower: Arc<Follower>,
}

impl Parts {
    pub(crate) fn build(
        settings: &Settings,
        surroundings: &Surroundings,
    ) -> Result<Self, StartError> {
        let clock = surroundings.clock.clone();
        let metrics = Metrics::default();
        let developer_key = Arc::new(ArcSwap::new(Arc::clone(
            &settings.digital_samba.developer_key,
        )));
        let state = State::open(&settings.state, clock.clone(), metrics.clone())?;
        let denials = Denials::new(state.clone(), clock.clone());
        let client = Arc::new(Client::new(
            settings.digital_samba.parameters.clone(),
            Arc::clone(&developer_key),
            clock.clone(),
            metrics.clone(),
            state.clone(),
        )?);
        let known_rooms = Arc::new(KnownRooms::new(&settings.gateway, clock.clone()));
        let directory = Directory::new(rooms::Parts {
            parameters: settings.rooms.parameters.clone(),
            upstream: Arc::<Client>::clone(&client),
            state: state.clone(),
            watchers: vec![Arc::<KnownRooms>::clone(&known_rooms)],
            clock: clock.clone(),
            metrics: metrics.clone(),
        });
        let minter = minter(settings, &developer_key, &clock, &metrics);
        let live = reload::build_live(settings, &clock, &metrics, None)?;
        let live = Arc::new(ArcSwap::from_pointee(live));
        let effects = effects(settings, &client, &directory, &state, (&clock, &metrics));
        let follower = Follower::start(&state, &directory, &denials, &effects);
        let broker = Arc::new(Broker {
            directory,
            occupancy: effects.occupancy().clone(),
            denials: denials.clone(),
            minter,
            audit: AuditLog::start(settings.audit.clone(), &metrics, clock.clone())?,
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let handlers = Handlers {
            settings,
            broker: &broker,
            client: &client,
            live: &live,
            state: &state,
        };
        let (public, internal) = handlers.states(effects, known_rooms);
        let health = Arc::new(Health::new(
            Arc::clone(&live),
            denials,
            state.clone(),
            clock.clone(),
            metrics.clone(),
        ));
        Ok(Self {
            broker,
            live,
            developer_key,
            client,
            public,
            internal,
            origins: Arc::new(ArcSwap::from_pointee(settings.public.origins.clone())),
            health,
            metrics,
            clock,
            state,
            _follower: Arc::new(follower),
        })
    }
}

fn minter(
    settings: &Settings,
    developer_key: &Arc<ArcSwap<DeveloperKey>>,
    clock: &Clock,
    metrics: &Metrics,
) -> Minter {
    Minter::new(
        settings.digital_samba.parameters.team,
        Arc::clone(developer_key),
        settings.digital_samba.rooms_url.clone(),
        clock.clone(),
        metrics,
    )
}

/// What changes when something happens upstream.
fn effects(
    settings: &Settings,
    client: &Arc<Client>,
    directory: &Directory,
    state: &State,
    (clock, metrics): (&Clock, &Metrics),
) -> Effects {
    let Webhooks {
        endpoint,
        reread_after,
        rereads_per_minute,
        ..
    } = &settings.webhooks;
    let occupancy = Occupancy::new(occupancy::Parts {
        parameters: occupancy::Parameters {
            rooms_max: settings.rooms.parameters.cache_size,
            reread_after: *reread_after,
            rereads_per_minute: *rereads_per_minute,
            is_told: endpoint.is_some(),
        },
        upstream: Arc::<Client>::clone(client),
        clock: clock.clone(),
        metrics: metrics.clone(),
    });
    Effects::new(
        directory.clone(),
        occupancy,
        state.clone(),
        clock,
        metrics.clone(),
    )
}

/// What the handlers of the public and of the internal listener are given.
struct Handlers<'a> {
    settings: &'a Settings,
    broker: &'a Arc<Broker>,
    client: &'a Arc<Client>,
    live: &'a Arc<ArcSwap<Live>>,
    state: &'a State,
}

impl Handlers<'_> {
    /// What they share, each listener with limits of its own.
    fn states(
        self,
        effects: Effects,
        known_rooms: Arc<KnownRooms>,
    ) -> (Arc<PublicState>, Arc<InternalState>) {
        let Self {
            settings,
            broker,
            client,
            live,
            state,
        } = self;
        let (clock, metrics) = (&broker.clock, &broker.metrics);
        let webhooks = Arc::new(Receiver::new(
            settings.webhooks.endpoint.clone(),
            effects,
            clock.clone(),
            metrics.clone(),
        ));
        let limits =
            |listener| Limits::new(listener, settings.limits, state, clock, metrics.clone());
        let reads = |bytes| settings.http.body_limits(bytes);
        let public = Arc::new(PublicState {
            broker: Arc::clone(broker),
            live: Arc::clone(live),
            webhooks,
            limits: limits("public"),
            room_base_url: settings.digital_samba.rooms_url.clone(),
            parameters: reads(settings.public.body_bytes_max),
        });
        let gateway = Gateway::new(
            settings.gateway.clone(),
            (client, known_rooms),
            Arc::clone(broker),
            Arc::clone(live),
        );
        let internal = Arc::new(InternalState {
            broker: Arc::clone(broker),
            gateway: Arc::new(gateway),
            client: Arc::clone(client),
            catalogue: SettingsCatalogue::built_in(),
            idempotency: IdempotencyKeys::new(state, clock.clone()),
            live: Arc::clone(live),
            limits: limits("internal"),
            room_base_url: settings.digital_samba.rooms_url.clone(),
            parameters: reads(settings.internal.body_bytes_max),
        });
        (public, internal)
    }
}
