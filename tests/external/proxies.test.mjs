// nginx, HAProxy and Caddy with the files of deploy/, in front of the real binary.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";

import { startUpstream } from "./support/broker.mjs";
import { client } from "./support/client.mjs";
import { constantLoad } from "./support/load.mjs";
import { BINARY, until } from "./support/processes.mjs";
import { NAME, PROXY_KINDS, startProxy } from "./support/proxies.mjs";
import { startRedis } from "./support/redis.mjs";
import { rollingRestart, startReplicas, tokenOf } from "./support/replicas.mjs";

/** So few that a test can use them up, and so slow to come back that time does not matter. */
const FEW = `
[limits]
principal_per_minute = 10000
principal_burst = 1000
address_per_minute = 1
address_burst = 100
failures_per_minute = 1
failures_burst = 4
`;
const PLENTY = "[limits]\nenabled = false\n";
/** Limits are on, so that each join asks Redis, but nobody reaches one. */
const MORE_THAN_ENOUGH = `
[limits]
principal_per_minute = 1000000
principal_burst = 100000
address_per_minute = 1000000
address_burst = 100000
`;

let upstream;
let redis;
let ada;
before(async () => {
  [upstream, redis] = await Promise.all([startUpstream(), startRedis()]);
  ada = await tokenOf(upstream, "ada");
});
after(async () => {
  await redis?.stop();
  await upstream?.stop();
});

const join = (caller, token, prefix = "") =>
  caller.request("POST", `${prefix}/v1/rooms/course-101/join`, { headers: { authorization: `Bearer ${token}` } });

/** Replicas, a proxy in front of them, and callers of it; all of it ended with the test. */
async function deployment(t, kind, options) {
  const brokers = await startReplicas(upstream, options);
  t.after(() => brokers.stop());
  const proxy = await startProxy(kind, brokers);
  t.after(() => proxy.stop());
  const from = (address, more = {}) => {
    const caller = client({ base: proxy.base, name: NAME, ca: proxy.ca, from: address, ...more });
    t.after(() => caller.close());
    return caller;
  };
  return { ...brokers, proxy, from };
}

/** Waits until the proxy sends a replica work again: it has let somebody in since it was started. */
function inService({ ops }, caller) {
  return until("the proxy has it back", async () => {
    await join(caller, ada);
    return /^room_broker_joins_total\{.*\} [1-9]/m.test(await (await fetch(`${ops}/metrics`)).text());
  });
}

for (const kind of PROXY_KINDS) {
  describe(kind, { timeout: 180_000 }, () => {
    test("lets users in and takes each client address for what it is, whatever the client writes", async (t) => {
      const { from } = await deployment(t, kind, { count: 1, more: FEW });
      const [honest, liar] = [from("127.0.0.21"), from("127.0.0.22")];
      const joined = await join(honest, ada);
      assert.equal(joined.status, 200, joined.text);
      assert.equal(JSON.parse(joined.text).participant.role, "moderator");

      const statuses = [];
      for (let n = 0; n < 8; n += 1) {
        const invented = `198.51.100.${n}`;
        const headers = {
          authorization: "Bearer nobody",
          "x-forwarded-for": invented,
          x_forwarded_for: invented,
          forwarded: `for=${invented}`,
          "x-real-ip": invented,
        };
        statuses.push((await liar.request("GET", "/v1/me", { headers })).status);
      }
      assert.deepEqual([statuses[0], ...statuses.slice(-2)], [401, 429, 429], `${statuses}`);
      const other = await honest.request("GET", "/v1/me", { headers: { authorization: "Bearer nobody" } });
      assert.equal(other.status, 401, "one client's failures are not another's");
    });

    test("gives a client no say in the id of its request", async (t) => {
      const { from } = await deployment(t, kind, { count: 1, more: PLENTY });
      const id = "00000000-0000-4000-8000-000000000001";
      const answer = await from("127.0.0.21").request("GET", "/healthz", { headers: { "x-request-id": id } });
      assert.equal(answer.status, 200);
      assert.match(answer.headers["x-request-id"], /^[0-9a-f-]{36}$/);
      assert.notEqual(answer.headers["x-request-id"], id);
    });

    test("leads to the public listener alone", async (t) => {
      const [key, , id, hash] = execFileSync(BINARY, ["hash-api-key"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
        .replace("\nid", "\n\nid")
        .split("\n");
      const backend = `[[internal.api_keys]]\n${id}\n${hash}\nname = "shop"\nscopes = ["*"]\n`;
      const { from, replicas, ports, addresses } = await deployment(t, kind, { count: 1, more: `${PLENTY}${backend}` });
      const caller = from("127.0.0.21");
      assert.equal((await join(caller, ada)).status, 200);
      const path = "/v1/rooms/course-101";
      const headers = { authorization: `Bearer ${key}` };
      assert.equal((await fetch(`${replicas[0].internal}${path}`, { headers })).status, 200, "the key is good where it belongs");
      assert.equal((await caller.request("GET", path, { headers })).status, 401);
      const ops = `${addresses[0]}:${ports.ops}`;
      for (const way of ["/metrics", "//metrics", "/./metrics", "/v1/../metrics", "/%2e%2e/metrics", `http://${ops}/metrics`]) {
        const answer = await caller.request("GET", way);
        // Caddy answers with nothing at all where it knows no site.
        assert.ok([400, 403, 404, 421].includes(answer.status) || answer.text === "", `${way}: ${answer.status}`);
      }
      const misled = await caller.request("GET", "/metrics", { headers: { host: ops } });
      assert.doesNotMatch(misled.text, /room_broker_/);
    });

    test("passes a path prefix on, and nothing outside of it", async (t) => {
      const { from } = await deployment(t, kind, { count: 1, prefix: "/video", more: PLENTY });
      const caller = from("127.0.0.21");
      const joined = await join(caller, ada, "/video");
      assert.equal(joined.status, 200, joined.text);
      for (const path of ["/video/readyz", "/video/healthz", "/video/docs", "/video/openapi.yaml"]) {
        assert.equal((await caller.request("GET", path)).status, 200, path);
      }
      const refused = await caller.request("GET", "/video/v1/me");
      assert.match(JSON.parse(refused.text).type, /^\/video\/docs#/);
      assert.notEqual((await caller.request("GET", "/readyz")).text, (await caller.request("GET", "/video/readyz")).text);
    });

    for (const [what, limitsAndState] of [
      ["share nothing", () => PLENTY],
      ["share a Redis", () => `[state.redis]\nurl = "${redis.url}"\n${MORE_THAN_ENOUGH}`],
    ]) {
      test(`three replicas that ${what} restart one after the other under constant load without a failed request`, async (t) => {
        const more = limitsAndState();
        const { from, replicas } = await deployment(t, kind, { count: 3, drainFor: "3s", more });
        const caller = from("127.0.0.21", { connections: 64 });
        const load = constantLoad({ perSecond: 150, request: () => join(caller, ada) });
        const ends = await rollingRestart(replicas, (replica) => inService(replica, caller));
        const { sent, failures, p50, p99 } = await load.stop();
        t.diagnostic(`${sent} joins, ${failures.length} failed, p50 ${p50} ms, p99 ${p99} ms`);
        assert.deepEqual(ends, Array.from({ length: 3 }, () => ({ code: 0, signal: null })));
        assert.deepEqual(failures.slice(0, 5), []);
        assert.ok(sent > 300, `only ${sent} joins`);
      });
    }

    test("a replica that is killed under constant load costs nobody an error", async (t) => {
      const { from, replicas } = await deployment(t, kind, { count: 3, more: PLENTY });
      const caller = from("127.0.0.21", { connections: 64 });
      const load = constantLoad({ perSecond: 150, request: () => join(caller, ada) });
      for (const replica of replicas) {
        assert.deepEqual(await replica.stop("SIGKILL"), { code: null, signal: "SIGKILL" });
        await replica.start();
        await inService(replica, caller);
      }
      const { sent, failures, p50, p99 } = await load.stop();
      t.diagnostic(`${sent} joins, ${failures.length} failed, p50 ${p50} ms, p99 ${p99} ms`);
      assert.deepEqual(failures.slice(0, 5), []);
    });
  });
}
