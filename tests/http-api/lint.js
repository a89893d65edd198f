// Holds docs/openapi.yaml, or the documents that are named, to Redocly's recommended rules. Exit code 1 if something is found.
import { createConfig, lint } from '@redocly/openapi-core';
import { path } from './document.js';

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // The edge has no licence of its own beside its repository's, and everything that it answers is public.
    'info-license': 'off',
    'security-defined': 'off',
    // The examples are for an edge on the reader's own machine.
    'no-server-example.com': 'off',
    // Health has no error of the client's, and neither has a preflight.
    'operation-4xx-response': 'off',
  },
});
const documents = process.argv.length > 2 ? process.argv.slice(2) : [path];
let found = 0;
for (const ref of documents) {
  for (const problem of await lint({ ref, config })) {
    const place = problem.location[0];
    // It is what `x-other-methods` refers to, on which the linter does not look.
    if (problem.ruleId === 'no-unused-components' && place.pointer === '#/components/responses/MethodNotAllowed') continue;
    console.error(`${ref}${place?.pointer ?? ''}: ${problem.message} (${problem.ruleId})`);
    found++;
  }
}
if (found > 0) process.exitCode = 1;
else console.log(`${documents.length} ${documents.length === 1 ? 'document has' : 'documents have'} no problem.`);
