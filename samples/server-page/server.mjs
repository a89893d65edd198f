// The server of a site that writes the list into its pages: a page asks nobody for it, and shows what it should while the edge is down.
// Node.js 20 or newer, without packages:
//
//   LIST_URL=https://edge.example/v1/acme/production/scripts.json PAGE_SCRIPT=dist/page.js PORT=3000 node server.mjs
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const { LIST_URL: listUrl, PAGE_SCRIPT: pageScript, PORT: port = '3000', SECONDS: seconds = '30' } = process.env;
const directives = ['script-src', 'connect-src', 'img-src', 'frame-src', 'style-src', 'font-src', 'worker-src', 'media-src'];

let list = null; // A page that has none asks its visitors about everything, and loads nothing.
let etag;

/** Asks for the list. Where there is no answer, or no list in it, the last one stays. */
async function refresh() {
  try {
    const response = await fetch(listUrl, { headers: etag ? { 'If-None-Match': etag } : {}, signal: AbortSignal.timeout(5000) });
    if (response.status === 304) return;
    if (!response.ok) throw new Error(`the answer is ${response.status}`);
    const next = await response.json();
    if (!Array.isArray(next?.scripts)) throw new Error('the answer is no list');
    list = next;
    etag = response.headers.get('etag');
  } catch (error) {
    console.error(`The list was not read from ${listUrl}: ${error.message}. The last one stays.`);
  }
}

/** The policy of a page: what the list says that its scripts need, and the site's own sources. */
function policy(nonce) {
  const sources = { 'script-src': [`'nonce-${nonce}'`], 'connect-src': ["'self'"], 'style-src': ["'self'"] };
  for (const directive of directives) {
    // A source that could end its directive is none.
    const needed = [list?.metadata?.csp?.[directive] ?? []].flat().filter((source) => /^[!-~]+$/.test(source) && !/[;,]/.test(source));
    sources[directive] = [...(sources[directive] ?? []), ...needed];
  }
  const named = Object.entries(sources).filter(([, values]) => values.length > 0);
  return ["default-src 'none'", "base-uri 'none'", ...named.map(([directive, values]) => `${directive} ${values.join(' ')}`)].join('; ');
}

/** JSON as the text of a script element, which `</script>` or `<!--` in a setting cannot end. */
const inline = (value) => JSON.stringify(value).replaceAll('<', '\\u003C');

const page = (path, nonce) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="astro-view-transitions-enabled" content="true">
<title>A site</title>
<script type="application/json" id="consent-list">${inline(list)}</script>
<script type="module" nonce="${nonce}" src="/page.js"></script>
</head>
<body><main><h1>${path}</h1></main></body>
</html>
`;

const server = createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  const answer = (type, body, headers = {}) => response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff', ...headers }).end(body);
  try {
    if (path === '/page.js') return answer('text/javascript', await readFile(pageScript));
    if (path === '/consent-list.json' && list) return answer('application/json', JSON.stringify(list));
    if (!/^\/[a-z]*$/.test(path)) return response.writeHead(path === '/consent-list.json' ? 503 : 404).end();
    const nonce = randomBytes(16).toString('base64');
    return answer('text/html', page(path, nonce), { 'Content-Security-Policy': policy(nonce) });
  } catch (error) {
    console.error(error.message);
    return response.writeHead(500).end();
  }
});

await refresh();
setInterval(refresh, Number(seconds) * 1000);
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
