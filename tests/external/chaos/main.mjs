// `tests/chaos`: reads what is asked for, runs it, and says whether every promise held.

import { parseArgs } from "node:util";

import { runFaults } from "./faults.mjs";
import { runSlow } from "./slow.mjs";
import { runSoak } from "./soak.mjs";

const SHORT = { seconds: 2, requests: 12_000, slow: { rounds: 5, seconds: 1 } };
const LONG = { seconds: 10, requests: 1_000_000, slow: { rounds: 5, seconds: 3 } };

const { values, positionals } = parseArgs({
  options: { short: { type: "boolean" }, soak: { type: "boolean" }, seconds: { type: "string" } },
  allowPositionals: true,
});
const { seconds, requests, slow } = values.short ? SHORT : LONG;
const broken = [];
if (!values.soak) broken.push(...(await runFaults(count(values.seconds, seconds))), ...(await runSlow(slow)));
if (values.soak || values.short) broken.push(...(await runSoak(count(positionals[0], requests))));
for (const line of broken) console.error(`BROKEN  ${line}`);
console.log(broken.length ? "\nNot every promise held." : "\nEvery promise held.");
process.exit(broken.length ? 1 : 0);

function count(text, otherwise) {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${text} is no number of anything`);
  return Number(text);
}
