// Says what the consent records of a subject mean, from the files of a store: which list the page had, and what of it the visitor's consent permitted.
//
//   curl … | node evidence.js STORE [SCRIPT]
//
// Standard input has the answer of GET /consent-records. STORE is a directory store, or a folder with downloads of the history and the public container as `history` and `public`.
// SCRIPT is the id of a script that is asked about.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { consentOf, indexOf } from "./consent.js";

// Two caches, a CDN and a browser, may each use a list for max-age=30 and stale-while-revalidate=60 seconds.
const staleMilliseconds = 180_000;

const [store, script] = process.argv.slice(2);
if (!store) {
  console.error("Usage: node evidence.js STORE [SCRIPT] < records.json");
  process.exit(2);
}
let doubts = 0;
for (const record of JSON.parse(await text(process.stdin)).records) explain(record);
// 3, as for every command of the product that found a difference.
process.exitCode = doubts > 0 ? 3 : 0;

function explain(record) {
  const granted = Object.keys(record.preferences).filter(name => record.preferences[name]);
  const index = indexOf(granted);
  const set = Object.entries(consentOf(index)).filter(([name, isGranted]) => isGranted && name !== "necessary").map(([name]) => name).join("-") || "necessary";
  console.log(`\nRecord ${record.id}: ${record.subjectId} granted ${set}, received ${record.receivedAt}`);
  if (!record.organization) return doubt("the record was received before the backend had a list, so its organization and environment are unknown");
  const history = readHistory(record);
  const had = history.find(({ manifest }) => manifest.version === record.version);
  if (!had) return doubt(`the history of ${record.organization}/${record.environment} has no version ${record.version}`);
  const { manifest, replacedAt } = had;
  console.log(`  Version ${manifest.version} was made ${manifest.generatedAt} and ${replacedAt ? `replaced ${replacedAt}` : "is the newest"}.`);
  check(manifest.combinations[15].snapshot === record.snapshot, "the record names the snapshot of this version");
  checkChain(history, had);
  if (record.receivedAt < manifest.generatedAt) doubt("the record is older than the version that it names");

  const { snapshot } = manifest.combinations[index];
  const ids = manifest.snapshots[snapshot].scripts.map(number => manifest.scripts[number].script.id);
  console.log(`  Permitted: ${ids.join(", ") || "no script"}`);
  checkSnapshot(record, snapshot, manifest.snapshots[snapshot].sha256, ids);
  if (script) explainScript(manifest, ids);
  const others = history.filter(other => other !== had && wasServable(other, Date.parse(record.receivedAt)));
  if (others.length > 0) console.log(`  Versions that a cache could also still serve then: ${others.map(other => other.manifest.version).join(", ")}`);
}

// Oldest first. A version ends where the next one begins.
function readHistory({ organization, environment }) {
  const folder = join(store, "history", organization, environment);
  if (!existsSync(folder)) return [];
  const history = readdirSync(folder).filter(name => /^\d{8}\.json$/.test(name)).sort().map(name => {
    const bytes = readFileSync(join(folder, name));
    return { bytes, manifest: JSON.parse(bytes) };
  });
  history.forEach((entry, position) => (entry.replacedAt = history[position + 1]?.manifest.generatedAt));
  return history;
}

function checkChain(history, from) {
  const later = history.slice(history.indexOf(from));
  if (later.length === 1) return console.log("  No later version vouches for this one yet.");
  const broken = later.slice(1).find(({ manifest }, position) => manifest.previous !== sha256(later[position].bytes));
  check(!broken, `each version from ${from.manifest.version} to ${later.at(-1).manifest.version} names the SHA-256 of the one before it`);
}

// What was served, byte for byte, while it is kept.
function checkSnapshot({ organization, environment }, snapshot, expected, ids) {
  const file = join(store, "public", organization, environment, `${snapshot}.json`);
  if (!existsSync(file)) return console.log(`  The snapshot ${snapshot} is not kept any more; the version has its scripts.`);
  const bytes = readFileSync(file);
  const served = JSON.parse(bytes).scripts.map(({ id }) => id);
  check(sha256(bytes) === expected && served.join() === ids.join(), `snapshot ${snapshot} has these scripts and the SHA-256 that the version names`);
}

function explainScript({ scripts }, ids) {
  const entry = scripts.find(entry => entry.script.id === script);
  if (!entry) return console.log(`  ${script}: not in the list.`);
  const condition = JSON.stringify(entry.script.category);
  console.log(`  ${script}: in the list for ${condition}, of destination ${entry.destinations.join(", ") || "none"}; this consent ${ids.includes(script) ? "permitted it" : "did not permit it"}.`);
}

function wasServable({ manifest, replacedAt }, time) {
  return Date.parse(manifest.generatedAt) <= time && (!replacedAt || Date.parse(replacedAt) > time - staleMilliseconds);
}

function check(holds, what) {
  if (holds) console.log(`  Holds: ${what}.`);
  else doubt(`it does not hold that ${what}`);
}

function doubt(problem) {
  doubts++;
  console.log(`  DOUBT: ${problem}.`);
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
