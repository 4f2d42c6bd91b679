//! nginx as a plain reverse proxy, for comparison.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::client::Requests;
use super::server::{Measured, Process, free_address};

/// nginx on the core of what is measured; stopped when dropped.
pub(crate) struct Nginx {
    process: Process,
    pub(crate) address: String,
    _directory: tempfile::TempDir,
}

impl Nginx {
    /// Starts it in front of an upstream; `None` where it is not installed.
    pub(crate) fn start(upstream: &str) -> Option<Self> {
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx"];
        let program = program.into_iter().find(|path| Path::new(path).exists())?;
        let directory = tempfile::tempdir().unwrap();
        let address = free_address();
        let at = directory.path().to_str().unwrap();
        let file = format!("{at}/nginx.conf");
        std::fs::write(&file, configuration(at, &address, upstream)).unwrap();
        let checked = Command::new(program)
            .args(["-t", "-q", "-c", &file])
            .status();
        assert!(
            checked.unwrap().success(),
            "nginx refuses its configuration"
        );
        let process = Process::start(program, &["-c", &file]);
        while std::net::TcpStream::connect(&address).is_err() {
            std::thread::yield_now();
        }
        Some(Self {
            process,
            address,
            _directory: directory,
        })
    }

    pub(crate) async fn measured(
        &self,
        requests: &Requests,
        connections: usize,
        time: Duration,
    ) -> Measured {
        self.process
            .measured(&self.address, requests, connections, time)
            .await
    }
}

/// One process, connections to upstream kept, nothing logged.
fn configuration(directory: &str, address: &str, upstream: &str) -> String {
    format!(
        r#"
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  upstream digital_samba {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://digital_samba;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"#
    )
}
