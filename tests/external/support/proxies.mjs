// The proxies of deploy/, each with the very file that is there: addresses, ports and certificate
// are the test's, everything else is as it stands.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { PROJECT, start } from "./processes.mjs";
import { freePort } from "./replicas.mjs";

const run = promisify(execFile);

/** Whom the files in deploy/ answer for. */
export const NAME = "video.acme.com";
const PROXY = "127.0.0.1";

const KINDS = {
  nginx: {
    file: "nginx/room-broker.conf",
    secure: true,
    fill: ({ text, port, directory, prefix }) => {
      text = replaced(text, "listen 443 ", `listen ${PROXY}:${port} `);
      text = replaced(text, "/etc/nginx/tls/fullchain.pem", `${directory}/certificate.pem`);
      text = replaced(text, "/etc/nginx/tls/key.pem", `${directory}/key.pem`);
      if (!prefix) return text;
      text = replaced(text, "location ^~ /webhooks/", `location ^~ ${prefix}/webhooks/`);
      text = replaced(text, "location ~ ^/v1/", `location ~ ^${prefix}/v1/`);
      return replaced(text, "location / {", `location ${prefix}/ {`);
    },
    // A process of its own without children, so that ending it ends all of it.
    around: (text, directory) => `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((use) => `${use}_temp_path ${directory}/${use};`).join(" ")}
  ${text}
}
`,
    command: (file, directory) => ["nginx", ["-c", file, "-p", directory, "-e", "stderr"]],
  },
  HAProxy: {
    file: "haproxy/haproxy.cfg",
    secure: true,
    fill: ({ text, port, directory, prefix }) => {
      text = replaced(text, "bind :443 ", `bind ${PROXY}:${port} `);
      text = replaced(text, "/etc/haproxy/tls.pem", `${directory}/both.pem`);
      const [always, under] = ["default_backend room_broker", `use_backend room_broker if { path_beg ${prefix}/ }`];
      return prefix ? replaced(text, `    ${always}`, `    ${under}`) : text;
    },
    command: (file) => ["haproxy", ["-db", "-f", file]],
  },
  Caddy: {
    file: "caddy/Caddyfile",
    // Its certificates come from a public authority; here there is none.
    secure: false,
    fill: ({ text, port, prefix }) => {
      text = replaced(text, `\n${NAME} {`, `\nhttp://${NAME}:${port} {\n\tbind ${PROXY}`);
      text = replaced(text, "\n{\n", "\n{\n\tadmin off\n");
      return prefix ? replaced(text, "\treverse_proxy {", `\treverse_proxy ${prefix}/* {`) : text;
    },
    command: (file) => ["caddy", ["run", "--adapter", "caddyfile", "--config", file]],
  },
};

export const PROXY_KINDS = Object.keys(KINDS);

/** A proxy in front of replicas: where it is, and the certificate that it shows. */
export async function startProxy(kind, { addresses, ports, prefix }) {
  const { file, secure, fill, around = (text) => text, command } = KINDS[kind];
  const directory = await mkdtemp(join(tmpdir(), "room-broker-proxy-"));
  const ca = secure ? await certificate(directory) : undefined;
  const port = await freePort();
  const written = await readFile(`${PROJECT}deploy/${file}`, "utf8");
  const text = fill({ text: withServers(written, addresses, ports), port, directory, prefix });
  const config = join(directory, "proxy.conf");
  await writeFile(config, around(text, directory));
  await mkdir(join(directory, "home"));
  const [program, args] = command(config, directory);
  const proxy = await start(program, args, {
    listens: { host: PROXY, port },
    env: { HOME: join(directory, "home"), XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  const { stop } = proxy;
  return Object.assign(proxy, {
    base: `${secure ? "https" : "http"}://${PROXY}:${port}`,
    ca,
    async stop() {
      const ended = await stop("SIGTERM");
      await rm(directory, { recursive: true, force: true });
      return ended;
    },
  });
}

/** The lines that name the first broker once for each replica; those of the second are left out. */
function withServers(text, addresses, ports) {
  const lines = text.split("\n").flatMap((line) => {
    if (line.includes("10.80.0.12")) return [];
    if (!line.includes("10.80.0.11:8080")) return [line];
    return addresses.map((address, n) =>
      line.replace("10.80.0.11:8080", `${address}:${ports.public}`).replace("broker-1", `broker-${n + 1}`),
    );
  });
  return lines.join("\n").replace(/\b(health_port|check port) 8082\b/, `$1 ${ports.ops}`);
}

function replaced(text, from, to) {
  if (!text.includes(from)) throw new Error(`the file does not have ${JSON.stringify(from)}`);
  return text.replace(from, () => to);
}

async function certificate(directory) {
  const [key, shown] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const subject = ["-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`];
  await run("openssl", ["req", "-x509", ...curve, "-days", "2", ...subject, "-keyout", key, "-out", shown]);
  const pem = await readFile(shown, "utf8");
  await writeFile(join(directory, "both.pem"), pem + (await readFile(key, "utf8")));
  return pem;
}
