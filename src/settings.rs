//! Files and the environment in, each component's own parameters out. No component knows that
//! files exist; every fault is reported at once, each with its key.

mod audit;
mod authn;
mod digital_samba;
pub mod findings;
mod gateway;
mod internal;
mod limits;
mod listeners;
mod policy;
pub mod reader;
mod rooms;
mod secrets;
mod state;
mod telemetry;
mod webhooks;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use config::{Config, ConfigError, Environment, File, FileFormat};
use serde_json::{Map, Value};

use crate::clock::UnixTime;
use crate::http::LimitParameters;
use crate::policy::{self as policy_tests, CaseFailure, Policy};
use crate::telemetry::TelemetryParameters;

pub use digital_samba::DigitalSamba;
pub use findings::{Fault, Findings};
pub use internal::Internal;
pub use listeners::{Http, Ops, Public};
use reader::Table;
pub use rooms::Rooms;
pub use webhooks::Webhooks;

/// Every key with its default, as it stands in the repository.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// What the names of environment variables begin with.
const ENVIRONMENT_PREFIX: &str = "ROOM_BROKER";

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Settings {
    /// `[digital_samba]`.
    pub digital_samba: DigitalSamba,
    /// `[authn]`.
    pub authn: crate::authn::Parameters,
    /// `[policy]`.
    pub policy: Arc<Policy>,
    /// `[rooms]`.
    pub rooms: Rooms,
    /// `[public]`.
    pub public: Public,
    /// `[internal]`.
    pub internal: Internal,
    /// `[ops]`.
    pub ops: Ops,
    /// `[http]`.
    pub http: Http,
    /// `[gateway]`.
    pub gateway: crate::gateway::Parameters,
    /// `[webhooks]`.
    pub webhooks: Webhooks,
    /// `[limits]`; `None` if they are turned off.
    pub limits: Option<LimitParameters>,
    /// `[state]`.
    pub state: crate::state::Parameters,
    /// `[audit]`.
    pub audit: crate::audit::Parameters,
    /// `[telemetry]`.
    pub telemetry: TelemetryParameters,
    /// What the operator should know, though it stops nothing.
    pub warnings: Vec<Fault>,
    /// Every file that was read: a change of one of them is worth a reload.
    pub files: Vec<PathBuf>,
}

/// Where a configuration comes from, in this order over the defaults.
#[derive(Clone, Default)]
pub struct Sources {
    /// Texts of configuration, over the defaults.
    pub texts: Vec<String>,
    /// Files, over the texts; later ones over earlier ones.
    pub files: Vec<PathBuf>,
    /// Variables to read in the place of the process's environment.
    pub environment: Option<std::collections::HashMap<String, String>>,
}

/// Texts and variables may hold secrets: they are left out.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads and checks a whole configuration.
    ///
    /// # Errors
    /// Every fault at once, each with its key.
    pub fn load(sources: &Sources) -> Result<Self, Vec<Fault>> {
        let tree = layered(sources).map_err(|fault| vec![fault])?;
        let findings = Rc::new(RefCell::new(Findings {
            files: sources.files.clone(),
            ..Findings::default()
        }));
        let settings = Self::read(Table::root(tree, Rc::clone(&findings)));
        let findings = findings.take();
        match settings {
            Some(settings) if findings.faults.is_empty() => Ok(Self {
                warnings: findings.warnings,
                files: findings.files,
                ..settings
            }),
            _incomplete => Err(findings.faults),
        }
    }

    /// Runs the tests that the policy carries, and gives those that came out otherwise.
    pub fn failed_policy_tests(&self, now: UnixTime) -> Vec<CaseFailure> {
        policy_tests::run(&self.policy, now, |issuer, claims, _now| {
            let claims = Value::Object(claims.clone());
            let principal = self.authn.hypothetical_principal(issuer, claims);
            principal.map_err(|fault| fault.to_string())
        })
    }

    /// For a command beside the service: the file is the service's, and only one process can have
    /// it. Whether there is one.
    pub fn leave_state_file(&mut self) -> bool {
        match &mut self.state {
            crate::state::Parameters::Embedded { file } => file.take().is_some(),
            crate::state::Parameters::Shared(_) => false,
        }
    }

    /// What takes effect at a start alone, by section: to tell whether it changed.
    pub fn fixed_sections(&self) -> Vec<(&'static str, String)> {
        let Public {
            listen,
            origins: _reloaded,
            body_bytes_max,
            path_prefix,
        } = &self.public;
        let Internal {
            listen: internal,
            body_bytes_max: internal_bytes_max,
            services: _reloaded,
        } = &self.internal;
        let Webhooks {
            endpoint: _reloaded,
            sync_at_start: _at_a_start_alone,
            reread_after,
            rereads_per_minute,
        } = &self.webhooks;
        let is_told = self.webhooks.endpoint.is_some();
        let upstream = &self.digital_samba;
        let upstream = (&upstream.parameters, &upstream.rooms_url);
        vec![
            ("digital_samba", format!("{upstream:?}")),
            ("rooms", format!("{:?}", self.rooms.parameters)),
            ("public", format!("{listen} {body_bytes_max} {path_prefix}")),
            ("internal", format!("{internal} {internal_bytes_max}")),
            ("ops", format!("{:?}", self.ops)),
            ("http", format!("{:?}", self.http)),
            ("gateway", format!("{:?}", self.gateway)),
            (
                "webhooks",
                format!("{is_told} {reread_after:?} {rereads_per_minute}"),
            ),
            ("limits", format!("{:?}", self.limits)),
            ("state", format!("{:?}", self.state)),
            ("audit", format!("{:?}", self.audit)),
            ("telemetry", format!("{:?}", self.telemetry)),
        ]
    }

    fn read(mut root: Table) -> Option<Self> {
        let digital_samba = digital_samba::read(root.table("digital_samba"));
        let authn = authn::read(root.table("authn"));
        let policy = policy::read(root.table("policy"));
        let rooms = rooms::read(root.table("rooms"));
        let total = digital_samba.as_ref();
        let total = total.map(|upstream| upstream.parameters.requests_per_minute);
        let gateway = gateway::read(root.table("gateway"), total);
        let public = listeners::read_public(root.table("public"));
        let beside = internal::Beside {
            authn: authn.as_ref(),
            team: digital_samba.as_ref().map(|read| read.parameters.team),
        };
        let internal = internal::read(root.table("internal"), &beside);
        let ops = listeners::read_ops(root.table("ops"));
        let http = listeners::read_http(root.table("http"));
        let webhooks = webhooks::read(root.table("webhooks"));
        let limits = limits::read(root.table("limits"));
        let state = state::read(root.table("state"));
        let audit = audit::read(root.table("audit"));
        let telemetry = telemetry::read(root.table("telemetry"));
        root.finish();
        Some(Self {
            digital_samba: digital_samba?,
            authn: authn?,
            // Its faults were noted when the section was read.
            policy: Arc::new(Policy::compile(policy?).ok()?),
            rooms: rooms?,
            public: public?,
            internal: internal?,
            ops: ops?,
            http: http?,
            gateway: gateway?,
            webhooks: webhooks?,
            limits: limits?.parameters,
            state: state?,
            audit: audit?,
            telemetry: telemetry?,
            warnings: Vec::new(),
            files: Vec::new(),
        })
    }
}

/// `[ops]` alone, whatever is wrong elsewhere: for a look at a service that runs.
///
/// # Errors
/// The faults of that section, or what keeps the whole from being read.
pub fn ops_alone(sources: &Sources) -> Result<Ops, Vec<Fault>> {
    let tree = layered(sources).map_err(|fault| vec![fault])?;
    let findings = Rc::new(RefCell::new(Findings::default()));
    let ops = listeners::read_ops(Table::root(tree, Rc::clone(&findings)).table("ops"));
    ops.ok_or_else(|| findings.take().faults)
}

/// Defaults, files, texts, environment, one over the other.
fn layered(sources: &Sources) -> Result<Map<String, Value>, Fault> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for text in &sources.texts {
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    for file in &sources.files {
        builder = builder.add_source(
            File::from(file.as_path())
                .format(FileFormat::Toml)
                .required(true),
        );
    }
    let environment = Environment::with_prefix(ENVIRONMENT_PREFIX)
        .prefix_separator("__")
        .separator("__")
        .source(sources.environment.clone());
    builder
        .add_source(environment)
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| Fault {
            key: "configuration".to_owned(),
            problem: without_quotation(&error),
        })
}

/// What a parser says, without the line that it quotes: a secret may stand there.
fn without_quotation(error: &ConfigError) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let said: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.contains('|'))
        .collect();
    said.join(", ")
}

#[cfg(test)]
mod tests;
