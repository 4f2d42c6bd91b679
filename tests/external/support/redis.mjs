// A Redis of the test's own, which keeps nothing.

import net from "node:net";

import { start } from "./processes.mjs";
import { freePort } from "./replicas.mjs";

const HOST = "127.0.0.1";

/** `port` is where another was before it. */
export async function startRedis({ port } = {}) {
  port ??= await freePort();
  const program = process.env.ROOM_BROKER_TEST_REDIS ?? "redis-server";
  const redis = await start(program, ["--port", String(port), "--bind", HOST, "--save", "", "--appendonly", "no"], {
    ready: (output) => output.includes("Ready to accept connections"),
  });
  return Object.assign(redis, { port, url: `redis://${HOST}:${port}/0`, command: (text) => command(port, text) });
}

/** One command, such as `CONFIG SET maxmemory 1`: the first line of the answer. */
function command(port, text) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: HOST, port });
    socket.setTimeout(5_000, () => socket.destroy(new Error(`Redis does not answer ${text}`)));
    socket.once("error", reject);
    socket.once("data", (answer) => {
      socket.destroy();
      const line = answer.toString().split("\r\n")[0];
      if (line.startsWith("-")) reject(new Error(`Redis answers ${text} with ${line}`));
      else resolve(line);
    });
    socket.write(`${text}\r\n`);
  });
}
