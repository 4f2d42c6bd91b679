//! Whatever an outsider sends is answered, and never with a fault of ours: every parser that can
//! be reached, fed with nonsense and with near misses.

mod configuration;
mod provider;
mod requests;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::support::{Setup, TestApp};

/// One app for all cases of a test: what one case breaks, the next one meets.
struct Bench {
    runtime: Runtime,
    app: TestApp,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Setup)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let app = runtime.block_on(TestApp::spawn_with(change));
        Self { runtime, app }
    }

    /// Sends bytes on a connection of their own; gives the status that came back.
    fn sent(&self, request: &[u8]) -> Result<u16, TestCaseError> {
        let address = self.app.public.strip_prefix("http://").unwrap();
        let answer = self.runtime.block_on(async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(request).await?;
            stream.shutdown().await?;
            let mut answer = Vec::new();
            // What is refused before it was read to its end may be answered with a reset behind.
            let _reset = stream.read_to_end(&mut answer).await;
            std::io::Result::Ok(answer)
        });
        let answer = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let status = answer
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let status = status.and_then(|digits| digits.parse().ok());
        status.ok_or_else(|| TestCaseError::fail(format!("answered {answer:?}")))
    }

    /// The same, for a request whose answer may be anything but a fault of ours.
    fn expect_no_fault(&self, request: &[u8]) -> Result<u16, TestCaseError> {
        let status = self.sent(request)?;
        let text = String::from_utf8_lossy(request);
        prop_assert!(status < 500, "{status} to {text:?}");
        Ok(status)
    }
}

fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// A request with a body, made of bytes.
fn request(line: &[u8], headers: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
    let mut request = [
        line,
        b" HTTP/1.1\r\nHost: broker.example\r\nConnection: close\r\n",
    ]
    .concat();
    for (name, value) in headers {
        request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
    request.extend_from_slice(body);
    request
}

/// Any JSON, and often what could be taken for something.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (1_789_000_000_u64..1_790_000_000).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[A-Za-z0-9_-]{0,90}".prop_map(Value::from),
        Just(Value::from("acme-app")),
        Just(Value::from("teacher:101")),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec(("[a-z_]{0,8}", inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}
