// A real browser: which pages may call the broker, and what a participant sees of the link.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { SCHOOL, joinRoom, startServe, startUpstream } from "./support/broker.mjs";
import { PROJECT } from "./support/processes.mjs";

const PICTURES = `${PROJECT}target/screenshots`;

let browser;
let upstream;
let serve;
let allowed;
let other;
const tokens = {};

before(async () => {
  [upstream, allowed, other] = await Promise.all([startUpstream(), startPage(), startPage()]);
  serve = await startServe(
    upstream,
    `
[authn]
allow_http_loopback = true
[[authn.issuers]]
issuer = "${upstream.provider}"
audiences = ["room-broker-dev"]
algorithms = ["RS256"]
${SCHOOL}
[public]
listen = "127.0.0.1:0"
origins = ["${allowed.origin}"]
[limits]
principal_per_minute = 60
principal_burst = 20
address_burst = 1000
failures_burst = 1000
`,
  );
  for (const user of ["ada", "ben", "cleo"]) {
    tokens[user] = await (await fetch(`${upstream.provider}/demo/token?user=${user}&format=text`)).text();
  }
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  await mkdir(PICTURES, { recursive: true });
});

after(async () => {
  await browser?.close();
  await serve?.stop();
  await upstream?.stop();
  await allowed?.stop();
  await other?.stop();
});

/** An empty page on an origin of its own. */
async function startPage() {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>page</title>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => new Promise((resolve) => server.close(resolve) && server.closeAllConnections());
  return { origin: `http://127.0.0.1:${server.address().port}`, stop };
}

/** Calls the broker as a script of a page does; `failed` when the browser keeps the answer back. */
async function call(frame, path, { method = "POST", token, headers = {}, body } = {}) {
  return frame.evaluate(
    async ([url, init]) => {
      try {
        const answer = await fetch(url, init);
        const exposed = ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy"];
        return {
          status: answer.status,
          body: await answer.json(),
          headers: Object.fromEntries(exposed.map((name) => [name, answer.headers.get(name)])),
        };
      } catch (error) {
        return { failed: error.name };
      }
    },
    [
      `${serve.broker}${path}`,
      { method, headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers }, body },
    ],
  );
}

async function withPage(url, use) {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    return await use(page);
  } finally {
    await page.close();
  }
}

test("a page of a listed origin reads the answer and its headers", async () => {
  const answer = await withPage(allowed.origin, (page) =>
    call(page, "/v1/rooms/course-101/join", {
      token: tokens.ada,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ role: "attendee" }),
    }),
  );
  assert.equal(answer.status, 200, JSON.stringify(answer));
  assert.equal(answer.body.participant.role, "attendee");
  assert.match(answer.headers["x-request-id"], /^[0-9a-f-]{36}$/);
  assert.match(answer.headers.ratelimit, /^"principal";r=\d+/);
});

test("it reads failures too, each with its code", async () => {
  await withPage(allowed.origin, async (page) => {
    const codes = [];
    for (const [path, options] of [
      ["/v1/rooms/course-101/join", {}],
      ["/v1/rooms/course-101/join", { token: "nonsense" }],
      ["/v1/rooms/course-101/join", { token: tokens.cleo }],
      ["/v1/rooms/course-101/join", { token: tokens.ada, headers: { "content-type": "application/json" }, body: "{" }],
      ["/v1/rooms/course-101/join", { token: tokens.ada, body: "a=b" }],
      ["/v1/rooms/a%2fb/join", { token: tokens.ada }],
      ["/v1/nothing", { method: "GET", token: tokens.ada }],
      ["/v1/me", { method: "POST", token: tokens.ada }],
    ]) {
      const answer = await call(page, path, options);
      codes.push(answer.body?.code ?? answer.failed);
    }
    assert.deepEqual(codes, [
      "unauthorized",
      "unauthorized",
      "forbidden",
      "malformed-json",
      "unsupported-media-type",
      "invalid-room-key",
      "not-found",
      "method-not-allowed",
    ]);
  });
});

test("it reads when to come back after too many requests", async () => {
  const last = await withPage(allowed.origin, async (page) => {
    let answer;
    for (let asked = 0; asked < 100; asked += 1) {
      answer = await call(page, "/v1/me", { method: "GET", token: tokens.cleo });
      if (answer.status !== 200) break;
    }
    return answer;
  });
  assert.equal(last.body?.code, "rate-limited");
  assert.ok(Number(last.headers["retry-after"]) >= 1);
});

test("a page of another origin reads nothing, neither answers nor failures", async () => {
  await withPage(other.origin, async (page) => {
    for (const options of [{ token: tokens.ada }, {}]) {
      const answer = await call(page, "/v1/rooms/course-101/join", options);
      assert.deepEqual(answer, { failed: "TypeError" });
    }
  });
});

test("a sandboxed frame, whose origin is null, reads nothing, even within a listed page", async () => {
  await withPage(allowed.origin, async (page) => {
    await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<p>frame</p>"></iframe>');
    const [, frame] = page.frames();
    assert.equal(await frame.evaluate(() => self.origin), "null");
    const answer = await call(frame, "/v1/rooms/course-101/join", { token: tokens.ada });
    assert.deepEqual(answer, { failed: "TypeError" });
  });
});

test("a header that the API does not know stops at the preflight", async () => {
  const answer = await withPage(allowed.origin, (page) =>
    call(page, "/v1/me", { method: "GET", token: tokens.ada, headers: { "x-unknown": "1" } }),
  );
  assert.deepEqual(answer, { failed: "TypeError" });
});

test("the join link lets the participant in, in the role of the policy", async () => {
  for (const [user, name, role] of [
    ["ada", "Ada Winter", "moderator"],
    ["ben", "Ben Okoye", "attendee"],
  ]) {
    const answer = await joinRoom(serve.broker, "course-101", tokens[user]);
    const { join_url: link } = answer.body;
    await withPage(link, async (page) => {
      const text = await page.locator("main").innerText();
      assert.match(text, new RegExp(`You are in as ${name}, role ${role}`));
      await page.screenshot({ path: `${PICTURES}/room-${user}.png` });
    });
    const without = await fetch(link.split("?")[0]);
    assert.equal(without.status, 403);
  }
});

test("the page of the API needs nothing that its own policy forbids", async () => {
  const complaints = [];
  const page = await browser.newPage({ colorScheme: "dark" });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(serve.broker)) complaints.push(request.url());
  });
  const answer = await page.goto(`${serve.broker}/docs#problem-forbidden`);
  assert.equal(answer.status(), 200);
  assert.ok(await page.locator("#problem-forbidden").isVisible());
  const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(ground, "rgba(0, 0, 0, 0)", "the style was not applied");
  await page.screenshot({ path: `${PICTURES}/docs.png` });
  await page.close();
  assert.deepEqual(complaints, []);
});
