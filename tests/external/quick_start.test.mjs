// README's quick start, run as it is printed there; `dev` prints the same lines.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { startDev } from "./support/broker.mjs";
import { PROJECT } from "./support/processes.mjs";

const run = promisify(execFile);

let dev;
let lines;
let backendLines;
before(async () => {
  dev = await startDev();
  const readme = await readFile(`${PROJECT}README.md`, "utf8");
  const linesOf = (name) => {
    const [, block] = readme.match(new RegExp(`^\`\`\`sh ${name}\\n(.*?)^\`\`\`$`, "ms"));
    // The tests' ports in the place of the usual ones, which may be taken here.
    return block
      .replaceAll("http://127.0.0.1:8080", dev.broker)
      .replaceAll("http://127.0.0.1:8081", dev.internal)
      .replaceAll("http://127.0.0.1:8091", dev.provider)
      .split("\n")
      .filter((line) => line.trim() !== "");
  };
  lines = linesOf("quick-start");
  backendLines = linesOf("quick-start-backend");
});
after(() => dev?.stop());

test("the quick start lets Ada and Ben into the same room in different roles", async () => {
  const script = lines.map((line) => (line.startsWith("curl") ? `${line}; echo` : line)).join("\n");
  const { stdout } = await run("bash", ["-euc", script]);
  const [ada, ben, ...more] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(more.length, 0);
  assert.deepEqual(ada.participant, { id: "ada", name: "Ada Winter", role: "moderator" });
  assert.deepEqual(ben.participant, { id: "ben", name: "Ben Okoye", role: "attendee" });
  assert.equal(ada.room.key, "course-101");
  assert.equal(ben.room.id, ada.room.id);
  assert.deepEqual([ada.room.created, ben.room.created], [true, false]);

  const room = await fetch(ben.join_url);
  assert.equal(room.status, 200);
  assert.match(await room.text(), /Ben Okoye.*attendee/s);
});

test("the quick start's backend lets Grace into the same room with the key that dev prints", async () => {
  const [, key] = dev.banner.match(/^ *KEY=(rbk_\w+)$/m);
  const script = backendLines.map((line) => `${line}; echo`).join("\n");
  const { stdout } = await run("bash", ["-euc", script], { env: { ...process.env, KEY: key } });
  const [room, links, ...more] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(more.length, 0);
  assert.equal(room.key, "course-101");
  assert.equal(links.room.id, room.id);
  assert.deepEqual(links.results[0].participant, { id: "grace", name: "Grace Hall", role: "speaker" });
  const page = await fetch(links.results[0].join_url);
  assert.match(await page.text(), /Grace Hall.*speaker/s);
});

test("Cleo, who belongs to no course, gets the 403 that README promises", async () => {
  const token = await (await fetch(`${dev.provider}/demo/token?user=cleo&format=text`)).text();
  const answer = await fetch(`${dev.broker}/v1/rooms/course-101/join`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(answer.status, 403);
  assert.equal((await answer.json()).code, "forbidden");
});

test("the banner of dev prints the lines of README", () => {
  const printed = dev.banner.split("\n").map((line) => line.trim());
  for (const line of [...lines, ...backendLines]) assert.ok(printed.includes(line), `not in the banner: ${line}`);
});

test("dev ends by itself when it is asked to", async () => {
  const ended = await dev.stop("SIGTERM");
  assert.deepEqual(ended, { code: 0, signal: null });
  dev = undefined;
});
