// Clients that take their time: connections that drip a request's head, or its body, byte by byte.

import net from "node:net";

const DRIP_MS = 500;

/** Opens `count` connections that begin with `head` and then drip `drop`, until they are closed. */
export async function slowConnections(base, count, { head, drop }) {
  const { hostname: host, port } = new URL(base);
  const connections = Array.from({ length: count }, () => open({ host, port: Number(port) }, head));
  await Promise.all(connections.map(({ connected }) => connected));
  const timer = setInterval(() => connections.forEach(({ socket }) => socket.writable && socket.write(drop)), DRIP_MS);
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
