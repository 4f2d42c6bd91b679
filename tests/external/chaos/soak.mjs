// No two requests alike: every one has a token, a room key and an address of its own. What the broker
// remembers of them is bounded, so once that is full nothing grows any more.

import { createHmac, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

import { startSimulator } from "../support/broker.mjs";
import { client } from "../support/client.mjs";
import { startReplicas } from "../support/replicas.mjs";

const SAMPLES = 8;
const CONNECTIONS = 64;
/** From the middle, when everything is full, to the end. */
const MEMORY_GROWTH_MAX = 1.25;
const DESCRIPTORS_GROWTH_MAX = 16;
const THREADS_GROWTH_MAX = 4;

const ISSUER = { name: "soak", issuer: "https://soak.example", audience: "soak", secret: randomBytes(32).toString("hex") };

const CONFIGURATION = {
  count: 1,
  // As small as they may be or nearly so, so that they are full early.
  env: {
    ROOM_BROKER__AUTHN__VERIFIED_TOKENS_MAX: "500",
    ROOM_BROKER__ROOMS__CACHE_SIZE: "20",
    ROOM_BROKER__LIMITS__TRACKED_MAX: "1000",
    // Whoever comes when as many are tracked shares a bucket with others: a million fit into these.
    ROOM_BROKER__LIMITS__PRINCIPAL_BURST: "100000",
    ROOM_BROKER__LIMITS__ADDRESS_BURST: "100000",
    ROOM_BROKER__LIMITS__FAILURES_BURST: "100000",
    // A line for each of a million refusals would be kept here.
    ROOM_BROKER__TELEMETRY__LOG_LEVEL: "warn,room_broker::cli=info",
    ROOM_BROKER__DIGITAL_SAMBA__REQUESTS_PER_MINUTE: "100000",
  },
  more: `
[[authn.issuers]]
name = "${ISSUER.name}"
issuer = "${ISSUER.issuer}"
audiences = ["${ISSUER.audience}"]
algorithms = ["HS256"]
shared_secret = "${ISSUER.secret}"

[[policy.rules]]
name = "anybody enters what is there"
room = "there-{n}"
role = "moderator"

[[policy.rules]]
name = "anybody opens what is new"
room = "new-{n}"
role = "moderator"
may_create = true

[[rooms.templates]]
room = "new-{n}"
settings = { roles = ["moderator"], default_role = "moderator" }
`,
};

/** What the n-th of each twenty requests is, and how it must be answered. */
const KINDS = [
  ...Array(7).fill({ bearer: garbage, room: "new", statuses: [401] }),
  ...Array(3).fill({ bearer: forged, room: "new", statuses: [401] }),
  ...Array(7).fill({ bearer: signed, room: "elsewhere", statuses: [403] }),
  ...Array(3).fill({ bearer: signed, room: "there", statuses: [403] }),
];
/** So few open a room, because the simulator keeps them all. */
const OPENED_EVERY = 200;
const OPENS = { bearer: signed, room: "new", statuses: [200] };

/** Sends so many requests; what did not hold. */
export async function runSoak(requests) {
  const upstream = await startSimulator();
  const brokers = await startReplicas(upstream, CONFIGURATION);
  const [broker] = brokers.replicas;
  const caller = client({ base: broker.public, connections: CONNECTIONS });
  const statuses = {};
  const wrong = [];
  const one = async (n) => {
    const kind = n % OPENED_EVERY === 0 ? OPENS : KINDS[n % KINDS.length];
    const headers = { authorization: `Bearer ${kind.bearer(n)}`, "x-forwarded-for": addressOf(n) };
    const { status, text } = await caller.request("POST", `/v1/rooms/${kind.room}-${n}/join`, { headers });
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (!kind.statuses.includes(status)) wrong.push(`request ${n} (${kind.room}): ${status} ${text.slice(0, 200)}`);
  };

  console.log(`\n${requests} requests, each with a token, a room key and an address of its own:\n`);
  console.log("requests  resident MiB  descriptors  threads  requests/s");
  const samples = [];
  try {
    let next = 0;
    for (let sample = 1; sample <= SAMPLES; sample += 1) {
      const began = performance.now();
      const from = next;
      const end = Math.floor((requests * sample) / SAMPLES);
      const work = async () => {
        while (next < end) await one(next++);
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, work));
      const taken = await measure(broker.pid);
      samples.push(taken);
      const speed = Math.round(((end - from) * 1000) / (performance.now() - began));
      const cells = [end, taken.resident.toFixed(1), taken.descriptors, taken.threads, speed];
      console.log(cells.map((cell, n) => String(cell).padStart([8, 12, 11, 7, 10][n])).join("  "));
    }
    if (wrong.length) console.log(`\n${await whatUpstreamDid(broker)}`);
  } finally {
    caller.close();
    await brokers.stop();
    await upstream.stop();
  }
  console.log(`\nstatuses: ${JSON.stringify(statuses)}, not as expected: ${wrong.length}`);
  return [...wrong.slice(0, 3), ...growth(samples[SAMPLES / 2 - 1], samples.at(-1))];
}

/** Why a request may have been refused that should not have been. */
async function whatUpstreamDid(broker) {
  const metrics = await (await fetch(`${broker.ops}/metrics`)).text();
  const lines = metrics.split("\n").filter((line) => /^room_broker_upstream_(calls|breaker)/.test(line));
  const warnings = broker.output.split("\n").filter((line) => /"level":"(WARN|ERROR)"/.test(line));
  return [...lines, ...warnings.slice(0, 20)].join("\n");
}

function growth(middle, end) {
  const grown = [];
  const check = (what, most) => {
    if (end[what] > most) grown.push(`${what} grew from ${middle[what]} to ${end[what]} in the second half`);
  };
  check("resident", middle.resident * MEMORY_GROWTH_MAX);
  check("descriptors", middle.descriptors + DESCRIPTORS_GROWTH_MAX);
  check("threads", middle.threads + THREADS_GROWTH_MAX);
  return grown;
}

async function measure(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const number = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))[1]);
  return { resident: number("VmRSS") / 1024, descriptors: (await readdir(`/proc/${pid}/fd`)).length, threads: number("Threads") };
}

function garbage(n) {
  return `${n}${randomBytes(24).toString("base64url")}`;
}

function forged(n) {
  return token(n, randomBytes(32));
}

function signed(n) {
  return token(n, ISSUER.secret);
}

function token(n, secret) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER.issuer, aud: ISSUER.audience, sub: `user-${n}`, name: `User ${n}`, iat: now, exp: now + 3600 };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** Every second one of IPv6, where a /64 counts as one. */
function addressOf(n) {
  if (n % 2) return `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`;
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}
