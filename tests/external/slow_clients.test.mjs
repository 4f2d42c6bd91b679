// Thousands of connections that drip: everybody else is served as before, and they are all gone in
// the time that the configuration gives them. How much slower it gets is a figure, not a test:
// tests/chaos measures it.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { startUpstream } from "./support/broker.mjs";
import { client } from "./support/client.mjs";
import { constantLoad } from "./support/load.mjs";
import { until } from "./support/processes.mjs";
import { startReplicas, tokenOf } from "./support/replicas.mjs";
import { slowConnections } from "./support/slow.mjs";

const EACH = 1000;

let upstream;
let brokers;
let ada;
before(async () => {
  upstream = await startUpstream();
  ada = await tokenOf(upstream, "ada");
  const http = 'request_timeout = "5s"\nbody_timeout = "5s"';
  brokers = await startReplicas(upstream, { count: 1, http, more: "[limits]\nenabled = false\n" });
});
after(async () => {
  await brokers?.stop();
  await upstream?.stop();
});

test(`${EACH} slow heads and ${EACH} slow bodies fail nobody else, are cut off, and leave nothing behind`, { timeout: 60_000 }, async (t) => {
  const [broker] = brokers.replicas;
  const caller = client({ base: broker.public, connections: 32 });
  t.after(() => caller.close());
  const join = () => caller.request("POST", "/v1/rooms/course-101/join", { headers: { authorization: `Bearer ${ada}` } });
  const load = () => constantLoad({ perSecond: 100, request: join });
  const figures = ({ sent, p50, p99 }) => `${sent} joins, p50 ${p50} ms, p99 ${p99} ms`;

  const alone = load();
  await until("there is something to compare with", () => alone.milliseconds.length >= 200);
  const before = await alone.stop();
  assert.deepEqual(before.failures.slice(0, 3), []);
  const descriptors = async () => (await readdir(`/proc/${broker.pid}/fd`)).length;
  const open = await descriptors();

  const beside = load();
  const path = "/v1/rooms/course-101/join HTTP/1.1\r\nhost: broker\r\n";
  const bearer = `authorization: Bearer ${ada}\r\ncontent-type: application/json\r\n`;
  const slow = await Promise.all([
    slowConnections(broker.public, EACH, { head: `POST ${path}x-slow: `, drop: "x" }),
    slowConnections(broker.public, EACH / 2, { head: `POST ${path}${bearer}content-length: 1000\r\n\r\n{`, drop: " " }),
    slowConnections(broker.public, EACH / 2, { head: `POST ${path}${bearer}transfer-encoding: chunked\r\n\r\n`, drop: "1\r\n \r\n" }),
  ]);
  t.after(() => slow.forEach((connections) => connections.destroy()));
  const held = await descriptors();
  const told = await Promise.all(slow.map(({ closed }) => closed));
  const meanwhile = await beside.stop();

  t.diagnostic(`alone: ${figures(before)}`);
  t.diagnostic(`beside them: ${figures(meanwhile)}`);
  assert.deepEqual(meanwhile.failures.slice(0, 3), []);
  assert.ok(held >= open + EACH, `they were open at once: ${held} descriptors`);
  for (const answers of told) {
    // A drip that crosses the end resets the connection, and what was said last may be lost.
    const heard = answers.filter((answer) => answer !== "").map((answer) => answer.match(/^HTTP\/1\.1 (\d+)/)?.[1]);
    assert.deepEqual([...new Set(heard)], ["408"]);
    assert.ok(heard.length >= answers.length / 2, `${heard.length} of ${answers.length} were told why`);
  }
  await until("their descriptors are free again", async () => (await descriptors()) <= open + 32);
  const metrics = await (await fetch(`${broker.ops}/metrics`)).text();
  assert.match(metrics, /^room_broker_http_requests_total\{listener="public",route="join",status="408"\} 1000$/m);
});
