// Builds the page of compose.yaml: node build.mjs FOLDER
//
// Its consent code is that of docs/c15t-react.md and docs/c15t.md, as it stands there. What is put in its place is what a site's developer puts there: the list's address, and how the
// visitor's answer is kept. This page has no c15t backend, so the client keeps the answer in the browser, and asks as the law of the European Union wants it.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const organization = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'; // That of destinations.sql.
const documents = process.env.DOCUMENTS ?? '../../docs';
const folder = process.argv[2] ?? 'dist';

/** The files of a document: code blocks whose first line is a comment with a file's name. */
async function filesOf(document) {
  const text = await readFile(join(documents, document), 'utf8');
  return [...text.matchAll(/^```jsx?\n(\/\/ (\S+)\n[\s\S]*?)^```$/gm)].map(([, code, name]) => [name, code]);
}

function put(files, name, replacements) {
  let code = files.get(name);
  if (!code) throw new Error(`The documents have no file ${name}.`);
  for (const [old, text] of replacements) {
    if (!code.includes(old)) throw new Error(`${name} does not have: ${old}`);
    code = code.replaceAll(old, text);
  }
  files.set(name, code);
}

const files = new Map((await Promise.all(['c15t.md', 'c15t-react.md'].map(filesOf))).flat());
put(files, 'consent.jsx', [
  ["mode: 'hosted', backendURL: 'https://your-instance.c15t.dev'", "mode: 'offline', offlinePolicy: { policyPacks: [policyPackPresets.europeOptIn()] }, overrides: { country: 'DE' }"],
  ['ConsentManagerProvider } from', 'ConsentManagerProvider, policyPackPresets } from'],
  ['https://edge.example/v1/acme/production/scripts.json', `/v1/${organization}/production/scripts.json`],
  [", { record: '/consent-records' }", ''],
]);

const work = await mkdtemp('page-');
try {
  for (const name of ['consent-list.js', 'consent.jsx', 'site.jsx']) await writeFile(join(work, name), files.get(name));
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [join(work, 'site.jsx')],
    outfile: join(folder, 'site.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'page.js', 'page.css']) await cp(name, join(folder, name));
} finally {
  await rm(work, { recursive: true });
}
