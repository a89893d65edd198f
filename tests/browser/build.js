// Bundles what the browser tests put on their pages: the consent clients, client-side routers, vendors' real libraries, a checker of accessibility, and
// what draws the documents' diagrams.
//
// package-lock.json holds Astro and c15t 1.8.6 without most of their dependencies: a page loads only Astro's client router and c15t's
// browser client, and the rest (build tools, a server) is several hundred megabytes. Mermaid's file for pages has everything in it, so
// it stands there without dependencies, too. `npm ci` installs exactly what the lock file says.
import { copyFile, mkdir } from "node:fs/promises";
import { build } from "esbuild";

const bundle = (name, contents, options = {}) =>
  build({
    stdin: { contents, resolveDir: ".", sourcefile: `${name}.js` },
    bundle: true,
    format: "iife",
    target: "es2022",
    outfile: `dist/${name}.js`,
    logLevel: "warning",
    ...options,
  });

// What Astro's own build puts in the place of these names in a production build.
const astro = {
  define: { "import.meta.env.SSR": "false", "import.meta.env.DEV": "false" },
  plugins: [
    {
      name: "astro-adapter",
      setup(build) {
        build.onResolve({ filter: /^virtual:astro:/ }, ({ path }) => ({ path, namespace: "astro" }));
        build.onLoad({ filter: /.*/, namespace: "astro" }, () => ({ contents: "export const internalFetchHeaders = {};" }));
      },
    },
  ],
};

await mkdir("dist", { recursive: true });
await Promise.all([
  build({ entryPoints: ["entry.js"], bundle: true, format: "iife", target: "es2022", outfile: "dist/c15t.js", logLevel: "warning" }),
  bundle("c15t-1.8.6", `import * as c15t from "c15t-1.8.6"; window.c15t = c15t;`),
  bundle("astro", `import { navigate } from "./node_modules/astro/dist/transitions/router.js"; window.router = navigate;`, astro),
  bundle("turbo", `import * as turbo from "@hotwired/turbo"; window.router = url => turbo.visit(url);`),
  bundle("swup", `import Swup from "swup"; import HeadPlugin from "@swup/head-plugin";
    const swup = new Swup({ containers: ["main"], plugins: [new HeadPlugin()], animationSelector: false }); window.router = url => swup.navigate(url);`),
  bundle("htmx", `import htmx from "htmx.org"; import "htmx-ext-head-support"; window.htmx = htmx;
    window.router = url => htmx.ajax("GET", url, { target: "main", select: "main", swap: "outerHTML" });`),
  // What the vendor's loader puts on its global; the npm package only exports it.
  bundle("rudderstack", `import { RudderAnalytics } from "@rudderstack/analytics-js/bundled"; window.rudderanalytics = new RudderAnalytics();`),
  ...[
    ["posthog-js/dist/array.js", "posthog.js"],
    ["mixpanel-browser/dist/mixpanel.min.js", "mixpanel.js"],
    ["@amplitude/analytics-browser/lib/scripts/amplitude-min.js", "amplitude.js"],
    ["clarity-js/build/clarity.min.js", "clarity.js"],
    ["@segment/analytics-next/dist/umd/standalone.js", "segment.js"],
    ["@ht-sdks/events-sdk-js-browser/dist/umd/events.min.js", "hightouch.js"],
    ["axe-core/axe.min.js", "axe.js"],
    ["mermaid/dist/mermaid.min.js", "mermaid.js"],
  ].map(([from, to]) => copyFile(`node_modules/${from}`, `dist/${to}`)),
]);
