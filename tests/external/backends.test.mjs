// README's examples for product backends, run as they are printed there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { startDev } from "./support/broker.mjs";
import { PROJECT } from "./support/processes.mjs";

const run = promisify(execFile);

let dev;
let readme;
let env;
before(async () => {
  dev = await startDev();
  readme = await readFile(`${PROJECT}README.md`, "utf8");
  env = { ...process.env, KEY: dev.banner.match(/^ *KEY=(rbk_\w+)$/m)[1] };
});
after(() => dev?.stop());

/** A fenced block, with the tests' port in the place of the usual one. */
function block(name) {
  const [, text] = readme.match(new RegExp(`^\`\`\`\\w+ ${name}\\n(.*?)^\`\`\`$`, "ms"));
  return text.replaceAll("http://127.0.0.1:8081", dev.internal);
}

/** What a program printed: people and their links, and then who is in. */
function read(output) {
  const lines = output.trim().split("\n");
  return { links: lines.slice(0, -1).map((line) => line.split(" ")), live: lines.at(-1) };
}

async function emptyRoom() {
  const url = `${dev.internal}/v1/rooms/course-101/end-session`;
  const answer = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${env.KEY}` } });
  assert.equal(answer.status, 200);
}

const PROGRAMS = [
  ["backend-node", process.execPath, ["--input-type=module", "--eval"]],
  ["backend-python", "python3", ["-c"]],
];
for (const [name, program, options] of PROGRAMS) {
  test(`${name} gets links for two people and tells who is in`, async () => {
    const once = async () => read((await run(program, [...options, block(name)], { env })).stdout);
    const { links, live } = await once();
    assert.deepEqual(links.map(([person]) => person), ["Ada", "Ben"]);
    assert.match(live, /^live: 0\b/);
    for (const [person, link] of links) {
      const page = await fetch(link);
      assert.equal(page.status, 200);
      assert.match(await page.text(), new RegExp(person));
    }
    assert.match((await once()).live, /^live: 2 (Ada,Ben|Ben,Ada)$/);
    await emptyRoom();
  });
  test(`${name} says what is wrong`, async () => {
    const wrong = { ...env, KEY: "rbk_wrong" };
    await assert.rejects(run(program, [...options, block(name)], { env: wrong }), /unauthorized/);
  });
}

test("each line with curl succeeds", async () => {
  const curl = 'curl() { command curl -sS --fail-with-body "$@"; echo; }';
  const { stdout } = await run("bash", ["-euc", `${curl}\n${block("backend-curl")}`], { env });
  const [put, patch, links, live, ended, deleted, rooms, explained, ...more] = stdout.split("\n");
  assert.deepEqual(more, [""]);
  assert.equal(JSON.parse(patch).id, JSON.parse(put).id);
  assert.equal(JSON.parse(links).results[0].participant.name, "Ada");
  assert.equal(JSON.parse(live).live, false);
  assert.deepEqual(JSON.parse(ended), { ended: false });
  assert.equal(deleted, "");
  assert.deepEqual(JSON.parse(rooms), { data: [] });
  assert.equal(JSON.parse(explained).outcome.decision, "refused");
});
