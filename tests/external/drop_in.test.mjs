// Programs that were written for Digital Samba's API run through the gateway as they are: with
// another base URL and a broker key in the developer key's place they do and print the same.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import { startDev } from "./support/broker.mjs";
import { PROJECT } from "./support/processes.mjs";

const run = promisify(execFile);
const DEVELOPER_KEY = "development-only";
const TEAM = "00000000-0000-0000-0000-0000000000de";
/** The one that has what requirements.txt names. */
const PYTHON = process.env.PYTHON ?? `${PROJECT}target/tools/python/bin/python`;

/** Creates a room, reads it, lists all rooms by pages, gets somebody in, deletes the room. */
const PROGRAMS = {
  curl: [
    "bash",
    "-euc",
    `
api() { curl -sS --fail-with-body -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"; echo; }
api -X POST "$BASE/rooms" -d '{"friendly_url":"by-curl","privacy":"private","default_role":"attendee","roles":["moderator","attendee"]}' \\
  | grep -o '"friendly_url":"[^"]*"'
api "$BASE/rooms?limit=10&order=desc" | grep -o '"friendly_url":"by-curl"'
api -X PATCH "$BASE/rooms/by-curl" -d '{"max_participants":12}' | grep -o '"max_participants":12'
link=$(api -X POST "$BASE/rooms/by-curl/token" -d '{"u":"Ada","role":"moderator","exp":60}' | sed 's/.*"link":"\\([^"]*\\)".*/\\1/; s/\\\\\\//\\//g')
curl -sS "$link" | grep -o '<strong>Ada</strong>'
curl -sS -o /dev/null -w '%{http_code}\\n' -X DELETE -H "Authorization: Bearer $KEY" "$BASE/rooms/by-curl"
curl -sS -u "$TEAM:$KEY" "$BASE/rooms/by-curl" -H "Accept: application/json"
`,
  ],
  node: [
    process.execPath,
    "--input-type=module",
    "--eval",
    `
const { BASE, KEY } = process.env;
async function api(method, path, body) {
  const answer = await fetch(BASE + path, {
    method,
    headers: { Authorization: "Bearer " + KEY, "Content-Type": "application/json", Accept: "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(answer.status + ": " + JSON.parse(text).message);
  return text ? JSON.parse(text) : undefined;
}
for (const number of [1, 2, 3]) await api("POST", "/rooms", { friendly_url: "node-" + number, privacy: "private", tags: ["node"] });
const rooms = [];
for (;;) {
  const { data, total_count } = await api("GET", "/rooms?order=asc&limit=2&offset=" + rooms.length);
  rooms.push(...data);
  if (rooms.length >= total_count) break;
}
console.log(rooms.map((room) => room.friendly_url).join());
await api("POST", "/rooms", { friendly_url: "node-1" }).catch((error) => console.log(error.message));
const { link } = await api("POST", "/rooms/node-2/token", { ud: "u1", u: "Ben", role: "attendee" });
console.log((await (await fetch(link)).text()).includes("<strong>Ben</strong>"));
const live = await api("GET", "/rooms/node-2/live/participants");
console.log(live.live_participants.map(({ name }) => name).join());
await api("DELETE", "/rooms/tags", { tags: ["node"] });
await api("DELETE", "/rooms/node-2");
`,
  ],
  python: [
    "python3",
    "-c",
    `
import json, os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

def api(method, path, body=None):
    headers = {"Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/json", "Accept": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(os.environ["BASE"] + path, data, headers, method=method), timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None

room = api("POST", "/rooms", {"friendly_url": "by-python", "privacy": "private"})
print(room["friendly_url"], room["privacy"])
poll = api("POST", f"/rooms/{room['id']}/polls", {"question": "Tea or coffee?", "type": "single", "options": [{"text": "Yes"}, {"text": "No"}]})
print([option["text"] for option in poll["options"]])
print(api("GET", f"/rooms/{room['id']}/polls")["total_count"])
role = api("POST", "/roles", {"name": "guest", "display_name": "Guests", "permissions": {"general_chat": True}})
print(role["name"], api("GET", "/roles/guest")["permissions"]["general_chat"])
api("DELETE", "/roles/guest")
try:
    api("POST", f"/rooms/{room['id']}/recordings/start")
except HTTPError as error:
    print(error.code, json.load(error)["message"])
api("DELETE", "/rooms/by-python")
`,
  ],
};

/** As long as a page of the older reference may be, and more rooms than fit into one. */
const PAGE = 100;
const ROOMS = 2 * PAGE + 20;

/** What the older reference shows in each language: open a room with few or many settings, list all rooms. */
const OLDER_PROGRAMS = {
  curl: [
    "bash",
    "-euc",
    `
curl -sS --fail-with-body -X POST "$BASE/rooms" -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
  -d '{"friendly_url":"open-house","privacy":"public"}'; echo
curl -sS --fail-with-body -X POST "$BASE/rooms" -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
  -d '{
    "friendly_url": "weekly-review",
    "description": "What was done this week",
    "privacy": "private",
    "max_participants": 40,
    "session_length": 45,
    "default_role": "attendee",
    "roles": ["moderator", "speaker", "attendee"],
    "chat_enabled": false,
    "recordings_enabled": true,
    "screenshare_enabled": false,
    "raise_hand_enabled": false
  }'; echo
curl -sS --fail-with-body "$BASE/rooms?limit=10&order=desc" -H "Authorization: Bearer $KEY"; echo
for room in open-house weekly-review; do
  curl -sS --fail-with-body -X DELETE "$BASE/rooms/$room" -H "Authorization: Bearer $KEY"
done
`,
  ],
  node: [
    process.execPath,
    "--input-type=module",
    "--eval",
    `
const { BASE, KEY } = process.env;
async function read(answer) {
  if (answer.ok) return answer.json();
  throw new Error(answer.status + ": " + (await answer.json()).message);
}
const room = await read(await fetch(BASE + "/rooms", {
  method: "POST",
  headers: { Authorization: "Bearer " + KEY, "Content-Type": "application/json" },
  body: JSON.stringify({
    friendly_url: "weekly-review",
    privacy: "private",
    max_participants: 40,
    default_role: "attendee",
    roles: ["moderator", "speaker", "attendee"],
    chat_enabled: true,
    recordings_enabled: true,
  }),
}));
console.log(room.id, room.room_url, room.max_participants, room.recordings_enabled);
const all = [];
const limit = ${PAGE};
for (let offset = 0; ; offset += limit) {
  const headers = { Authorization: "Bearer " + KEY };
  const { data, total_count } = await read(await fetch(BASE + "/rooms?limit=" + limit + "&offset=" + offset, { headers }));
  all.push(...data);
  console.log(offset, data.length);
  if (all.length >= total_count) break;
}
for (const { friendly_url, privacy, id } of all) console.log(friendly_url, privacy, id);
await fetch(BASE + "/rooms/weekly-review", { method: "DELETE", headers: { Authorization: "Bearer " + KEY } });
`,
  ],
  python: [
    PYTHON,
    "-c",
    `
import os
import requests

BASE, KEY = os.environ["BASE"], os.environ["KEY"]
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}

created = requests.post(
    f"{BASE}/rooms",
    headers={**AUTHORIZATION, "Content-Type": "application/json"},
    json={
        "friendly_url": "weekly-review",
        "privacy": "private",
        "max_participants": 40,
        "default_role": "attendee",
        "roles": ["moderator", "speaker", "attendee"],
        "chat_enabled": True,
        "recordings_enabled": True,
    },
)
created.raise_for_status()
room = created.json()
print(room["id"], room["room_url"], room["max_participants"], room["recordings_enabled"])

rooms, offset, limit = [], 0, ${PAGE}
while True:
    page = requests.get(f"{BASE}/rooms?limit={limit}&offset={offset}", headers=AUTHORIZATION)
    page.raise_for_status()
    page = page.json()
    rooms.extend(page["data"])
    print(offset, len(page["data"]))
    if len(rooms) >= page["total_count"]:
        break
    offset += limit
for room in rooms:
    print(room["friendly_url"], room["privacy"], room["id"])
requests.delete(f"{BASE}/rooms/weekly-review", headers=AUTHORIZATION).raise_for_status()
`,
  ],
};

let dev;
before(async () => {
  dev = await startDev();
});
after(() => dev?.stop());

/** What a program prints with a base URL and a key. */
async function printed([program, ...options], { BASE, KEY }) {
  return (await run(program, options, { env: { ...process.env, BASE, KEY, TEAM } })).stdout;
}

const direct = () => ({ BASE: `${dev.upstream}/api/v1`, KEY: DEVELOPER_KEY });
const throughTheGateway = () => ({ BASE: `${dev.internal}/api/v1`, KEY: dev.banner.match(/^ *KEY=(rbk_\w+)$/m)[1] });

describe("a program written for Digital Samba's API", () => {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    test(`in ${name} prints through the gateway what it prints without it`, async () => {
      const without = await printed(program, direct());
      assert.notEqual(without, "");
      assert.equal(await printed(program, throughTheGateway()), without);
    });
  }
});

describe("a program written for the older reference", () => {
  before(async () => {
    const headers = { authorization: `Bearer ${DEVELOPER_KEY}`, "content-type": "application/json" };
    for (let n = 0; n < ROOMS; n += 1) {
      const body = JSON.stringify({ friendly_url: `room-${n}`, privacy: n % 2 ? "public" : "private" });
      assert.equal((await fetch(`${dev.upstream}/api/v1/rooms`, { method: "POST", headers, body })).status, 200);
    }
  });

  for (const [name, program] of Object.entries(OLDER_PROGRAMS)) {
    test(`in ${name} prints through the gateway, before today's API, what it printed without it`, async (t) => {
      t.after(() => speak({}));
      await speak({ total_count_as_number: true });
      const before = withoutWhatIsNew(await printed(program, direct()));
      assert.match(before, /weekly-review/);
      if (name !== "curl") assert.match(before, new RegExp(`^${2 * PAGE} ${ROOMS + 1 - 2 * PAGE}$`, "m"));
      await speak({});
      assert.equal(withoutWhatIsNew(await printed(program, throughTheGateway())), before);
    });
  }
});

/** Has the simulator answer in some of the shapes that the older reference shows; in none of them by default. */
async function speak(variations) {
  const headers = { "content-type": "application/json" };
  const { status } = await fetch(`${dev.upstream}/_sim/variations`, { method: "POST", headers, body: JSON.stringify(variations) });
  assert.equal(status, 204);
}

/** Each room has an id and a time of its own. */
function withoutWhatIsNew(text) {
  return text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID").replace(/\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)/g, "TIME");
}
