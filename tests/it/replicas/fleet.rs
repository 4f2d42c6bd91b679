//! Some replicas of one broker, with one Digital Samba and one identity provider around them.

use room_broker::app::{App, Running, Surroundings};
use room_broker::authn::ApiKey;
use room_broker::clock::Clock;
use room_broker::settings::{Settings, Sources};
use room_broker::simulator::digital_samba::DigitalSamba;
use room_broker::simulator::identity_provider::{Algorithm, IdentityProvider, User};
use room_broker::trace_context::Sampler;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::support::scene::value_of;
use crate::support::{Answer, configuration, http_client, start_provider, start_upstream, until};

pub struct Fleet {
    pub upstream: DigitalSamba,
    pub provider: IdentityProvider,
    pub http: reqwest::Client,
    pub replicas: Vec<Running>,
    pub key: String,
    configuration: String,
}

impl Fleet {
    /// So many replicas that share what is at this URL. Waits until all are ready.
    pub async fn start(size: usize, redis: &str, more: &str) -> Self {
        let mut fleet = Self::unready(redis, more);
        for _ in 0..size {
            fleet.add();
        }
        for at in 0..size {
            fleet.until_ready(at).await;
        }
        fleet
    }

    /// None yet.
    pub fn unready(redis: &str, more: &str) -> Self {
        let clock = Clock::system();
        let (upstream, provider) = (start_upstream(&clock), start_provider(&clock));
        let key = ApiKey::generate();
        let configuration = configuration(upstream.base_url(), provider.issuer());
        let configuration = format!(
            "{configuration}\n[audit]\nfile = \"/dev/null\"\n[state.redis]\nurl = \"{redis}\"\n\
             [[internal.api_keys]]\nid = \"{}\"\nname = \"shop\"\nsecret_sha256 = \"{}\"\nscopes = [\"*\"]\n",
            key.id().as_str(),
            key.secret_sha256(),
        );
        let more = more.to_owned();
        Self {
            upstream,
            provider,
            http: http_client(),
            replicas: Vec::new(),
            key: key.text().expose_secret().to_owned(),
            configuration: [configuration, more].join("\u{0}"),
        }
    }

    /// One more replica, perhaps not ready.
    pub fn add(&mut self) {
        self.replicas.push(self.build().start().unwrap());
    }

    /// One more replica, which reaches the same Redis by a way of its own.
    pub fn add_over(&mut self, redis: &str) {
        let own = format!("[state.redis]\nurl = \"{redis}\"\n");
        self.replicas.push(self.build_with(&own).start().unwrap());
    }

    /// One that is bound and does not serve yet.
    pub fn build(&self) -> App {
        self.build_with("")
    }

    fn build_with(&self, more: &str) -> App {
        let texts = self.configuration.split('\u{0}').chain([more]);
        let sources = Sources {
            texts: texts.map(str::to_owned).collect(),
            environment: Some(std::collections::HashMap::new()),
            ..Sources::default()
        };
        let settings = Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let surroundings = Surroundings {
            clock: Clock::system(),
            sampler: Sampler::OFF,
        };
        App::build(&settings, &surroundings).unwrap()
    }

    pub async fn until_ready(&self, at: usize) {
        until("the replica is ready", async || {
            self.readiness(at).await.status == 200
        })
        .await;
    }

    pub async fn readiness(&self, at: usize) -> Answer {
        let url = format!("http://{}/readyz", self.replicas[at].ops_address);
        Answer::of(self.http.get(url).send().await.unwrap()).await
    }

    pub fn token(&self, user: User) -> String {
        self.provider.token(user, Algorithm::Rs256).unwrap()
    }

    /// A join at one replica.
    pub async fn join(&self, at: usize, token: &str, room: &str) -> Answer {
        let address = self.replicas[at].public_address;
        let url = format!("http://{address}/v1/rooms/{room}/join");
        Answer::of(self.http.post(url).bearer_auth(token).send().await.unwrap()).await
    }

    /// A call of a product backend at one replica.
    pub async fn call(
        &self,
        at: usize,
        method: reqwest::Method,
        path: &str,
        body: &Value,
    ) -> Answer {
        let url = format!("http://{}{path}", self.replicas[at].internal_address);
        let mut request = self.http.request(method, url).bearer_auth(&self.key);
        if !body.is_null() {
            request = request.json(body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Starts so many joins at once, one replica after the other.
    pub fn crowd(
        &self,
        token: &str,
        room: &str,
        size: usize,
    ) -> Vec<tokio::task::JoinHandle<Answer>> {
        let start = |number: usize| {
            let address = self.replicas[number % self.replicas.len()].public_address;
            let url = format!("http://{address}/v1/rooms/{room}/join");
            let request = self.http.post(url).bearer_auth(token);
            tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await })
        };
        (0..size).map(start).collect()
    }

    /// The value of one metric of one replica.
    pub async fn metric(&self, at: usize, series: &str) -> u64 {
        let url = format!("http://{}/metrics", self.replicas[at].ops_address);
        let answer = Answer::of(self.http.get(url).send().await.unwrap()).await;
        value_of(&answer.text, series)
    }
}
