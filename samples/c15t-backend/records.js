// What a visitor chose, and which list the page had when it was chosen. Appended, never changed.
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import * as v from "valibot";
import { categories } from "./consent.js";

const preferences = v.strictObject(Object.fromEntries(categories.map(name => [name, v.optional(v.boolean())])));

const record = v.object({
  subjectId: v.pipe(v.string(), v.maxLength(64), v.regex(/^sub_[1-9A-HJ-NP-Za-km-z]+$/)),
  // Valibot takes an array for an object.
  preferences: v.pipe(v.custom(value => !Array.isArray(value)), preferences),
  version: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  snapshot: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
});

/** Creates the table where it is missing. */
export async function createRecords(database) {
  await database.schema
    .createTable("consent_snapshots_record")
    .ifNotExists()
    .addColumn("id", "integer", column => column.primaryKey().autoIncrement())
    .addColumn("receivedAt", "text", column => column.notNull())
    .addColumn("organization", "text")
    .addColumn("environment", "text")
    .addColumn("subjectId", "text", column => column.notNull())
    .addColumn("preferences", "text", column => column.notNull())
    .addColumn("version", "integer", column => column.notNull())
    .addColumn("snapshot", "text", column => column.notNull())
    .addColumn("newestVersion", "integer")
    .execute();
  await database.schema
    .createIndex("consent_snapshots_record_subject")
    .ifNotExists()
    .on("consent_snapshots_record")
    .columns(["subjectId", "id"])
    .execute();
}

/**
 * `POST /consent-records` for pages, `GET /consent-records?subjectId=…` for those who have the key.
 * @param {{ database: import("kysely").Kysely<any>, list: import("./list.js").List, origins: string[], key?: string }} options
 */
export function recordRoutes({ database, list, origins, key }) {
  const routes = new Hono();

  // A beacon carries the page's credentials, so its preflight must be answered with a named origin.
  routes.use(cors({ origin: origins, credentials: true, allowMethods: ["POST"], allowHeaders: ["Content-Type"], maxAge: 600 }));

  routes.post("/", bodyLimit({ maxSize: 2048, onError: context => refuse(context, 413, "Record too large", "A record has at most 2048 bytes.") }), async context => {
    if (!origins.includes(context.req.header("Origin")))
      return refuse(context, 403, "Unknown origin", "Records are taken from the pages of this site only.");
    // navigator.sendBeacon sends a string as text/plain.
    if (!/^(application\/json|text\/plain)\s*(;|$)/i.test(context.req.header("Content-Type") ?? ""))
      return refuse(context, 415, "Unknown content type", "Send JSON as application/json or text/plain.");
    const { success, output, issues } = v.safeParse(record, parse(await context.req.text()));
    if (!success)
      return refuse(context, 400, "Invalid record", `A record is {subjectId, preferences, version, snapshot}. Wrong: ${v.getDotPath(issues[0]) ?? "the whole"}.`);
    const { organization = null, environment = null, version: newestVersion = null } = list.metadata ?? {};
    const receivedAt = new Date().toISOString();
    await database
      .insertInto("consent_snapshots_record")
      .values({ ...output, preferences: JSON.stringify(output.preferences), receivedAt, organization, environment, newestVersion })
      .execute();
    return context.json({ receivedAt }, 201);
  });

  // Who may read what somebody chose is not a matter of CORS.
  if (key)
    routes.get("/", bearerAuth({ token: key }), async context => {
      const rows = await database
        .selectFrom("consent_snapshots_record")
        .selectAll()
        .where("subjectId", "=", context.req.query("subjectId") ?? "")
        .orderBy("id")
        .execute();
      return context.json({ records: rows.map(row => ({ ...row, preferences: JSON.parse(row.preferences) })) }, 200, { "Cache-Control": "no-store" });
    });

  return routes;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const refuse = (context, status, error, message) => context.json({ error, message }, status, { "Cache-Control": "no-store" });
