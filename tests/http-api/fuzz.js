// Generates requests from docs/openapi.yaml, sends them to edges, and holds every answer against the document: its status, headers and body. What a parameter's schema describes is
// generated, and texts that it does not. Prints what was answered; the exit code is 0 only if every answer was as described.
//
//   node fuzz.js [--runs N] [--seed S] [--document FILE] [--all-answers] URL [redirect=URL] [down=URL]
//
// URL is an edge that has what the document's examples name (acme/production); redirect=URL one with Edge__Mode=redirect, and down=URL one whose store cannot be read. --all-answers:
// each answer to GET that the document has must have been seen, and the first one to HEAD and OPTIONS.
import http from 'node:http';
import zlib from 'node:zlib';
import { parseArgs } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { path, read, resolve } from './document.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    document: { type: 'string', default: path },
    'all-answers': { type: 'boolean', default: false },
  },
});
const edges = positionals.map((text) => /^(redirect|down)=/.test(text) ? { kind: text.split('=')[0], url: new URL(text.slice(text.indexOf('=') + 1)) } : { kind: 'usual', url: new URL(text) });
if (edges.length === 0 || !(Number(options.runs) > 0)) {
  console.error('usage: node fuzz.js [--runs N] [--seed S] [--document FILE] [--all-answers] URL [redirect=URL] [down=URL]');
  process.exit(2);
}

const document = await read(options.document);
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(withoutDialects(document), 'document');
const validators = new Map();
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const seen = new Map();
const broken = new Set(document['x-web-server-answers']);
// What HTTP itself, and not the edge, says of a message.
const transport = new Set(['date', 'connection', 'keep-alive', 'content-length', 'content-type', 'transfer-encoding']);

const operations = Object.entries(document.paths).flatMap(([template, item]) => ['get', 'head', 'options'].map((method) => ({
  method: method.toUpperCase(),
  template,
  operation: item[method],
  parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map((parameter) => resolve(document, parameter)),
})));

/** The part of the document at a place, as a check of values. */
function check(pointer, value) {
  if (!validators.has(pointer)) validators.set(pointer, ajv.compile({ $ref: `document#${pointer}` }));
  const validate = validators.get(pointer);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

function withoutDialects(part) {
  if (Array.isArray(part)) return part.map(withoutDialects);
  if (part === null || typeof part !== 'object') return part;
  return Object.fromEntries(Object.entries(part).filter(([name]) => name !== '$schema').map(([name, value]) => [name, withoutDialects(value)]));
}

/** Where a part of the document is, references followed. */
function place(pointer) {
  let at = document;
  let where = '';
  for (const name of pointer) {
    at = at[name];
    where += `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (at?.$ref) {
      where = at.$ref.slice(1);
      at = resolve(document, at);
    }
  }
  return where;
}

// A text as somebody writes it by mistake, or to do harm.
const oddText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('', ' ', '.', '..', '%', '%00', '/', '\\', '{', '[]', '{}', 'null', 'true', '"', ',', '*', 'a'.repeat(3000), '\u202e', '<script>', "' or 1=1--"),
).filter((text) => text.isWellFormed());

/** Texts that a schema describes. */
function described(schema) {
  if (schema.const !== undefined) return fc.constant(String(schema.const));
  if (schema.enum) return fc.constantFrom(...schema.enum.map(String));
  if (schema.type === 'boolean') return fc.constantFrom('true', 'false');
  if (schema.contentSchema) return fc.dictionary(fc.oneof(fc.constantFrom('necessary', 'functionality', 'experience', 'measurement', 'marketing'), fc.string({ unit: 'grapheme-ascii', maxLength: 5 })), fc.boolean(), { maxKeys: 6, noNullPrototype: true }).map((value) => JSON.stringify(value));
  if (schema.oneOf) return fc.oneof(...schema.oneOf.map(described));
  if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern));
  if (schema.examples) return fc.constantFrom(...schema.examples);
  return fc.string({ unit: 'grapheme-ascii' });
}

/** Texts near to what a schema describes: with a piece taken out, doubled, or put in. */
function near(schema) {
  return fc.tuple(described(schema), fc.nat(), fc.nat(3), oddText).map(([text, at, how, odd]) => {
    const index = at % (text.length + 1);
    return [text.slice(0, index) + text.slice(index + 1), text + text, text.slice(0, index) + odd.slice(0, 8) + text.slice(index), text.toUpperCase()][how];
  }).filter((text) => text.isWellFormed());
}

function valuesOf(parameter) {
  const example = parameter.example ?? Object.values(parameter.examples ?? {})[0]?.value;
  const usual = example === undefined ? [] : [{ weight: 20, arbitrary: fc.constant(String(example)) }];
  return fc.oneof(...usual, { weight: 5, arbitrary: described(parameter.schema) }, { weight: 1, arbitrary: near(parameter.schema) }, { weight: 1, arbitrary: oddText });
}

// No header may have a line break, and Node sends Latin-1 only.
const asHeader = (text) => text.replace(/[^\x21-\x7e ]/g, '').trim();

/** How often a parameter that may be left out is there. */
const presence = (parameter) => parameter.name.startsWith('If-') || ['necessary', 'functionality', 'experience', 'measurement', 'marketing'].includes(parameter.name) ? 12 : 1.4;

function argumentsOf(parameter) {
  const value = valuesOf(parameter);
  if (parameter.in === 'path') return value.map((text) => [text]);
  const absent = Math.round(10 - 10 / presence(parameter));
  return fc.oneof({ weight: absent, arbitrary: fc.constant([]) }, { weight: 10 - absent, arbitrary: value.map((text) => [text]) }, ...(parameter.in === 'query' ? [{ weight: 1, arbitrary: fc.tuple(value, value) }] : []));
}

// Most of what is to be seen is in answers to GET.
const request = fc.constantFrom(...operations.flatMap((operation) => Array({ GET: 5, HEAD: 2, OPTIONS: 1 }[operation.method]).fill(operation))).chain((operation) => fc.record({
  operation: fc.constant(operation),
  edge: fc.constantFrom(...edges, ...edges.filter((edge) => edge.kind === 'usual').flatMap((edge) => [edge, edge, edge])),
  given: fc.tuple(...operation.parameters.map(argumentsOf)),
  // Now and then a method that the document does not have, or what the client has got by now.
  method: fc.oneof({ weight: 30, arbitrary: fc.constant(operation.method) }, { weight: 1, arbitrary: fc.constantFrom('POST', 'PUT', 'DELETE', 'PATCH', 'PURGE') }),
  again: fc.constantFrom(null, null, null, 'If-None-Match', 'If-Match'),
}));

function targetOf({ operation, given }) {
  let path = operation.template;
  const query = [];
  const headers = {};
  operation.parameters.forEach((parameter, index) => {
    for (const value of given[index]) {
      if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, () => encodeURIComponent(value).replaceAll('%2F', parameter['x-allow-slashes'] ? '/' : '%2F'));
      else if (parameter.in === 'query') query.push(`${parameter.name}=${encodeURIComponent(value)}`);
      else headers[parameter.name] = asHeader(value);
    }
  });
  return { path: query.length > 0 ? `${path}?${query.join('&')}` : path, headers };
}

function send(url, method, path, headers) {
  return new Promise((answered, failed) => {
    const sent = http.request({ host: url.hostname, port: url.port, method, path, headers, agent, timeout: 30_000 }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => answered({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
      answer.on('error', failed);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer for 30 seconds')));
    sent.on('error', failed);
    sent.end();
  });
}

/** Everything about an answer that the document does not say. */
function differences({ operation }, method, answer) {
  const found = [];
  const isHead = method === 'HEAD';
  const isOther = !['GET', 'HEAD', 'OPTIONS'].includes(method);
  const pointer = isOther ? (answer.status === 405 ? ['x-other-methods'] : null) : ['paths', operation.template, method.toLowerCase(), 'responses', answer.status];
  const description = pointer && pointer.reduce((at, name) => resolve(document, at?.[name]), document);
  if (!description) {
    // What is no HTTP for the web server never reaches the edge.
    if (broken.has(answer.status) && answer.body.length === 0 && !answer.headers['content-type']) return found;
    // A path of another shape than the template's is another path.
    if (answer.status === 404 && isOther) return found;
    return [`the status ${answer.status} is not described`];
  }
  const at = (...more) => place([...pointer, ...more]);
  for (const [name, described] of Object.entries(description.headers ?? {})) {
    const value = answer.headers[name.toLowerCase()];
    if (value === undefined) {
      if (resolve(document, described).required) found.push(`the header ${name} is missing`);
      continue;
    }
    const wrong = check(at('headers', name, 'schema'), value);
    if (wrong) found.push(`the header ${name} is '${value}': ${wrong}`);
  }
  const known = new Set(Object.keys(description.headers ?? {}).map((name) => name.toLowerCase()));
  for (const name of Object.keys(answer.headers)) if (!known.has(name) && !transport.has(name)) found.push(`the header ${name} is not described`);
  if (isHead || !description.content) {
    if (answer.body.length > 0) found.push(`there is a body of ${answer.body.length} bytes`);
    return found;
  }
  const type = answer.headers['content-type'];
  if (!description.content[type]) return [...found, `the type '${type}' is not described`];
  const coding = answer.headers['content-encoding'];
  const text = (coding === 'br' ? zlib.brotliDecompressSync(answer.body) : coding === 'gzip' ? zlib.gunzipSync(answer.body) : answer.body).toString('utf8');
  let value = text;
  if (type === 'application/json') {
    try {
      value = JSON.parse(text);
    } catch (exception) {
      return [...found, `the body is no JSON: ${exception.message}`];
    }
  }
  const wrong = check(at('content', type, 'schema'), value);
  if (wrong) found.push(`the body: ${wrong}`);
  answer.value = value;
  return found;
}

const categories = ['functionality', 'experience', 'measurement', 'marketing'];

/** What the request grants, if it is one that the document describes and nothing else; else null. */
function granted({ operation, given }) {
  const query = new Map(operation.parameters.map((parameter, index) => [parameter.name, given[index]]).filter(([, values]) => values.length > 0));
  for (const [name, values] of query) {
    const index = operation.parameters.findIndex((parameter) => parameter.name === name);
    const parameter = operation.parameters[index];
    if (parameter.in === 'header') continue;
    if (values.length > 1) return null;
    const schema = parameter.schema;
    const value = schema.type === 'boolean' ? { true: true, false: false }[values[0]] : values[0];
    if (value === undefined || !ajv.validate(withoutDialects(schema), value)) return null;
    if (parameter.example !== undefined && ['organization', 'environment', 'organizationId', 'name'].includes(name) && value !== parameter.example) return null;
  }
  if (operation.template === '/analytics/scripts' && !(query.has('organizationId') && query.has('environment'))) return null;
  if (!operation.parameters.some((parameter) => parameter.name === 'consent')) {
    const set = query.get('set')?.[0];
    return new Set(set?.split('-') ?? []);
  }
  const apart = ['necessary', ...categories].filter((name) => query.has(name));
  if (query.has('consent') === apart.length > 0) return null;
  if (apart.length > 0) return new Set(apart.filter((name) => query.get(name)[0] === 'true'));
  const consent = query.get('consent')[0];
  if (consent.startsWith('{')) {
    let value;
    try {
      value = JSON.parse(consent);
    } catch {
      return null;
    }
    if (Object.values(value).some((given) => typeof given !== 'boolean')) return null;
    return new Set(Object.keys(value).filter((name) => value[name]));
  }
  const names = consent.split(',');
  return new Set(names).size === names.length ? new Set(names) : null;
}

function pathIsDescribed({ operation, given }) {
  return operation.parameters.every((parameter, index) => parameter.in !== 'path' || ajv.validate(withoutDialects(parameter.schema), given[index][0]));
}

const etags = new Map();

function count(method, operation, answer) {
  const key = `${method} ${operation.template} ${answer.status}`;
  seen.set(key, (seen.get(key) ?? 0) + 1);
}

async function judge(generated) {
  const { operation, edge, method, again } = generated;
  const { path, headers } = targetOf(generated);
  if (again && etags.has(operation.template) && operation.parameters.some((parameter) => parameter.name === again)) headers[again] = etags.get(operation.template);
  const what = `${method} ${path} ${JSON.stringify(headers)} to the ${edge.kind} edge`;
  const answer = await send(edge.url, method, path, headers);
  const found = differences(generated, method, answer);
  count(method, operation, answer);

  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead && !pathIsDescribed(generated) && answer.status !== 404 && !broken.has(answer.status)) found.push(`a path that the document does not describe gets ${answer.status}`);
  const consent = granted(generated);
  if (isRead && edge.kind === 'usual' && consent && [400, 404, 503].includes(answer.status)) found.push(`a request that the document describes gets ${answer.status}`);
  if (isRead && edge.kind === 'redirect' && [200, 304].includes(answer.status) && !/^\/(health|public)\//.test(operation.template)) found.push(`an edge that redirects gets ${answer.status}`);
  if (method === 'GET' && answer.status === 200 && consent && answer.value?.metadata?.consent && edge.kind === 'usual') {
    for (const category of categories)
      if (answer.value.metadata.consent[category] !== consent.has(category)) found.push(`the consent is understood as ${JSON.stringify(answer.value.metadata.consent)}`);
  }
  if (method === 'GET' && answer.status === 200 && answer.headers.etag) {
    etags.set(operation.template, answer.headers.etag);
    const conditional = { ...Object.fromEntries(Object.entries(headers).filter(([name]) => name === 'Accept-Encoding')), 'If-None-Match': answer.headers.etag };
    const second = await send(edge.url, 'GET', path, conditional);
    count('GET', operation, second);
    found.push(...differences(generated, 'GET', second));
    if (second.status !== 304 || second.headers.etag !== answer.headers.etag) found.push(`asked again with its ETag, it gets ${second.status}`);
    const head = await send(edge.url, 'HEAD', path, headers);
    for (const name of ['etag', 'content-length', 'content-type', 'content-encoding', 'cache-control', 'last-modified', 'vary'])
      if (head.headers[name] !== answer.headers[name]) found.push(`HEAD has ${name} '${head.headers[name]}', and GET '${answer.headers[name]}'`);
  }
  if (found.length > 0) throw new Error(`${what}:\n  ${found.join('\n  ')}\n  ${answer.status} ${JSON.stringify(answer.headers)} ${answer.body.subarray(0, 300)}`);
}

const outcome = await fc.check(fc.asyncProperty(request, judge), { numRuns: Number(options.runs), seed: Number(options.seed), endOnFailure: false });
agent.destroy();
const byStatus = {};
for (const [key, count] of seen) byStatus[key.split(' ')[2]] = (byStatus[key.split(' ')[2]] ?? 0) + count;
console.log(`openapi: ${outcome.numRuns} requests from the document, seed ${options.seed}: ${Object.entries(byStatus).map(([status, count]) => `${status} × ${count}`).join(', ')}`);
if (outcome.failed) {
  console.error(outcome.errorInstance?.message ?? outcome.error);
  process.exitCode = 1;
} else if (options['all-answers']) {
  const missed = operations.flatMap(({ method, template, operation }) => (method === 'GET' ? Object.keys(operation.responses) : [Object.keys(operation.responses)[0]]).map((status) => `${method} ${template} ${status}`)).filter((key) => !seen.has(key));
  if (missed.length > 0) {
    console.error(`Described, and never seen in this run:\n  ${missed.join('\n  ')}`);
    process.exitCode = 1;
  }
}
