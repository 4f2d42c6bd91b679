// Clients that take their time: connections that drip a request's head, or its body, byte by byte.

import net from "node:net";

/** How often each drips, and in how many groups: people are not slow in step with each other. */
const DRIP_MS = 500;
const GROUPS = 50;

/** Opens `count` connections that begin with `head` and then drip `drop`, until they are closed. */
export async function slowConnections(base, count, { head, drop }) {
  const { hostname: host, port } = new URL(base);
  const connections = Array.from({ length: count }, () => open({ host, port: Number(port) }, head));
  await Promise.all(connections.map(({ connected }) => connected));
  let turn = 0;
  const drip = () => {
    for (let at = turn; at < count; at += GROUPS) {
      const { socket } = connections[at];
      if (socket.writable) socket.write(drop);
    }
    turn = (turn + 1) % GROUPS;
  };
  const timer = setInterval(drip, DRIP_MS / GROUPS);
  const closed = Promise.all(connections.map((connection) => connection.closed)).finally(() => clearInterval(timer));
  return {
    /** What each was told before the other side closed it. */
    closed,
    destroy: () => connections.forEach(({ socket }) => socket.destroy()),
  };
}

function open(where, head) {
  const socket = net.connect(where);
  let heard = "";
  socket.setEncoding("latin1").on("data", (chunk) => (heard += chunk));
  const closed = new Promise((resolve) => socket.once("close", () => resolve(heard)));
  // A reset closes it, too: what it was told stays.
  const connected = new Promise((resolve, reject) => socket.once("connect", resolve).on("error", reject));
  socket.once("connect", () => socket.write(head));
  return { socket, connected, closed };
}
