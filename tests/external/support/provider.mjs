// A certified OpenID provider that signs in whoever the login hint names, over the real code flow.

import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

export const AUDIENCE = "room-broker";
const CLIENT = { id: "school-app", secret: randomBytes(24).toString("hex"), redirect: "https://app.school.example/back" };
export const RESOURCE_SERVER = { id: "room-broker", secret: randomBytes(24).toString("hex") };
const ALGORITHMS = ["RS256", "ES256", "EdDSA"];

const PEOPLE = {
  ada: { name: "Ada Winter", groups: ["teacher:101", "staff"] },
  ben: { name: "Ben Okoye", groups: ["student:101"] },
};

let keys = 0;

/** A new private key for an algorithm. */
export function newKey(algorithm) {
  const made = {
    RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
    EdDSA: () => generateKeyPairSync("ed25519"),
  }[algorithm]();
  keys += 1;
  return { ...made.privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig", kid: `${algorithm}-${keys}` };
}

/** A provider on a port of its own, with one key for each algorithm. */
export async function startProvider() {
  const cookieKey = randomBytes(24).toString("hex");
  let handle;
  let server;
  let port = 0;
  const listen = async () => {
    server = createServer((request, response) => handle(request, response));
    await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    ({ port } = server.address());
  };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  await listen();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = {
    issuer,
    keys: ALGORITHMS.map(newKey),
    /** From now on these keys are published; the first of an algorithm signs. */
    publish(published) {
      provider.keys = published;
      handle = serve(issuer, published, cookieKey);
    },
    takeDown: close,
    bringUp: listen,
    stop: close,
    token: (person, kind) => signIn(issuer, person, resourceOf(kind)),
    tokenFor: (person, resource) => signIn(issuer, person, resource),
    revoke: (token) => revoke(issuer, token),
  };
  provider.publish(provider.keys);
  return provider;
}

/** The resource indicator whose tokens are of this kind: an algorithm, or `opaque`. */
function resourceOf(kind) {
  return `https://video.school.example/${kind}`;
}

function resourceServer(resource) {
  const kind = new URL(resource).pathname.slice(1);
  const audience = kind === "elsewhere" ? "another-service" : AUDIENCE;
  const common = { scope: "rooms", audience, accessTokenTTL: 300 };
  if (kind === "opaque") return { ...common, accessTokenFormat: "opaque" };
  const algorithm = ALGORITHMS.includes(kind) ? kind : "RS256";
  return { ...common, accessTokenFormat: "jwt", jwt: { sign: { alg: algorithm } } };
}

function serve(issuer, published, cookieKey) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [CLIENT.redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
      {
        client_id: RESOURCE_SERVER.id,
        client_secret: RESOURCE_SERVER.secret,
        redirect_uris: [],
        grant_types: [],
        response_types: [],
      },
    ],
    jwks: { keys: published },
    cookies: { keys: [cookieKey] },
    scopes: ["openid"],
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientId === RESOURCE_SERVER.id },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resourceOf("RS256"),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => resourceServer(resource),
      },
    },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
    findAccount: (_ctx, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id }) },
    extraTokenClaims: (_ctx, token) => PEOPLE[token.accountId],
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 600, Interaction: 60, Session: 600, IdToken: 300 },
  });
  const callback = provider.callback();
  return (request, response) => {
    if (request.url.startsWith("/interaction/")) return interact(provider, request, response);
    return callback(request, response);
  };
}

/** Signs in the person that the login hint names, and consents to everything. */
async function interact(provider, request, response) {
  const { params, prompt, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    return provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid");
  grant.addResourceScope(params.resource, "rooms");
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

/** The code flow with PKCE, as an app would walk through it: an access token. */
async function signIn(issuer, person, resource) {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    client_id: CLIENT.id,
    response_type: "code",
    redirect_uri: CLIENT.redirect,
    scope: "openid rooms",
    resource,
    login_hint: person,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const code = await follow(new URL(`/auth?${query}`, issuer));
  const answer = await fetch(new URL("/token", issuer), {
    method: "POST",
    headers: { authorization: basic(CLIENT) },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: CLIENT.redirect,
      code_verifier: verifier,
      resource,
    }),
  });
  const body = await answer.json();
  if (!body.access_token) throw new Error(`no token: ${JSON.stringify(body)}`);
  return body.access_token;
}

/** Follows redirects with a browser's cookies, until they lead back to the app. */
async function follow(start) {
  const cookies = new Map();
  let url = start;
  for (let hops = 0; hops < 10; hops += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { redirect: "manual", headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const location = answer.headers.get("location");
    if (!location) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`);
    url = new URL(location, url);
    if (url.href.startsWith(CLIENT.redirect)) {
      const code = url.searchParams.get("code");
      if (!code) throw new Error(`no code: ${url.href}`);
      return code;
    }
  }
  throw new Error("redirected in circles");
}

async function revoke(issuer, token) {
  const answer = await fetch(new URL("/token/revocation", issuer), {
    method: "POST",
    headers: { authorization: basic(CLIENT) },
    body: new URLSearchParams({ token }),
  });
  if (!answer.ok) throw new Error(`not revoked: ${answer.status}`);
}

function basic({ id, secret }) {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
}
