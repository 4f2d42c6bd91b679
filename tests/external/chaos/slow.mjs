// What slow clients cost everybody else: joins alone and beside them, in turn, in one run, so that what
// the machine does otherwise weighs on both. It only ever adds, so of each the quietest round decides:
// what slow clients cost is in every one. Far beyond what is promised, the medians decide too.

import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { startSimulator } from "../support/broker.mjs";
import { client } from "../support/client.mjs";
import { constantLoad, percentile } from "../support/load.mjs";
import { start, until } from "../support/processes.mjs";
import { startReplicas, tokenOf } from "../support/replicas.mjs";

const PROCESS = fileURLToPath(new URL("../support/slow_process.mjs", import.meta.url));
const SLOW_HEADS = 1000;
const SLOW_BODIES = 1000;
const JOINS_PER_SECOND = 100;
/** What is promised of p99, and below which it says more of the machine's scheduler than of the broker. */
const RATIO_MAX = 2;
const NOISE_MS = 10;
/** Of the medians of all rounds: beyond this ratio and this time. */
const MEDIAN_RATIO_MAX = 6;
const MEDIAN_MAX_MS = 1_000;

/** So many rounds of both, each of so many seconds; what did not hold. */
export async function runSlow({ rounds, seconds }) {
  const upstream = await startSimulator();
  // They are cut off after that; here they stay as long as a round lasts.
  const http = 'request_timeout = "60s"\nbody_timeout = "60s"';
  const brokers = await startReplicas(upstream, { count: 1, http, more: "[limits]\nenabled = false\n" });
  const [broker] = brokers.replicas;
  const caller = client({ base: broker.public, connections: 32 });
  const token = await tokenOf(upstream, "ada");
  const headers = { authorization: `Bearer ${token}` };
  const join = () => caller.request("POST", "/v1/rooms/course-101/join", { headers });
  const failures = [];
  const measure = async () => {
    const load = constantLoad({ perSecond: JOINS_PER_SECOND, request: join });
    await new Promise((passed) => setTimeout(passed, seconds * 1000));
    const { p50, p99, failures: failed } = await load.stop();
    failures.push(...failed);
    return { p50, p99 };
  };
  const descriptors = async () => (await readdir(`/proc/${broker.pid}/fd`)).length;
  const alone = [];
  const beside = [];
  try {
    await measure();
    const open = await descriptors();
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await measure());
      const slow = await start(process.execPath, [PROCESS, broker.public, JSON.stringify(kinds(token))], {
        ready: (output) => output.includes("connected"),
      });
      await until("all slow clients are in", async () => (await descriptors()) >= SLOW_HEADS + SLOW_BODIES);
      // That they all came in at once is another matter.
      await measure();
      beside.push(await measure());
      await slow.stop("SIGKILL");
      await until("they are gone", async () => (await descriptors()) <= open + 32);
    }
  } finally {
    caller.close();
    await brokers.stop();
    await upstream.stop();
  }
  return judge({ alone, beside, failures });
}

function kinds(token) {
  const path = "/v1/rooms/course-101/join HTTP/1.1\r\nhost: broker\r\n";
  const bearer = `authorization: Bearer ${token}\r\ncontent-type: application/json\r\n`;
  return [
    { count: SLOW_HEADS, head: `POST ${path}x-slow: `, drop: "x" },
    { count: SLOW_BODIES / 2, head: `POST ${path}${bearer}content-length: 1000\r\n\r\n{`, drop: " " },
    { count: SLOW_BODIES / 2, head: `POST ${path}${bearer}transfer-encoding: chunked\r\n\r\n`, drop: "1\r\n \r\n" },
  ];
}

function quietest(rounds) {
  return Math.min(...rounds.map(({ p99 }) => p99));
}

function median(rounds, figure) {
  return percentile(rounds.map((round) => round[figure]), 0.5);
}

function judge({ alone, beside, failures }) {
  const [before, meanwhile] = [alone, beside].map(quietest);
  const [usual, usualBeside] = [alone, beside].map((rounds) => median(rounds, "p99"));
  console.log(`\n${JOINS_PER_SECOND} joins a second alone, and beside ${SLOW_HEADS} slow heads and ${SLOW_BODIES} slow bodies, ${alone.length} rounds of each:\n`);
  console.log("             p50 ms  p99 ms  p99 of each round");
  for (const [name, rounds] of [["alone", alone], ["beside them", beside]]) {
    const shown = (figure) => String(median(rounds, figure)).padStart(6);
    console.log(`${name.padEnd(12)} ${shown("p50")}  ${shown("p99")}  ${rounds.map(({ p99 }) => p99).join(" ")}`);
  }
  console.log(`\nIn the quietest round p99 is ${meanwhile} ms beside them, ${before} ms alone; promised is ${RATIO_MAX} times that, or less than ${NOISE_MS} ms`);
  const broken = failures.slice(0, 3).map((failure) => `beside slow clients: ${JSON.stringify(failure)}`);
  const isDoubled = meanwhile > Math.max(RATIO_MAX * before, NOISE_MS);
  const isFarBeyond = usualBeside > MEDIAN_RATIO_MAX * usual && usualBeside > MEDIAN_MAX_MS;
  if (isDoubled || isFarBeyond) broken.push(`slow clients: p99 was ${meanwhile} ms at its quietest and ${usualBeside} as a rule, ${before} and ${usual} without them`);
  return broken;
}
