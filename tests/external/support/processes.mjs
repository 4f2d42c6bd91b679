// Starts programs, waits for what they say, and ends each by its own id.

import { spawn } from "node:child_process";
import net from "node:net";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
export const BINARY = process.env.ROOM_BROKER ?? `${PROJECT}target/debug/room-broker`;

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/**
 * A program that runs until it is stopped. `ready` gives a value once its output says enough; one
 * that says nothing is ready when it `listens`.
 */
export async function start(command, args, { ready = () => undefined, listens, env = {}, deadlineMs = 20_000 }) {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    cwd: PROJECT,
  });
  running.add(child);
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  ended.then(() => running.delete(child));
  const handle = {
    pid: child.pid,
    output: "",
    ended,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
    signal: (name) => child.kill(name),
  };
  const says = new Promise((resolve, reject) => {
    let isReady = false;
    const hear = (chunk) => {
      handle.output += chunk;
      // Asked no longer than it has to be: to search a long output costs ever more.
      const value = isReady ? undefined : ready(handle.output);
      if (!value) return;
      isReady = true;
      resolve(value);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.once("error", reject);
    ended.then(({ code }) => reject(new Error(`${command} ended with ${code} before it was ready:\n${handle.output}`)));
    if (listens) until(`${command} listens`, () => connects(listens), { deadlineMs }).then(resolve, reject);
    setTimeout(
      () => reject(new Error(`${command} was not ready within ${deadlineMs} ms:\n${handle.output}`)),
      deadlineMs,
    ).unref();
  });
  try {
    return Object.assign(handle, { value: await says });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

function connects({ host, port }) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Asks again and again until the answer is truthy. */
export async function until(what, ask, { deadlineMs = 20_000, everyMs = 25 } = {}) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
