// Every operation that openapi.yaml describes, with good and bad input that schemathesis makes up
// of the description: all of its checks, at each listener.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { startDev } from "./support/broker.mjs";
import { readDescription } from "./support/description.mjs";
import { PROJECT } from "./support/processes.mjs";

const SCHEMATHESIS = process.env.SCHEMATHESIS ?? `${PROJECT}target/tools/python/bin/schemathesis`;
const EXAMPLES_MAX = "25";
const SEED = "1";
/** By their ports in the description's `servers`. */
const LISTENERS = { 8080: "broker", 8082: "ops" };

let dev;
let directory;
let document;

before(async () => {
  ({ document } = await readDescription());
  directory = await mkdtemp(join(tmpdir(), "room-broker-"));
  const unlimited = join(directory, "unlimited.toml");
  await writeFile(unlimited, "[limits]\nenabled = false\n");
  dev = await startDev("--config", unlimited);
});

after(async () => {
  await dev?.stop("SIGINT");
  await rm(directory, { recursive: true, force: true });
});

function pathsAt(port) {
  const servers = (path) => path.servers ?? document.servers;
  const isThere = ([, path]) => servers(path).some(({ url }) => new URL(url).port === port);
  return Object.entries(document.paths).filter(isThere).map(([name]) => name);
}

async function headersAt(listener) {
  if (listener === "ops") return [];
  const ada = await fetch(`${dev.provider}/demo/token?user=ada&format=text`);
  return ["--header", `Authorization: Bearer ${(await ada.text()).trim()}`];
}

for (const [port, listener] of Object.entries(LISTENERS)) {
  test(`what is described at the listener ${listener} holds for whatever is sent`, async () => {
    const paths = pathsAt(port);
    assert.notEqual(paths.length, 0);
    const run = promisify(execFile)(
      SCHEMATHESIS,
      [
        "run", `${PROJECT}openapi.yaml`, "--url", dev[listener], "--checks", "all",
        "--max-examples", EXAMPLES_MAX, "--seed", SEED, "--generation-database", "none",
        "--no-color", ...paths.flatMap((path) => ["--include-path", path]), ...(await headersAt(listener)),
      ],
      { cwd: directory, maxBuffer: 1 << 26 },
    );
    await run.catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
  });
}
