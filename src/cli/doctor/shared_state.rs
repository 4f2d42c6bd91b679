//! Is Redis there, and as replicas need it?

use crate::settings::Settings;
use crate::state::{self, Examination, Parameters, RedisServer, StateFault};

use super::Finding;

/// What there is to say of Redis.
pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let Parameters::Shared(redis) = &settings.state else {
        return vec![Finding::Skipped(
            "Redis is not configured: each replica would be alone".to_owned(),
        )];
    };
    match state::examine(redis).await {
        Ok(Examination { written, server }) => {
            let mut findings = vec![
                Finding::Good(format!("Redis answers at {:?}", redis.servers)),
                writing(written),
            ];
            findings.extend(told(server));
            findings
        }
        Err(unusable) => vec![Finding::Bad(format!("state.redis.url: {unusable}"))],
    }
}

fn writing(written: Result<(), StateFault>) -> Finding {
    match written {
        Ok(()) => Finding::Good("Redis takes writes".to_owned()),
        Err(fault) => Finding::Bad(format!("Redis takes no writes: {fault}")),
    }
}

fn told(server: Option<RedisServer>) -> Vec<Finding> {
    let Some(server) = server else {
        return vec![Finding::Skipped(
            "Redis does not let this user ask for its version, eviction and persistence".to_owned(),
        )];
    };
    let mut findings = vec![if server.is_supported {
        Finding::Good(server.name.clone())
    } else {
        Finding::Bad(format!(
            "{} is too old: Redis 7 or Valkey is needed",
            server.name
        ))
    }];
    if server.evicts() {
        let policy = server.eviction.as_deref().unwrap_or("unknown");
        findings.push(Finding::Doubtful(format!(
            "Redis has maxmemory-policy {policy}: set noeviction, or who is barred may be forgotten"
        )));
    }
    if !server.has_append_only_file {
        findings.push(Finding::Doubtful(
            "Redis has no append-only file: set appendonly yes, or a restart may forget who is barred"
                .to_owned(),
        ));
    }
    findings
}
