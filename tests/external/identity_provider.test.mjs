// A certified OpenID provider in front of the real binary: kinds of tokens, rotation, outages.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { SCHOOL, joinRoom, startServe, startUpstream } from "./support/broker.mjs";
import { until } from "./support/processes.mjs";
import { AUDIENCE, RESOURCE_SERVER, newKey, startProvider } from "./support/provider.mjs";

const introspection = (provider) => `introspection = { url = "${provider.issuer}/token/introspection", \
client_id = "${RESOURCE_SERVER.id}", client_secret = "${RESOURCE_SERVER.secret}", \
positive_ttl = "1s", negative_ttl = "1s", matches = "opaque" }`;

const configuration = (provider, more = "") => `
[authn]
allow_http_loopback = true

[[authn.issuers]]
name = "school"
issuer = "${provider.issuer}"
audiences = ["${AUDIENCE}"]
algorithms = ["RS256", "ES256", "EdDSA"]
jwks_refresh = "1s"
jwks_cooldown = "1s"
${more}
${SCHOOL}
[public]
listen = "127.0.0.1:0"
[limits]
enabled = false
`;

let upstream;
before(async () => {
  upstream = await startUpstream();
});
after(() => upstream?.stop());

describe("a provider in service", () => {
  let provider;
  let serve;
  before(async () => {
    provider = await startProvider();
    serve = await startServe(upstream, configuration(provider, introspection(provider)));
    await until("the broker is ready", () => isReady(serve));
  });
  after(async () => {
    await serve?.stop();
    await provider?.stop();
  });

  for (const algorithm of ["RS256", "ES256", "EdDSA"]) {
    test(`its ${algorithm} access tokens open the room in the user's role`, async () => {
      const ada = await joinRoom(serve.broker, "course-101", await provider.token("ada", algorithm));
      assert.equal(ada.status, 200, JSON.stringify(ada.body));
      assert.deepEqual(ada.body.participant, { id: "ada", name: "Ada Winter", role: "moderator" });
      const ben = await joinRoom(serve.broker, "course-101", await provider.token("ben", algorithm));
      assert.equal(ben.body.participant.role, "attendee");
      assert.equal(ben.body.room.id, ada.body.room.id);
    });
  }

  test("its token for another service is refused without a reason", async () => {
    const token = await provider.tokenFor("ada", "https://video.school.example/elsewhere");
    const answer = await joinRoom(serve.broker, "course-101", token);
    assert.equal(answer.status, 401);
    assert.equal(answer.body.code, "unauthorized");
    assert.equal(answer.body.detail, undefined);
    assert.match(answer.headers.get("www-authenticate"), /^Bearer .*error="invalid_token"/);
  });

  test("its opaque tokens are introspected, and refused once they are revoked", async () => {
    const token = await provider.token("ada", "opaque");
    assert.ok(!token.includes("."));
    const answer = await joinRoom(serve.broker, "course-101", token);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.participant.role, "moderator");
    await provider.revoke(token);
    await until("the revoked token is refused", async () => {
      const { status } = await joinRoom(serve.broker, "course-101", token);
      assert.ok(status === 200 || status === 401, `${status}`);
      return status === 401;
    });
  });
});

test("keys rotate under load without a refused request, and a withdrawn key is dead", async () => {
  const provider = await startProvider();
  const serve = await startServe(upstream, configuration(provider));
  const load = { token: await provider.token("ada", "RS256"), joins: 0, going: true };
  const refused = [];
  const join = async () => {
    while (load.going) {
      const { status, body } = await joinRoom(serve.broker, "course-101", load.token);
      load.joins += 1;
      if (status !== 200) refused.push(body);
    }
  };
  await until("the broker is ready", () => isReady(serve));
  const workers = Array.from({ length: 8 }, join);
  try {
    for (let rotation = 0; rotation < 3; rotation += 1) {
      const [retired, ...others] = provider.keys;
      const last = load.token;
      provider.publish([newKey("RS256"), retired, ...others]);
      const next = await provider.token("ben", "RS256");
      await until("a token of the new key is accepted", async () => {
        const { status } = await joinRoom(serve.broker, "course-101", next);
        return status === 200;
      });
      load.token = await provider.token("ada", "RS256");
      provider.publish(provider.keys.filter((key) => key !== retired));
      await until("a token of the withdrawn key is refused", async () => {
        const { status } = await joinRoom(serve.broker, "course-101", last);
        return status === 401;
      });
    }
  } finally {
    load.going = false;
    await Promise.all(workers);
    await serve.stop();
    await provider.stop();
  }
  assert.deepEqual(refused.slice(0, 3), []);
  assert.ok(load.joins > 100, `only ${load.joins} joins`);
});

test("while the provider is down known keys serve, and what cannot be checked is not called invalid", async () => {
  const provider = await startProvider();
  const serve = await startServe(upstream, configuration(provider, introspection(provider)));
  try {
    await until("the broker is ready", () => isReady(serve));
    const unseen = await provider.token("ada", "ES256");
    const opaque = await provider.token("ada", "opaque");
    await provider.takeDown();

    assert.equal((await joinRoom(serve.broker, "course-101", unseen)).status, 200);
    const answer = await joinRoom(serve.broker, "course-101", opaque);
    assert.equal(answer.status, 503);
    assert.equal(answer.body.code, "identity-provider-unavailable");
    assert.ok(Number(answer.headers.get("retry-after")) >= 1);

    await provider.bringUp();
    await until("the opaque token is accepted again", async () => {
      const { status } = await joinRoom(serve.broker, "course-101", opaque);
      assert.ok(status === 200 || status === 503, `${status}`);
      return status === 200;
    });
  } finally {
    await serve.stop();
    await provider.stop().catch(() => {});
  }
});

test("it starts while the provider is down, and is ready when the keys arrive", async () => {
  const provider = await startProvider();
  const token = await provider.token("ada", "EdDSA");
  await provider.takeDown();
  const serve = await startServe(upstream, configuration(provider));
  try {
    const readiness = await fetch(`${serve.ops}/readyz`);
    assert.equal(readiness.status, 503);
    assert.deepEqual(await readiness.json(), { status: "not-ready", checks: { identity_providers: "waiting", state: "ok" } });
    const answer = await joinRoom(serve.broker, "course-101", token);
    assert.equal(answer.status, 503);
    assert.equal(answer.body.code, "identity-provider-unavailable");

    await provider.bringUp();
    await until("the broker is ready", () => isReady(serve));
    assert.equal((await joinRoom(serve.broker, "course-101", token)).status, 200);
  } finally {
    await serve.stop();
    await provider.stop().catch(() => {});
  }
});

async function isReady(serve) {
  return (await fetch(`${serve.ops}/readyz`)).status === 200;
}
