// Real answers have the form that openapi.yaml describes: bodies, headers, content types, statuses.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";

import { SCHOOL, startServe, startUpstream } from "./support/broker.mjs";
import { readDescription } from "./support/description.mjs";
import { until } from "./support/processes.mjs";

const JOIN = "/v1/rooms/{room_key}/join";
const ROOM = "/v1/rooms/{room_key}";

let upstream;
let serve;
let description;
const tokens = {};

before(async () => {
  description = await readDescription();
  upstream = await startUpstream();
  serve = await startServe(
    upstream,
    `
[authn]
allow_http_loopback = true
[[authn.issuers]]
name = "dev"
issuer = "${upstream.provider}"
audiences = ["room-broker-dev"]
algorithms = ["RS256"]
[[authn.issuers]]
name = "away"
issuer = "http://127.0.0.1:1"
audiences = ["room-broker-dev"]
algorithms = ["RS256"]
user_id_prefix = "away:"
${SCHOOL}
[[policy.rules]]
name = "a role that the room lacks"
room = "odd-*"
role = "wizard"
may_create = true
[[policy.rules]]
name = "open to everybody"
room = "open-*"
role = "attendee"
may_create = true
[[policy.rules]]
name = "staff look around"
room = "hall-*"
role = "attendee"
[public]
listen = "127.0.0.1:0"
[http]
body_timeout = "500ms"
[limits]
principal_per_minute = 60
principal_burst = 60
address_burst = 1000
failures_burst = 1000
`,
    { digitalSamba: 'request_timeout = "500ms"\ndeadline = "1s"\nretries_max = 0\nbreaker_failures = 1000' },
  );
  for (const user of ["ada", "ben", "cleo"]) {
    tokens[user] = await (await fetch(`${upstream.provider}/demo/token?user=${user}&format=text`)).text();
  }
  await until("the broker is ready", async () => (await fetch(`${serve.ops}/readyz`)).ok);
});

after(async () => {
  await serve?.stop();
  await upstream?.stop();
});

/** Calls an operation and holds the answer against its description. */
async function call(path, { method = "POST", room = "course-101", token = tokens.ada, headers = {}, body, base } = {}) {
  const url = `${base ?? serve.broker}${path.replace("{room_key}", room)}`;
  const answer = await fetch(url, {
    method,
    body,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
  });
  const text = await answer.text();
  const found = description.fault(path, method.toLowerCase(), { status: answer.status, headers: answer.headers, text });
  assert.equal(found, undefined, `${method} ${url}: ${found}`);
  return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
}

const json = { "content-type": "application/json" };

describe("what goes well", () => {
  test("a join, a look at the room, the caller", async () => {
    const absent = await call(ROOM, { method: "GET" });
    assert.equal(absent.json().room.exists, false);
    const joined = await call(JOIN, { headers: json, body: '{"role":"attendee","initials":"AW"}' });
    assert.equal(joined.json().room.created, true);
    const existing = await call(ROOM, { method: "GET" });
    assert.equal(existing.json().room.id, joined.json().room.id);
    assert.equal((await call("/v1/me", { method: "GET" })).json().subject, "ada");
  });

  test("health, readiness and metrics, on the listeners that offer them", async () => {
    for (const base of [serve.broker, serve.ops]) {
      for (const path of ["/healthz", "/readyz"]) {
        assert.equal((await call(path, { method: "GET", token: null, base })).status, 200);
      }
    }
    const metrics = await call("/metrics", { method: "GET", token: null, base: serve.ops });
    assert.match(metrics.text, /^room_broker_joins_total\{.*role="attendee".*\} 1$/m);
    assert.match(metrics.text, /# EOF\n$/);
    assert.equal((await fetch(`${serve.broker}/metrics`)).status, 404);
  });

  test("the description and its page", async () => {
    await call("/openapi.yaml", { method: "GET", token: null });
    await call("/docs", { method: "GET", token: null });
  });
});

describe("what goes wrong", () => {
  for (const [code, status, options] of [
    ["unauthorized", 401, { token: null }],
    ["unauthorized", 401, { token: "a.b.c" }],
    ["forbidden", 403, { token: "cleo" }],
    ["forbidden", 403, { room: "hall-1" }],
    ["role-not-allowed", 403, { token: "ben", headers: json, body: '{"role":"moderator"}' }],
    ["field-not-allowed", 403, { headers: json, body: '{"display_name":"Zoe"}' }],
    ["malformed-json", 400, { headers: json, body: '{"role":' }],
    ["unknown-member", 400, { headers: json, body: '{"rolle":"attendee"}' }],
    ["invalid-field", 400, { headers: json, body: '{"role":7}' }],
    ["invalid-field", 400, { headers: json, body: '{"avatar_url":"http://insecure.example/a.png"}' }],
    ["invalid-room-key", 400, { room: "a%20b" }],
    ["not-acceptable", 406, { headers: { accept: "text/html" } }],
    ["role-not-in-room", 409, { room: "odd-1" }],
    ["payload-too-large", 413, { headers: json, body: `{"initials":"${"x".repeat(20_000)}"}` }],
    ["unsupported-media-type", 415, { headers: { "content-type": "text/plain" }, body: "{}" }],
    ["headers-too-large", 431, { headers: { "x-large": "x".repeat(40_000) } }],
  ]) {
    test(`${status} ${code}: ${JSON.stringify(options).slice(0, 60)}`, async () => {
      const token = options.token in tokens ? tokens[options.token] : options.token;
      const answer = await call(JOIN, { ...options, token: options.token === undefined ? tokens.ada : token });
      assert.equal(answer.json().code, code);
      assert.equal(answer.status, status);
      assert.equal(answer.json().request_id, answer.headers.get("x-request-id"));
    });
  }

  test("a provider that cannot be reached is not the token's fault", async () => {
    const [header, payload, signature] = tokens.ada.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url"));
    const moved = Buffer.from(JSON.stringify({ ...claims, iss: "http://127.0.0.1:1" })).toString("base64url");
    const answer = await call("/v1/me", { method: "GET", token: `${header}.${moved}.${signature}` });
    assert.equal(answer.json().code, "identity-provider-unavailable");
  });

  test("a room of another maker is a conflict", async () => {
    const created = await fetch(`${upstream.url}/api/v1/rooms`, {
      method: "POST",
      headers: { authorization: `Bearer ${upstream.developerKey}`, ...json, accept: "application/json" },
      body: JSON.stringify({ friendly_url: "open-1", privacy: "private", external_id: "somebody-else" }),
    });
    assert.equal(created.status, 200);
    for (const [path, method] of [[ROOM, "GET"], [JOIN, "POST"]]) {
      assert.equal((await call(path, { method, room: "open-1" })).json().code, "room-conflict");
    }
  });

  for (const [code, status, operation, fault] of [
    ["upstream-refused", 502, "get_room", { kind: "status", status: 401 }],
    ["upstream-malformed", 502, "get_room", { kind: "answer", status: 200, content_type: "text/html", body: "<html>simulated</html>" }],
    ["upstream-rejected", 502, "create_room", { kind: "status", status: 422 }],
    ["upstream-unavailable", 503, "get_room", { kind: "status", status: 500 }],
    ["upstream-unavailable", 503, "get_room", { kind: "connection_reset" }],
    ["upstream-timeout", 504, "get_room", { kind: "hang" }],
    // The last one: after it upstream is left alone for a second.
    ["upstream-busy", 503, "get_room", { kind: "status", status: 429, retry_after_s: 1 }],
  ]) {
    test(`${status} ${code}: upstream's ${operation} gives ${JSON.stringify(fault)}`, async () => {
      const control = `${upstream.url}/_sim/faults/${operation}`;
      const set = await fetch(control, { method: "POST", headers: json, body: JSON.stringify(fault) });
      assert.equal(set.status, 204);
      try {
        const answer = await call(JOIN, { room: `open-${code}-${fault.kind}` });
        assert.equal(answer.json().code, code);
        assert.equal(answer.status, status);
        assert.doesNotMatch(answer.text, /simulat/i);
      } finally {
        await fetch(control, { method: "DELETE" });
      }
    });
  }

  test("a body that drips is given up", async () => {
    const head = `POST /v1/rooms/course-101/join HTTP/1.1\r\nhost: broker\r\nauthorization: Bearer ${tokens.ada}\r\n`;
    const answer = await raw(`${head}content-type: application/json\r\ncontent-length: 20\r\n\r\n{"ro`);
    assert.match(answer, /^HTTP\/1\.1 408 /);
    const [fields, text] = answer.split("\r\n\r\n");
    const headers = new Headers(fields.split("\r\n").slice(1).map((line) => line.split(/: (.*)/s).slice(0, 2)));
    assert.equal(description.fault(JOIN, "post", { status: 408, headers, text }), undefined);
  });

  test("too many requests", async () => {
    let answer;
    for (let asked = 0; asked < 200; asked += 1) {
      answer = await call("/v1/me", { method: "GET", token: tokens.ben });
      if (answer.status !== 200) break;
    }
    assert.equal(answer.json().code, "rate-limited");
  });

  test("routes and methods that there are not are problems too", async () => {
    const valid = description.ajv.getSchema("openapi.yaml#/components/schemas/Problem");
    for (const [path, method, status] of [
      ["/v1/nothing", "GET", 404],
      ["/v1/me/", "GET", 404],
      ["/v1/me", "DELETE", 405],
      ["/v1/rooms/course-101/join", "GET", 405],
    ]) {
      const answer = await fetch(`${serve.broker}${path}`, { method });
      assert.equal(answer.status, status, path);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.ok(valid(await answer.json()), description.ajv.errorsText(valid.errors));
      assert.equal(status === 405, answer.headers.has("allow"));
    }
  });
});

/** Sends bytes and reads until the server closes. */
function raw(bytes) {
  const { hostname, port } = new URL(serve.broker);
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding("utf8").on("data", (chunk) => (received += chunk));
    socket.on("end", () => resolve(received)).on("error", reject);
  });
}
