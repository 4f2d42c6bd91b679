// Room tokens, held against another JWT library than the one that signs them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { SignJWT, decodeProtectedHeader, jwtVerify } from "jose";

import { joinRoom, startDev } from "./support/broker.mjs";

const TEAM_ID = "00000000-0000-0000-0000-0000000000de";
const DEVELOPER_KEY = new TextEncoder().encode("development-only");

let dev;
before(async () => {
  dev = await startDev();
});
after(() => dev?.stop());

test("a room token is byte for byte what another library signs and verifies", async () => {
  const bearer = await (await fetch(`${dev.provider}/demo/token?user=ada&format=text`)).text();
  const joined = await joinRoom(dev.broker, "course-101", bearer);
  assert.equal(joined.status, 200);
  const { token, room } = joined.body;

  const { payload } = await jwtVerify(token, DEVELOPER_KEY, { algorithms: ["HS256"] });
  assert.deepEqual(decodeProtectedHeader(token), { typ: "JWT", alg: "HS256" });
  const { iat, nbf, exp, ...claims } = payload;
  assert.deepEqual(claims, {
    td: TEAM_ID,
    rd: room.id,
    ud: "ada",
    u: "Ada Winter",
    role: "moderator",
    avatar: "https://pictures.school.example/ada.png",
  });
  assert.ok(nbf <= iat && iat < exp, `${nbf} ${iat} ${exp}`);
  const header = { typ: "JWT", alg: "HS256" };
  assert.equal(await new SignJWT(payload).setProtectedHeader(header).sign(DEVELOPER_KEY), token);

  const another = new TextEncoder().encode("development-onlx");
  await assert.rejects(jwtVerify(token, another), { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
});
