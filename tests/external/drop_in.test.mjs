// Programs that were written for Digital Samba's API run through the gateway as they are: with
// another base URL and a broker key in the developer key's place they do and print the same.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import { startDev } from "./support/broker.mjs";

const run = promisify(execFile);
const DEVELOPER_KEY = "development-only";

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

let dev;
before(async () => {
  dev = await startDev();
});
after(() => dev?.stop());

describe("a program written for Digital Samba's API", () => {
  for (const [name, [program, ...options]] of Object.entries(PROGRAMS)) {
    test(`in ${name} prints through the gateway what it prints without it`, async () => {
      const KEY = dev.banner.match(/^ *KEY=(rbk_\w+)$/m)[1];
      const TEAM = "00000000-0000-0000-0000-0000000000de";
      const printed = async (BASE, KEY) => (await run(program, options, { env: { ...process.env, BASE, KEY, TEAM } })).stdout;
      const without = await printed(`${dev.upstream}/api/v1`, DEVELOPER_KEY);
      assert.notEqual(without, "");
      assert.equal(await printed(`${dev.internal}/api/v1`, KEY), without);
    });
  }
});
