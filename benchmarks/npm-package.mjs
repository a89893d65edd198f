// The npm package @c15t/scripts resolving the scope of Generator.Benchmarks/SixDestinations.cs, on one thread. Three ways of
// using it, as it makes one list of script objects and knows no consent sets:
//   each-set    for each of the 16 consent sets, resolves the destinations it grants: what a handler does that is asked 16 times
//   once        resolves the six once and filters the result 16 times: the least that gives all 16 lists
//   each-set-json   as each-set, and JSON.stringify of each list: the nearest to a snapshot's bytes, callbacks lost
// The package remembers what it compiled by configuration, so every scope has ids of its own; within a scope the other 15 sets profit.
// Its memory is never emptied, so each way runs in a process of its own: node npm-package.mjs MODE SECONDS
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../tests/browser/package.json", import.meta.url));
const load = name => import(pathToFileURL(require.resolve(`@c15t/scripts/${name}`)).href.replace(/\.cjs$/, ".js"));
const [{ googleTagManager }, { gtag }, { metaPixel }, { posthog }, { mixpanelAnalytics }, { tiktokPixel }] =
  await Promise.all(["google-tag-manager", "google-tag", "meta-pixel", "posthog", "mixpanel-analytics", "tiktok-pixel"].map(load));

const [mode = "each-set", seconds = "5"] = process.argv.slice(2);

// Bits as in the manifest: measurement 4, marketing 8.
const destinations = [
  { needs: 8, resolve: settings => googleTagManager(settings) },
  { needs: 4, resolve: settings => gtag(settings) },
  { needs: 8, resolve: settings => metaPixel(settings) },
  { needs: 4, resolve: settings => posthog(settings) },
  { needs: 4, resolve: settings => mixpanelAnalytics(settings) },
  { needs: 8, resolve: settings => tiktokPixel(settings) },
];

const settingsOf = number => {
  const digits = String(number).padStart(8, "0");
  return [
    { id: `GTM-${digits}` },
    { id: `G-${digits}`, category: "measurement" },
    { pixelId: `1${digits}` },
    { id: `phc_${digits}`, apiHost: "https://eu.i.posthog.com" },
    { token: `0123456789abcdef01234567${digits}` },
    { pixelId: `C${digits}` },
  ];
};

const ways = {
  "each-set": settings => {
    let scripts = 0;
    for (let set = 0; set < 16; set++) {
      const list = [];
      for (let i = 0; i < 6; i++) if (set & destinations[i].needs) list.push(destinations[i].resolve(settings[i]));
      scripts += list.length;
    }
    return scripts;
  },
  once: settings => {
    const all = destinations.map((destination, i) => destination.resolve(settings[i]));
    let scripts = 0;
    for (let set = 0; set < 16; set++) scripts += all.filter((_, i) => set & destinations[i].needs).length;
    return scripts;
  },
  "each-set-json": settings => {
    let length = 0;
    for (let set = 0; set < 16; set++) {
      const list = [];
      for (let i = 0; i < 6; i++) if (set & destinations[i].needs) list.push(destinations[i].resolve(settings[i]));
      length += JSON.stringify({ scripts: list }).length;
    }
    return length;
  },
};

const way = ways[mode];
let number = 0, sum = 0;
// Seconds of processor time: on a busy machine the clock on the wall mostly counts the others.
const cpu = since => { const { user, system } = process.cpuUsage(since); return (user + system) / 1e6; };
for (const start = process.cpuUsage(); cpu(start) < 1;) sum += way(settingsOf(number++));
// As for ours: the median of five equal parts.
const rates = [];
for (let slice = 0; slice < 5; slice++) {
  const first = number, start = process.cpuUsage();
  while (cpu(start) < Number(seconds) / 5) sum += way(settingsOf(number++));
  rates.push((number - first) / cpu(start));
}
const rate = rates.sort((a, b) => a - b)[2];
console.log(`${mode}\t${rate.toFixed(0)}\t${sum > 0 ? "" : "nothing"}`);
