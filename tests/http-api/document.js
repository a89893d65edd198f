// docs/openapi.yaml as one document, with the schemas of docs/formats in it.
import { fileURLToPath } from 'node:url';
import { bundle, createConfig } from '@redocly/openapi-core';

export const path = fileURLToPath(new URL('../../docs/openapi.yaml', import.meta.url));

/** Reads the document, or the one in its place. */
export async function read(ref = path) {
  const { bundle: bundled, problems } = await bundle({ ref, config: await createConfig({}) });
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((problem) => problem.message).join('\n'));
  return bundled.parsed;
}

/** What a reference means; what is no reference means itself. */
export function resolve(document, part) {
  while (part?.$ref) {
    part = part.$ref.slice(2).split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~')).reduce((at, name) => at[name], document);
  }
  return part;
}
