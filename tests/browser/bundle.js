// Bundles the code of a page, as a site's own build would: node bundle.js ENTRY OUTFILE [VERSION [MODE]]
//
// The code may stand anywhere; the packages that it imports are those installed here. VERSION 1.8.6 puts that version of the c15t
// client in the place of the newest one; an empty one does not. MODE is what libraries are built for: production, or development with its checks.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [entry, outfile, version, mode = "production"] = process.argv.slice(2);
const packages = fileURLToPath(new URL("node_modules", import.meta.url));

await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  nodePaths: [packages],
  alias: version ? { c15t: `c15t-${version}`, "@c15t/react": `c15t-react-${version}` } : {},
  define: { "process.env.NODE_ENV": JSON.stringify(mode) },
  logLevel: "warning",
});
