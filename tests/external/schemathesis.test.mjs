// Every operation that the descriptions name, with good and bad input that schemathesis makes up of
// them: all of its checks, at each listener.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { parse } from "yaml";

import { startDev } from "./support/broker.mjs";
import { PROJECT } from "./support/processes.mjs";

const SCHEMATHESIS = process.env.SCHEMATHESIS ?? `${PROJECT}target/tools/python/bin/schemathesis`;
const EXAMPLES_MAX = "25";
const SEED = "1";
/** Each listener, the description of it, and its port in the `servers` there. */
const LISTENERS = [
  ["broker", "openapi.yaml", "8080"],
  ["internal", "openapi-internal.yaml", "8081"],
  ["ops", "openapi.yaml", "8082"],
];

let dev;
let directory;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "room-broker-"));
  const unlimited = join(directory, "unlimited.toml");
  await writeFile(unlimited, "[limits]\nenabled = false\n");
  dev = await startDev("--config", unlimited);
});

after(async () => {
  await dev?.stop("SIGINT");
  await rm(directory, { recursive: true, force: true });
});

async function pathsOf(description, port) {
  const document = parse(await readFile(PROJECT + description, "utf8"));
  const servers = (path) => path.servers ?? document.servers;
  const isThere = ([, path]) => servers(path).some(({ url }) => new URL(url).port === port);
  return Object.entries(document.paths).filter(isThere).map(([name]) => name);
}

/** What proves the caller at a listener. */
async function credentialOf(listener) {
  if (listener === "ops") return undefined;
  if (listener === "internal") return dev.banner.match(/rbk_\w+/)[0];
  const ada = await fetch(`${dev.provider}/demo/token?user=ada&format=text`);
  return (await ada.text()).trim();
}

for (const [listener, description, port] of LISTENERS) {
  test(`what ${description} says of the listener ${listener} holds for whatever is sent`, async () => {
    const paths = await pathsOf(description, port);
    assert.notEqual(paths.length, 0);
    const credential = await credentialOf(listener);
    const run = promisify(execFile)(
      SCHEMATHESIS,
      [
        "run", PROJECT + description, "--url", dev[listener], "--checks", "all",
        "--max-examples", EXAMPLES_MAX, "--seed", SEED, "--generation-database", "none", "--no-color",
        ...paths.flatMap((path) => ["--include-path", path]),
        ...(credential ? ["--header", `Authorization: Bearer ${credential}`] : []),
      ],
      { cwd: directory, maxBuffer: 1 << 26 },
    );
    await run.catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
  });
}
