// Slow clients in a process of their own, so that what they cost here is not measured as the broker's:
// `node slow_process.mjs BASE '[{"count":…,"head":…,"drop":…}]'` says so once they are connected.

import { slowConnections } from "./slow.mjs";

const [base, kinds] = process.argv.slice(2);
const opened = JSON.parse(kinds).map(({ count, ...how }) => slowConnections(base, count, how));
const connections = await Promise.all(opened);
console.log("connected");
await Promise.all(connections.map(({ closed }) => closed));
console.log("all closed");
