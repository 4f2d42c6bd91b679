// Several brokers as a deployment has them: the same ports, each at an address of its own (all of
// 127.0.0.0/8 is this machine), each a process that can be stopped and started again.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SCHOOL } from "./broker.mjs";
import { BINARY, start, until } from "./processes.mjs";

/** Where proxies call from when they call one of 127.0.0.0/8. */
export const PROXY_NETWORK = "127.0.0.1/32";

/**
 * `count` replicas beside an upstream of `startUpstream`, whose users they know; `http` is more of
 * `[http]`, `issuer` of the issuer's, `env` the environment's part of the configuration.
 */
export async function startReplicas(upstream, { count = 3, prefix = "", drainFor = "0s", http = "", issuer = "", more = "", env = {} } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "room-broker-replicas-"));
  const addresses = Array.from({ length: count }, (_, n) => `127.0.0.${11 + n}`);
  const ports = { public: await freePort(addresses), internal: await freePort(addresses), ops: await freePort(addresses) };
  const replicas = addresses.map((address) => new Replica({ directory, address, ports, upstream, prefix, drainFor, http, issuer, more, env }));
  const stop = async () => {
    await Promise.all(replicas.map((replica) => replica.stop("SIGINT")));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all(replicas.map((replica) => replica.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { replicas, addresses, ports, prefix, stop };
}

class Replica {
  #options;
  #process;

  constructor(options) {
    this.#options = options;
    const { address, ports, directory } = options;
    for (const name of ["public", "internal", "ops"]) this[name] = `http://${address}:${ports[name]}`;
    this.audit = join(directory, `${address}.audit.jsonl`);
  }

  /** Starts it and waits until it is ready. */
  async start() {
    const { directory, address, env } = this.#options;
    const file = join(directory, `${address}.toml`);
    await writeFile(file, configuration(this.#options, this.audit));
    this.#process = await start(BINARY, ["serve", "--config", file], { env, ready: (output) => output.includes('"serving"') });
    await until(`${address} is ready`, async () => (await fetch(`${this.ops}/readyz`)).status === 200);
  }

  /** Ends it and waits for its end: its code and signal. */
  async stop(signal = "SIGTERM") {
    const ended = await this.#process?.stop(signal);
    this.#process = undefined;
    return ended;
  }

  signal(name) {
    this.#process.signal(name);
  }

  get pid() {
    return this.#process.pid;
  }

  get output() {
    return this.#process.output;
  }
}

function configuration({ address, ports, upstream, prefix, drainFor, http, issuer, more }, audit) {
  return `
[digital_samba]
api_url = "${upstream.url}"
rooms_url = "${upstream.url}"
team_id = "${upstream.teamId}"
developer_key = "${upstream.developerKey}"

[authn]
allow_http_loopback = true

[[authn.issuers]]
name = "dev"
issuer = "${upstream.provider}"
audiences = ["room-broker-dev"]
algorithms = ["RS256", "ES256", "EdDSA"]
${issuer}
${SCHOOL}
[public]
listen = "${address}:${ports.public}"
path_prefix = "${prefix}"

[internal]
listen = "${address}:${ports.internal}"

[ops]
listen = "${address}:${ports.ops}"

[audit]
file = "${audit}"

[http]
workers = 2
trusted_proxies = ["${PROXY_NETWORK}"]
drain_for = "${drainFor}"
${http}
${more}`;
}

/** One rolling restart: each in turn is told to stop, ends, and is in service again before the next. */
export async function rollingRestart(replicas, inService = async () => {}) {
  const ends = [];
  for (const replica of replicas) {
    ends.push(await replica.stop("SIGTERM"));
    await replica.start();
    await inService(replica);
  }
  return ends;
}

/** A user's token from the identity provider of `startUpstream`. */
export async function tokenOf(upstream, user) {
  return (await fetch(`${upstream.provider}/demo/token?user=${user}&format=text`)).text();
}

/** A port that is free at all of these addresses. */
export async function freePort(addresses = ["127.0.0.1"]) {
  for (let tries = 0; tries < 50; tries += 1) {
    const [first, ...others] = addresses;
    const held = [await listen(first, 0)];
    const { port } = held[0].address();
    try {
      for (const address of others) held.push(await listen(address, port));
      return port;
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
    } finally {
      await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))));
    }
  }
  throw new Error(`no port is free at all of ${addresses}`);
}

function listen(host, port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen({ host, port }, () => resolve(server));
  });
}
