#!/usr/bin/env node
// licences.mjs [--check]: writes docs/licences.md, the licence of every package that a lock file names, direct or not. With --check it writes nothing, and fails where the document is not what it
// would write. Needs the restored solution (dotnet restore Consent.Snapshots.sln --locked-mode).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const document = 'docs/licences.md';

// These packages have a file in the place of a licence's name. What the file is was read by a person.
const read = {
  'Apache.Arrow': 'Apache-2.0',
  CommandLineParser: 'MIT',
  'Microsoft.DotNet.PlatformAbstractions': 'MIT',
  NUglify: 'BSD-2-Clause',
  'System.Security.Cryptography.ProtectedData': 'MIT',
};

const fail = (text) => {
  console.error(`licences: ${text}`);
  process.exit(1);
};

const licenceOf = ({ name, licenses = [] }) => {
  const named = licenses.map(({ expression, license }) => expression ?? license?.id).filter(Boolean);
  return named.length > 0 ? named.join(' AND ') : (read[name] ?? fail(`${name} names no licence: read the one in its package, and add it to the list in eng/licences.mjs`));
};

function componentsOf(project) {
  const folder = mkdtempSync(join(tmpdir(), 'licences-'));
  try {
    execFileSync('dotnet', ['dotnet-CycloneDX', project, '--disable-package-restore', '--output', folder, '--filename', 'bom.json', '--output-format', 'Json'], { stdio: ['ignore', 'ignore', 'inherit'] });
    return JSON.parse(readFileSync(join(folder, 'bom.json'), 'utf8')).components;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const byName = (a, b) => a.localeCompare(b, 'en');
const table = (head, rows) => [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');

/** One row for each licence. */
function grouped(packages) {
  const licences = Map.groupBy ? Map.groupBy(packages, ([, licence]) => licence) : packages.reduce((map, one) => map.set(one[1], [...(map.get(one[1]) ?? []), one]), new Map());
  return table(['licence', 'packages'], [...licences].sort(([a], [b]) => byName(a, b)).map(([licence, of]) => [licence, [...new Set(of.map(([name]) => name))].sort(byName).join(', ')]));
}

execFileSync('dotnet', ['tool', 'restore'], { stdio: 'ignore' });
const shipped = new Map();
for (const [project, program] of [['src/Worker/Worker.csproj', 'worker'], ['src/EdgeApi/EdgeApi.csproj', 'edge']])
  for (const component of componentsOf(project))
    if (component.scope !== 'excluded') {
      const { name, version } = component;
      const entry = shipped.get(`${name} ${version}`) ?? { name, version, licence: licenceOf(component), programs: [] };
      entry.programs.push(program);
      shipped.set(`${name} ${version}`, entry);
    }
const others = componentsOf('Consent.Snapshots.sln').filter(({ name, version }) => !shipped.has(`${name} ${version}`));

const locks = execFileSync('git', ['ls-files', '*package-lock.json'], { encoding: 'utf8' }).trim().split('\n');
const npm = locks.map((lock) => {
  const { packages } = JSON.parse(readFileSync(lock, 'utf8'));
  const entries = Object.entries(packages).filter(([path]) => path !== '');
  // A package that is installed under another name says its own.
  return [dirname(lock), entries.map(([path, { name, version, license }]) => [`${name ?? path.replace(/^.*node_modules\//, '')} ${version}`, license ?? fail(`${path} in ${lock} names no licence`)])];
});

const text = `# Licences

The licence of every package that a lock file names, direct or not. Written by \`eng/licences.mjs\`; a build fails where it is not up to date. Why each direct one is there:
[dependencies](dependencies.md).

## In the programs

What is part of the worker, of the edge, or of both. The .NET runtime and ASP.NET Core beside them are MIT.

${table(['package', 'version', 'licence', 'in'], [...shipped.values()].sort((a, b) => byName(a.name, b.name)).map(({ name, version, licence, programs }) => [name, version, licence, programs.join(', ')]))}

## In the build, the tests and the benchmarks

${grouped(others.map((component) => [`${component.name} ${component.version}`, licenceOf(component)]))}

## npm

None of these is part of the worker or the edge.
${npm.map(([folder, packages]) => `\n### ${folder}\n\n${grouped(packages)}\n`).join('')}`;

if (!process.argv.includes('--check')) writeFileSync(document, text);
else if (readFileSync(document, { encoding: 'utf8', flag: 'a+' }) !== text) fail(`${document} is not up to date: run eng/licences.mjs`);
