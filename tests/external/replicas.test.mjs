// Three replicas that share a Redis, behind the nginx of deploy/: to a client they are one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startUpstream } from "./support/broker.mjs";
import { client } from "./support/client.mjs";
import { NAME, startProxy } from "./support/proxies.mjs";
import { startRedis } from "./support/redis.mjs";
import { startReplicas, tokenOf } from "./support/replicas.mjs";

/** Of one user, in one go; so slow to come back that time does not matter. */
const ADMITTED = 60;
/** A room that anybody may open. */
const LOBBY = `
[[policy.rules]]
name = "anybody meets in the lobby"
room = "lobby"
role = "moderator"
may_create = true

[[rooms.templates]]
room = "lobby"
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

async function deployment(t, limits) {
  const brokers = await startReplicas(upstream, { more: `[state.redis]\nurl = "${redis.url}"\n[limits]\n${limits}` });
  t.after(() => brokers.stop());
  const proxy = await startProxy("nginx", brokers);
  t.after(() => proxy.stop());
  const caller = client({ base: proxy.base, name: NAME, ca: proxy.ca, connections: 64 });
  t.after(() => caller.close());
  const join = (room, token, headers = {}) =>
    caller.request("POST", `/v1/rooms/${room}/join`, { headers: { authorization: `Bearer ${token}`, ...headers } });
  return { ...brokers, join };
}

const sum = async (replicas, name) => {
  const texts = await Promise.all(replicas.map(async ({ ops }) => (await fetch(`${ops}/metrics`)).text()));
  const values = texts.map((text) => [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "gm"))].reduce((total, [, value]) => total + Number(value), 0));
  return { total: values.reduce((a, b) => a + b, 0), each: values };
};

test("together they admit what one may, and a header that a client writes admits no more", { timeout: 60_000 }, async (t) => {
  const few = `principal_per_minute = 1\nprincipal_burst = ${ADMITTED}\naddress_per_minute = 100000\naddress_burst = 10000\n`;
  const { join, replicas } = await deployment(t, few);
  const ada = await tokenOf(upstream, "ada");
  const asked = Array.from({ length: 3 * ADMITTED }, (_, n) => join("course-101", ada, { "x-forwarded-for": `198.51.100.${n}` }));
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assert.deepEqual([...new Set(statuses)].toSorted(), [200, 429]);
  const admitted = statuses.filter((status) => status === 200).length;
  assert.ok(Math.abs(admitted - ADMITTED) <= ADMITTED * 0.05, `${admitted} were admitted`);
  const { each } = await sum(replicas, "room_broker_limited_requests_total");
  assert.ok(each.every((limited) => limited > 0), `each had a share: ${each}`);
});

test("a thousand simultaneous joins of a new room create it once", { timeout: 60_000 }, async (t) => {
  const { join, replicas } = await deployment(t, `enabled = false\n${LOBBY}`);
  const ada = await tokenOf(upstream, "ada");
  const answers = await Promise.all(Array.from({ length: 1000 }, () => join("lobby", ada)));
  assert.deepEqual(answers.filter(({ status }) => status !== 200).slice(0, 3), []);
  const ids = new Set(answers.map(({ text }) => JSON.parse(text).room.id));
  assert.equal(ids.size, 1);
  assert.equal((await sum(replicas, "room_broker_rooms_created_total")).total, 1);
  const headers = { authorization: `Bearer ${upstream.developerKey}` };
  const { data } = await (await fetch(`${upstream.url}/api/v1/rooms?limit=100`, { headers })).json();
  assert.deepEqual(data.filter((room) => room.external_id === "lobby").map(({ id }) => id), [...ids]);
});
