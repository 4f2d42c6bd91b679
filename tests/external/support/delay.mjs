// A network that is slow: connections to a port of this machine whose answers come late.

import net from "node:net";

const HOST = "127.0.0.1";

/** Passes on to `target`, and back `delayMs` later (0 at first); `port` is where another was before it. */
export async function startDelay(target, { port = 0 } = {}) {
  const open = new Set();
  const delay = { delayMs: 0 };
  const server = net.createServer((caller) => {
    const answerer = net.connect({ host: HOST, port: target });
    for (const [socket, other] of [[caller, answerer], [answerer, caller]]) {
      open.add(socket.setNoDelay());
      socket.on("error", () => other.destroy());
      socket.once("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    caller.on("data", (chunk) => answerer.write(chunk));
    const answers = [];
    answerer.on("data", (chunk) => {
      answers.push(chunk);
      // In the order in which they came, whichever timer is first.
      setTimeout(() => caller.write(answers.shift()), delay.delayMs);
    });
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen({ port, host: HOST }, resolve));
  return Object.assign(delay, {
    port: server.address().port,
    stop() {
      open.forEach((socket) => socket.destroy());
      return new Promise((closed) => server.close(closed));
    },
  });
}
