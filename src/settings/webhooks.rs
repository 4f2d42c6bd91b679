//! `[webhooks]`: where upstream delivers, what proves a delivery, and how often rooms are read
//! again for it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::webhooks::{Credential, CredentialForm, Endpoint, PublicUrl, Segment};

use super::reader::Table;

const SECOND: Duration = Duration::from_secs(1);

const FORMS: [(&str, CredentialForm); 2] = [
    ("authorization", CredentialForm::Authorization),
    ("signature", CredentialForm::Signature),
];

/// `[webhooks]`.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where deliveries come; `None` if they are turned off.
    pub endpoint: Option<Arc<Endpoint>>,
    /// Whether our webhook is registered at a start.
    pub sync_at_start: bool,
    /// After something happened in a room, who is in it is read no sooner than this after the last
    /// time.
    pub reread_after: Duration,
    /// Such readings in a minute.
    pub rereads_per_minute: NonZeroU32,
}

/// Reads `[webhooks]`.
pub(super) fn read(mut table: Table) -> Option<Webhooks> {
    let reread_after = table.duration("reread_after", Some(SECOND * 2), SECOND..=SECOND * 300);
    let rereads = table.integer("rereads_per_minute", Some(120), 1..=1000);
    let sync_at_start = table.boolean("sync_at_start", false);
    let form = table.word("credential", &FORMS, Some(CredentialForm::Authorization));
    let endpoint = if table.has("public_url") {
        Some(Arc::new(read_endpoint(&mut table, form?)?))
    } else {
        refuse_without_url(&mut table, sync_at_start);
        None
    };
    table.finish();
    Some(Webhooks {
        endpoint,
        sync_at_start,
        reread_after: reread_after?,
        rereads_per_minute: NonZeroU32::new(u32::try_from(rereads?).ok()?)?,
    })
}

fn read_endpoint(table: &mut Table, form: CredentialForm) -> Option<Endpoint> {
    let public_url: Option<PublicUrl> = table.parsed("public_url");
    let segment = table.secret("segment");
    let segment = segment.and_then(|text| match Segment::parse(&text) {
        Ok(segment) => Some(segment),
        Err(fault) => {
            table.fault("segment", fault);
            None
        }
    });
    let secret = table.secret("secret");
    let previous = table.optional_secret("previous_secret");
    let credential = secret.and_then(|secret| match Credential::new(form, secret, previous) {
        Ok(credential) => Some(credential),
        Err(fault) => {
            table.fault("secret", format_args!("and previous_secret {fault}"));
            None
        }
    });
    match Endpoint::new(public_url?, segment?, credential?) {
        Ok(endpoint) => Some(endpoint),
        Err(fault) => {
            table.fault("public_url", fault);
            None
        }
    }
}

/// Half a configuration is a mistake.
fn refuse_without_url(table: &mut Table, sync_at_start: bool) {
    // Read, so that they are known keys.
    let _unset = table.raw("public_url");
    for key in ["segment", "secret", "previous_secret"] {
        let given = table.optional_secret(key).is_some();
        if given {
            table.fault(key, "means nothing without public_url");
        }
    }
    if sync_at_start {
        table.fault("sync_at_start", "means nothing without public_url");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::{Value, json};

    use super::super::findings::Findings;
    use super::*;

    const RANDOM: &str = "8f14e45fceea167a5a36dedd4bea2543";

    fn faults(values: Value) -> Vec<String> {
        let findings: Rc<RefCell<Findings>> = Rc::default();
        let section = serde_json::Map::from_iter([("webhooks".to_owned(), values)]);
        let mut root = Table::root(section, Rc::clone(&findings));
        let _read = read(root.table("webhooks"));
        drop(root);
        let mut keys: Vec<String> = findings
            .borrow()
            .faults
            .iter()
            .map(|fault| fault.key.clone())
            .collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn half_a_configuration_stops_the_start() {
        let whole =
            json!({ "public_url": "https://rooms.acme.com", "segment": RANDOM, "secret": RANDOM });
        assert!(faults(whole.clone()).is_empty());
        assert!(faults(json!({})).is_empty());
        for (change, value, fault) in [
            (
                "public_url",
                json!("http://rooms.acme.com"),
                "webhooks.public_url",
            ),
            (
                "public_url",
                json!(format!("https://{}.com", "a".repeat(60))),
                "webhooks.public_url",
            ),
            ("segment", json!("guess-me"), "webhooks.segment"),
            ("secret", json!("short"), "webhooks.secret"),
            ("previous_secret", json!("short"), "webhooks.secret"),
            ("credential", json!("basic"), "webhooks.credential"),
            ("reread_after", json!("0s"), "webhooks.reread_after"),
            (
                "rereads_per_minute",
                json!(0),
                "webhooks.rereads_per_minute",
            ),
            ("segments", json!("x"), "webhooks.segments"),
        ] {
            let mut values = whole.clone();
            values[change] = value;
            assert!(faults(values).contains(&fault.to_owned()), "{change}");
        }
        let without = json!({ "segment": RANDOM, "secret": RANDOM, "sync_at_start": true });
        assert_eq!(
            faults(without),
            [
                "webhooks.secret",
                "webhooks.segment",
                "webhooks.sync_at_start"
            ]
        );
    }
}
