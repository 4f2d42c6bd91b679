// The table of metrics in src/metrics.rs, as names of samples with their labels: also of those that
// show themselves only once something went wrong.

import { readFile } from "node:fs/promises";

import { PROJECT } from "./processes.mjs";

/** Names of samples, as Prometheus stores them, each with its labels. */
export async function readMetricsTable() {
  const source = await readFile(`${PROJECT}src/metrics.rs`, "utf8");
  const labels = new Map([...source.matchAll(/^ {4}(\w+) \{ ([^}]*) \}$/gm)].map(([, name, fields]) => [name, [...fields.matchAll(/(\w+):/g)].map(([, label]) => label)]));
  const kinds = new Map();
  for (const [, field, family, kind] of source.matchAll(/^ {4}pub (\w+): (?:Family<(\w+), )?(Counter|Gauge|Histogram)\b/gm)) {
    kinds.set(field, { kind, labels: family ? labels.get(family) : [] });
  }
  const table = new Map();
  const registrations = source.matchAll(/\.register(?:_with_unit)?\(\s*"(\w+)",\s*"[^"]*",\s*(?:Unit::(\w+),\s*)?self\s*\.(\w+)\s*\.clone\(\)/g);
  for (const [, name, unit, field] of registrations) {
    const { kind, labels } = kinds.get(field);
    const whole = `room_broker_${name}${unit ? `_${unit.toLowerCase()}` : ""}`;
    for (const suffix of { Counter: ["_total"], Gauge: [""], Histogram: ["_bucket", "_sum", "_count"] }[kind]) {
      table.set(`${whole}${suffix}`, suffix === "_bucket" ? [...labels, "le"] : labels);
    }
  }
  const registered = source.match(/\.register(_with_unit)?\(/g).length;
  if (kinds.size !== registered) throw new Error(`${registered} metrics are registered, ${kinds.size} were understood`);
  return table;
}
