// Three replicas that share a Redis, behind the nginx of deploy/: to a client they are one.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { startUpstream } from "./support/broker.mjs";
import { client } from "./support/client.mjs";
import { until } from "./support/processes.mjs";
import { NAME, startProxy } from "./support/proxies.mjs";
import { startRedis } from "./support/redis.mjs";
import { startReplicas, tokenOf } from "./support/replicas.mjs";

/** Of one user, or one address, in one go; so slow to come back that time does not matter. */
const ADMITTED = 60;
const PLENTY_FOR_PRINCIPALS = "principal_per_minute = 100000\nprincipal_burst = 10000\n";
const PLENTY_FOR_ADDRESSES = "address_per_minute = 100000\naddress_burst = 10000\n";
const CROWD = 1000;
/** Rooms that anybody may open. */
const LOBBIES = `
[[policy.rules]]
name = "anybody meets in lobbies"
room = "lobby-{n}"
role = "moderator"
may_create = true

[[rooms.templates]]
room = "lobby-{n}"
settings = { roles = ["moderator"], default_role = "moderator" }
`;

let upstream;
let redis;
before(async () => {
  [upstream, redis] = await Promise.all([startUpstream(), startRedis()]);
});
after(async () => {
  await redis?.stop();
  await upstream?.stop();
});

async function deployment(t, limits, { shared = redis, connections = 64 } = {}) {
  // On a busy machine an answer may take longer than the default, and then each decides alone.
  const state = `[state.redis]\nurl = "${shared.url}"\nprefix = "${randomUUID()}"\ntimeout = "2s"\n`;
  const brokers = await startReplicas(upstream, { more: `${state}[limits]\n${limits}` });
  t.after(() => brokers.stop());
  const proxy = await startProxy("nginx", brokers);
  t.after(() => proxy.stop());
  const callerFrom = (address) => {
    const caller = client({ base: proxy.base, name: NAME, ca: proxy.ca, from: address, connections });
    t.after(() => caller.close());
    return caller;
  };
  const joinWith = (caller) => (room, token, headers = {}) =>
    caller.request("POST", `/v1/rooms/${room}/join`, { headers: { authorization: `Bearer ${token}`, ...headers } });
  const caller = callerFrom();
  return { ...brokers, caller, join: joinWith(caller), joinFrom: (address) => joinWith(callerFrom(address)) };
}

/** The samples of a metric that have a label, added up: of all replicas, and of each. */
const sum = async (replicas, name, label = "") => {
  const texts = await Promise.all(replicas.map(async ({ ops }) => (await fetch(`${ops}/metrics`)).text()));
  const samples = new RegExp(`^${name}(?:\\{[^}]*${label}[^}]*\\})? (\\d+)$`, "gm");
  const values = texts.map((text) => [...text.matchAll(samples)].reduce((total, [, value]) => total + Number(value), 0));
  return { total: values.reduce((a, b) => a + b, 0), each: values };
};

test("together they admit what one may, wherever one says that one is", { timeout: 60_000 }, async (t) => {
  const few = `principal_per_minute = 1\nprincipal_burst = ${ADMITTED}\n${PLENTY_FOR_ADDRESSES}`;
  const { join, replicas } = await deployment(t, few);
  const ada = await tokenOf(upstream, "ada");
  const statuses = await statusesOf(3 * ADMITTED, (n) => join("course-101", ada, elsewhere(n)));
  await admitted(replicas, statuses, 200);
});

test("together they admit what an address may, with tokens that none has seen and addresses that are made up", { timeout: 60_000 }, async (t) => {
  const few = `${PLENTY_FOR_PRINCIPALS}address_per_minute = 1\naddress_burst = ${ADMITTED}\n`;
  const { joinFrom, replicas } = await deployment(t, few);
  const [last, ...tokens] = await Promise.all(Array.from({ length: 3 * ADMITTED + 1 }, () => tokenOf(upstream, "ada")));
  const [join, another] = ["127.0.0.21", "127.0.0.22"].map((address) => joinFrom(address));
  const statuses = await statusesOf(tokens.length, (n) => join("course-101", tokens[n], elsewhere(n)));
  await admitted(replicas, statuses, 200);
  assert.equal((await another("course-101", last)).status, 200, "another address has a bucket of its own");
});

test("together they look at as many bad credentials as an address may show, whatever address is made up", { timeout: 60_000 }, async (t) => {
  const few = `${PLENTY_FOR_PRINCIPALS}${PLENTY_FOR_ADDRESSES}failures_per_minute = 1\nfailures_burst = ${ADMITTED}\n`;
  const { joinFrom, replicas } = await deployment(t, few);
  const [join, another] = ["127.0.0.21", "127.0.0.22"].map((address) => joinFrom(address));
  const unsigned = (await tokenOf(upstream, "ada")).replace(/[^.]+$/, "");
  // One after the other: each of those that are under way at once is looked at.
  const statuses = [];
  for (let n = 0; n < 3 * ADMITTED; n += 1) statuses.push((await join("course-101", unsigned + `forged${n}`, elsewhere(n))).status);
  await admitted(replicas, statuses, 401);
  assert.equal((await another("course-101", "nobody")).status, 401, "another address has a bucket of its own");
});

/** Fields in which a client says that it is somewhere else, each time elsewhere. */
function elsewhere(n) {
  const address = `198.51.100.${n}`;
  return { "x-forwarded-for": `${address}, ${address}`, x_forwarded_for: address, forwarded: `for=${address}`, "x-real-ip": address };
}

/** Of requests that are all sent at once. */
async function statusesOf(count, ask) {
  return (await Promise.all(Array.from({ length: count }, (_, n) => ask(n)))).map(({ status }) => status);
}

/** The stated total had this status, within 5 %, and the others, of each replica some, were too many. */
async function admitted(replicas, statuses, status) {
  assert.deepEqual([...new Set(statuses)].toSorted(), [status, 429]);
  assert.equal((await sum(replicas, "room_broker_limits_alone_total")).total, 0, "none decided alone");
  const { length } = statuses.filter((one) => one === status);
  assert.ok(Math.abs(length - ADMITTED) <= ADMITTED * 0.05, `${length} were admitted`);
  const { each } = await sum(replicas, "room_broker_limited_requests_total");
  assert.ok(each.every((limited) => limited > 0), `each had a share: ${each}`);
}

test("a thousand simultaneous joins of a new room create it once", { timeout: 60_000 }, async (t) => {
  const { join, replicas } = await deployment(t, `enabled = false\n${LOBBIES}`);
  const ada = await tokenOf(upstream, "ada");
  await createdOnce("lobby-1", Array.from({ length: CROWD }, () => join("lobby-1", ada)));
  assert.equal((await sum(replicas, "room_broker_rooms_created_total")).total, 1);
});

for (const [moment, called] of [["before_effect", "before upstream has made the room"], ["after_effect", "before it hears that upstream has made the room"]]) {
  test(`a thousand create it once though the replica that creates it is killed ${called}`, { timeout: 90_000 }, async (t) => {
    const { join, caller, replicas } = await deployment(t, `enabled = false\n${LOBBIES}`, { connections: CROWD });
    const ada = await tokenOf(upstream, "ada");
    // So that they come at once: a thousand handshakes take longer than all the rest.
    await Promise.all(Array.from({ length: CROWD }, () => caller.request("GET", "/healthz")));
    const room = `lobby-killed-${moment === "before_effect" ? 1 : 2}`;
    const before = await counts();
    await hold(t, moment);
    const asked = Array.from({ length: CROWD }, () => join(room, ada));
    const waiting = until("one replica creates", async () => (await counts()).create_room.waiting === 1);
    const [creator] = await Promise.all([waiting.then(() => holderOf(replicas)), crowded(replicas)]);
    assert.equal((await counts()).create_room.calls, before.create_room.calls + 1, "the others wait");
    assert.deepEqual(await creator.stop("SIGKILL"), { code: null, signal: "SIGKILL" });
    if (moment === "before_effect") await until("another one creates", async () => (await counts()).create_room.calls > before.create_room.calls + 1);
    await release();
    await createdOnce(room, asked);
    assert.equal((await counts()).create_room.done, before.create_room.done + 1);
  });
}

test("a thousand create it once though Redis is gone: names collide upstream", { timeout: 60_000 }, async (t) => {
  const gone = await startRedis();
  t.after(() => gone.stop());
  const { join, replicas } = await deployment(t, `enabled = false\n${LOBBIES}`, { shared: gone });
  const ada = await tokenOf(upstream, "ada");
  await gone.stop("SIGKILL");
  const before = await counts();
  await hold(t, "before_effect");
  const asked = Array.from({ length: CROWD }, () => join("lobby-alone", ada));
  await until("each replica creates", async () => (await counts()).create_room.waiting === replicas.length);
  await release();
  await createdOnce("lobby-alone", asked);
  const { done, calls } = (await counts()).create_room;
  assert.equal(done, before.create_room.done + 1);
  assert.equal(calls, before.create_room.calls + replicas.length);
});

/** All are let in, into one room, which is the one that upstream has under that name. */
async function createdOnce(room, asked) {
  const answers = await Promise.all(asked);
  assert.deepEqual(answers.filter(({ status }) => status !== 200).slice(0, 3), []);
  const ids = new Set(answers.map(({ text }) => JSON.parse(text).room.id));
  assert.equal(ids.size, 1);
  const headers = { authorization: `Bearer ${upstream.developerKey}` };
  const { data } = await (await fetch(`${upstream.url}/api/v1/rooms?limit=100`, { headers })).json();
  assert.deepEqual(data.filter(({ external_id }) => external_id === room).map(({ id }) => id), [...ids]);
}

/** What was called upstream, and how often. */
async function counts() {
  const none = { create_room: { calls: 0, done: 0, waiting: 0 } };
  return { ...none, ...(await (await fetch(`${upstream.url}/_sim/counts`)).json()) };
}

/** From now on whoever creates a room upstream waits at a gate. */
async function hold(t, moment) {
  t.after(release);
  const headers = { "content-type": "application/json" };
  const held = await fetch(`${upstream.url}/_sim/gates/create_room`, { method: "POST", headers, body: JSON.stringify({ moment }) });
  assert.equal(held.status, 204);
}

async function release() {
  const { status } = await fetch(`${upstream.url}/_sim/gates/create_room`, { method: "DELETE" });
  assert.equal(status, 204);
}

/** Waits until many wait at each of the replicas. */
function crowded(replicas) {
  return until("each has a crowd", async () => {
    const { each } = await sum(replicas, "room_broker_room_cache_lookups_total");
    return each.every((looked) => looked >= CROWD / 10);
  });
}

/** The replica that creates: it alone renews a lease, since the others ask for it in vain. */
async function holderOf(replicas) {
  const holders = await until("one replica renews its lease", async () => {
    const { each } = await sum(replicas, "room_broker_state_calls_total", 'operation="renew"');
    return each.some((renewed) => renewed > 0) && replicas.filter((_, n) => each[n] > 0);
  });
  assert.equal(holders.length, 1);
  return holders[0];
}
