// A c15t backend that takes a scope's gated list as its configuration: scripts beside consent, from one server.
import { webcrypto } from "node:crypto";
import { c15tInstance, policyPackPresets } from "@c15t/backend";
import { kyselyAdapter } from "@c15t/backend/db/adapters/kysely";
import { migrator } from "@c15t/backend/db/migrator";
import { DB } from "@c15t/backend/db/schema";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { readConsent } from "./consent.js";
import { openDatabase } from "./database.js";
import { List } from "./list.js";
import { createRecords, recordRoutes } from "./records.js";

// Node.js 18 has no global of this name, which @c15t/backend uses.
globalThis.crypto ??= webcrypto;

const settings = readSettings(process.env);
const database = openDatabase(settings.databaseFile);
const adapter = kyselyAdapter({ db: database, provider: "sqlite" });
await (await migrator({ db: DB.client(adapter), schema: "latest" })).execute();
await createRecords(database);

const list = new List(settings.listUrl, settings.refreshSeconds * 1000);
list.follow();

const c15t = c15tInstance({
  appName: "consent-snapshots-sample",
  adapter,
  trustedOrigins: settings.origins,
  apiKeys: settings.recordsKey ? [settings.recordsKey] : [],
  policyPacks: [policyPackPresets.europeOptIn(), policyPackPresets.californiaOptOut(), policyPackPresets.worldNoBanner()],
  ipAddress: { tracking: false },
  openapi: { enabled: false },
  logger: { level: "error" },
});

const app = new Hono();
app.use("/analytics/scripts", cors({ origin: settings.origins, credentials: true, allowMethods: ["GET", "HEAD"] }), etag());
app.get("/analytics/scripts", scripts);
app.route("/consent-records", recordRoutes({ database, list, origins: settings.origins, key: settings.recordsKey }));
app.use(bodyLimit({ maxSize: 65_536 }));
// Everything else is the instance's own: /init, /subjects, /consents, /status.
app.all("*", context => c15t.handler(context.req.raw));

const server = serve({ fetch: app.fetch, hostname: settings.host, port: settings.port }, ({ address, port }) =>
  console.log(`Listening on http://${address}:${port}`),
);
server.on("error", error => {
  console.error(`Cannot listen on ${settings.host}:${settings.port}: ${error.code}.`);
  process.exit(1);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);

function scripts(context) {
  const query = new URL(context.req.url).searchParams;
  const consent = readConsent(query);
  if (consent.error) return context.json(consent, 400, { "Cache-Control": "no-store" });
  if (!list.answers)
    return context.json({ error: "Temporarily unavailable", message: "The scripts cannot be read at the moment. Try again later." }, 503, {
      "Cache-Control": "no-store",
      "Retry-After": "5",
    });
  for (const [name, own] of [["organizationId", list.metadata.organization], ["environment", list.metadata.environment]])
    if (query.getAll(name).some(value => value !== "" && value !== own))
      return context.json({ error: "Unknown scope", message: `This backend has the scripts of one scope, and its ${name} is another.` }, 404, {
        "Cache-Control": "no-store",
      });
  // An answer belongs to one visitor's consent. A cache that ignores queries must not hand it to another visitor.
  return context.json(list.answers[consent.index], 200, { "Cache-Control": "private, max-age=30", "X-Content-Type-Options": "nosniff" });
}

async function stop() {
  list.stop();
  server.close();
  server.closeAllConnections();
  await database.destroy();
}

function readSettings(environment) {
  const { LIST_URL, ORIGINS, HOST = "127.0.0.1", PORT = "3001", LIST_REFRESH_SECONDS = "30", DATABASE_FILE = "consent.db", RECORDS_KEY } = environment;
  const origins = (ORIGINS ?? "").split(",").map(origin => origin.trim()).filter(Boolean);
  const refreshSeconds = Number(LIST_REFRESH_SECONDS);
  const problems = [
    [!URL.canParse(LIST_URL ?? ""), "LIST_URL: the address of the gated list, such as https://edge.example/v1/acme/production/scripts.json"],
    [origins.length === 0 || origins.some(origin => origin !== originOf(origin)), "ORIGINS: the origins of the site's pages, such as https://www.example.com, separated by commas"],
    [!(refreshSeconds > 0 && refreshSeconds <= 3600), "LIST_REFRESH_SECONDS: more than 0 and at most 3600"],
    [!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65535, "PORT: 0 to 65535"],
  ];
  const wrong = problems.filter(([isWrong]) => isWrong).map(([, message]) => message);
  if (wrong.length > 0) {
    console.error(`These settings are missing or wrong:\n  ${wrong.join("\n  ")}`);
    process.exit(2);
  }
  return { listUrl: LIST_URL, origins, refreshSeconds, host: HOST, port: Number(PORT), databaseFile: DATABASE_FILE, recordsKey: RECORDS_KEY };
}

function originOf(text) {
  return URL.canParse(text) ? new URL(text).origin : undefined;
}
