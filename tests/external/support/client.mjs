// A plain HTTP client for what fetch does not let one choose: the address that it calls from, the
// certificate that it trusts, header fields as they are, how many connections there are.

import http from "node:http";
import https from "node:https";

/** `base` is where to connect; `name` is whom to ask for (Host, and the name in the certificate). */
export function client({ base, name, ca, from, connections = 16, timeoutMs = 20_000 }) {
  const url = new URL(base);
  const { Agent, request: send } = url.protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections, localAddress: from, ca, servername: name });
  const request = (method, path, { headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const asked = send(
        { agent, host: url.hostname, port: url.port, method, path, headers: { ...(name ? { host: name } : {}), ...headers } },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk) => (text += chunk));
          answer.once("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
          answer.once("error", reject);
        },
      );
      asked.setTimeout(timeoutMs, () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      asked.once("error", reject);
      asked.end(body);
    });
  return { request, close: () => agent.destroy() };
}
