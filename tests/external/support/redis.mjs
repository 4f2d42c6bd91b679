// A Redis of the test's own, which keeps nothing.

import { start } from "./processes.mjs";
import { freePort } from "./replicas.mjs";

const HOST = "127.0.0.1";

export async function startRedis() {
  const port = await freePort();
  const program = process.env.ROOM_BROKER_TEST_REDIS ?? "redis-server";
  const redis = await start(program, ["--port", String(port), "--bind", HOST, "--save", "", "--appendonly", "no"], {
    ready: (output) => output.includes("Ready to accept connections"),
  });
  return Object.assign(redis, { url: `redis://${HOST}:${port}/0` });
}
