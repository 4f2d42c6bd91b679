// The real binary, beside the simulated Digital Samba that `room-broker dev` brings.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BINARY, PROJECT, start } from "./processes.mjs";

const ANY_PORT = "127.0.0.1:0";
const ADDRESS = "127\\.0\\.0\\.1:\\d+";

/** `room-broker dev` with everything on ports of its own, and further arguments. */
export async function startDev(...further) {
  const dev = await start(
    BINARY,
    [
      "dev", "--listen", ANY_PORT, "--internal-listen", ANY_PORT, "--ops-listen", ANY_PORT,
      "--upstream-listen", ANY_PORT, "--provider-listen", ANY_PORT, ...further,
    ],
    { ready: (output) => readBanner(output) },
  );
  return Object.assign(dev, dev.value);
}

function readBanner(output) {
  if (!output.includes("Ctrl-C")) return undefined;
  const address = (name) => readAddress(output, name);
  return {
    broker: address("broker"),
    internal: address("internal"),
    ops: address("ops"),
    upstream: address("Digital Samba"),
    provider: address("identity provider"),
    banner: output,
  };
}

function readAddress(banner, name) {
  const found = banner.match(new RegExp(`${name}\\s+(http://${ADDRESS})`));
  if (!found) throw new Error(`the banner does not say where ${name} is:\n${banner}`);
  return found[1];
}

/** What the simulated Digital Samba of `dev` is opened with, as config/development.toml has it. */
async function developmentCredentials() {
  const text = await readFile(`${PROJECT}config/development.toml`, "utf8");
  const value = (key) => text.match(new RegExp(`^${key} = "([^"]+)"`, "m"))[1];
  return { teamId: value("team_id"), developerKey: value("developer_key") };
}

/** A simulated Digital Samba. */
export async function startUpstream() {
  const dev = await startDev();
  return Object.assign(dev, { url: dev.upstream, ...(await developmentCredentials()) });
}

/** The same without a broker, and without a rate limit that matters. */
export async function startSimulator() {
  const args = ["simulate", "--listen", ANY_PORT, "--provider-listen", ANY_PORT, "--rate-limit", "1000000000"];
  const simulator = await start(BINARY, args, {
    ready: (output) => output.includes("Ctrl-C") && { url: readAddress(output, "Digital Samba"), provider: readAddress(output, "identity provider") },
  });
  return Object.assign(simulator, simulator.value, await developmentCredentials());
}

/** `room-broker serve` with an upstream (and more about it), and the rest of a configuration. */
export async function startServe(upstream, configuration, { digitalSamba = "" } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "room-broker-"));
  const file = join(directory, "room-broker.toml");
  await writeFile(
    file,
    `
[digital_samba]
api_url = "${upstream.url}"
rooms_url = "${upstream.url}"
team_id = "${upstream.teamId}"
developer_key = "${upstream.developerKey}"
${digitalSamba}
${configuration}
[internal]
listen = "${ANY_PORT}"
[ops]
listen = "${ANY_PORT}"
[telemetry]
log_format = "json"
[audit]
file = "${join(directory, "audit.jsonl")}"
`,
  );
  const serve = await start(BINARY, ["serve", "--config", file], { ready: readAddresses });
  const { stop } = serve;
  return Object.assign(serve, serve.value, {
    file,
    async stop(signal) {
      const ended = await stop(signal);
      await rm(directory, { recursive: true, force: true });
      return ended;
    },
  });
}

/** The log line that says where it serves. */
function readAddresses(output) {
  for (const line of output.split("\n")) {
    if (!line.startsWith("{") || !line.endsWith("}")) continue;
    const fields = JSON.parse(line);
    const { message, ops, public: broker } = { ...fields, ...fields.fields };
    if (message === "serving") return { broker: `http://${broker}`, ops: `http://${ops}` };
  }
  return undefined;
}

/** Joins a room; status, body and headers. */
export async function joinRoom(broker, room, token, { body, headers = {} } = {}) {
  const answer = await fetch(`${broker}/v1/rooms/${room}/join`, {
    method: "POST",
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json(), headers: answer.headers };
}

/** The rules of a school: teachers of a course moderate it, its students attend. */
export const SCHOOL = `
[[policy.rules]]
name = "teachers moderate their course"
room = "course-{course}"
when = '("teacher:" + room.course) in user.groups'
role = "moderator"
roles_on_request = ["attendee"]
may_create = true

[[policy.rules]]
name = "students attend their course"
room = "course-{course}"
when = '("student:" + room.course) in user.groups'
role = "attendee"
may_create = true

[[rooms.templates]]
room = "course-{course}"
settings = { roles = ["moderator", "speaker", "attendee"], default_role = "attendee" }
`;
