// The playground: shows what a page of a scope loads for a visitor's consent, and why. The scripts run in a page of their own (page.html).
const categories = ["functionality", "experience", "measurement", "marketing"]; // in the bit order of consent sets
const vendors = {
  _hjSettings: "Hotjar", _linkedin_data_partner_ids: "LinkedIn", _paq: "Matomo", $crisp: "Crisp", adobeDataLayer: "Adobe Analytics", amplitude: "Amplitude", analytics: "Segment",
  clarity: "Microsoft Clarity", databuddyConfig: "Databuddy", dataLayer: "Google", fbq: "Meta Pixel", heap: "Heap", hj: "Hotjar", htevents: "Hightouch", Intercom: "Intercom",
  lintrk: "LinkedIn", mixpanel: "Mixpanel", plausible: "Plausible", posthog: "PostHog", rdt: "Reddit", rudderanalytics: "RudderStack", snaptr: "Snapchat", ttq: "TikTok",
  twq: "X", uetq: "Microsoft Advertising", vaq: "Vercel",
};

const $ = (id) => document.getElementById(id);
const page = $("page");
const boxes = categories.map((name) => document.querySelector(`input[name="${name}"]`));
let scope;
let list; // as it is published
let facts; // what the worker knows of it
let answered = false;
let shown = {}; // by place: the text that stands there, so that only what changed is drawn

// ---- Elements -------------------------------------------------------------------------------------------------------------------

/** Makes an element; text never becomes markup. */
function make(name, { className, text, ...rest } = {}, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  Object.assign(element, rest);
  element.append(...children);
  return element;
}

/** Draws a place anew where what it shows has changed; `null` draws nothing. */
function draw(id, value, render) {
  const text = JSON.stringify(value);
  if (shown[id] === text) return;
  shown[id] = text;
  $(id).replaceChildren(...[render(value)].flat());
}

const set = () => categories.filter((_, index) => boxes[index].checked);
const setIndex = () => categories.reduce((sum, _, index) => sum + (boxes[index].checked ? 1 << index : 0), 0);

/** A condition as chips: "measurement and experience". */
function chips(condition) {
  if (typeof condition === "string") return [make("b", { className: `chip ${condition}`, text: condition })];
  const word = condition.and ? " and " : " or ";
  return (condition.and ?? condition.or).flatMap((part, index) => [...(index > 0 ? [word] : []), ...chips(part)]);
}

// ---- The page that the scripts run on -------------------------------------------------------------------------------------------

/** A page that knows nothing yet: the visitor comes to it, with the answer that was given before. */
function visit() {
  page.src = `page.html?${new URLSearchParams({ scope, send: $("send").checked ? "yes" : "no" })}`;
}

page.addEventListener("load", () => {
  const { playground } = page.contentWindow;
  if (!playground || !list) return;
  if (answered) tell();
  playground.load(list);
});

function tell() {
  answered = true;
  page.contentWindow.playground?.push(Object.fromEntries(categories.map((name) => [name, set().includes(name)])));
}

// ---- What is shown --------------------------------------------------------------------------------------------------------------

function drawScripts() {
  const running = page.contentWindow?.consentSnapshots?.loaded ?? [];
  const scripts = list.scripts.map((script, index) => ({ ...script, loaded: running.includes(script.id), by: facts.scripts[index] }));
  $("script-count").textContent = `${scripts.filter(({ loaded }) => loaded).length} of ${scripts.length} load`;
  const open = new Set([...document.querySelectorAll("#scripts details[open]")].map(({ dataset }) => dataset.id));
  draw("scripts", scripts, () => scripts.map((script) => drawScript(script, open.has(script.id))));
  draw("left-out", facts.without, () => facts.without.map(({ name, type, reason }) => make("li", {}, make("div", { className: "row" }, make("span", { className: "name", text: name || type })), make("p", { className: "why problem", text: reason }))));
  $("left-out-title").hidden = facts.without.length === 0;
}

function drawScript({ id, category, src, textContent, attributes, loaded, by }, open) {
  const why =
    id === "consent-snapshots"
      ? ["Tells vendors the visitor's consent before their libraries load. It is there because scripts below need it."]
      : by.destinations.map(({ name, type }) => `${name || type} (${type})`).join(", ");
  const code = [src && `src: ${src}`, ...Object.entries(attributes ?? {}).map(([name, value]) => `${name}: ${pretty(value)}`), textContent].filter(Boolean).join("\n\n");
  const details = make("details", { open }, make("summary", { text: src ? "External script" : "Inline script" }), make("pre", { text: code, tabIndex: 0 }));
  details.dataset.id = id;
  return make(
    "li",
    { className: loaded ? "loaded" : "" },
    make("div", { className: "row" }, make("span", { className: "name", text: id }), ...chips(category), make("span", { className: "state", text: loaded ? "loads" : "waits" })),
    make("p", { className: "why" }, ...[why].flat()),
    details,
  );
}

function pretty(value) {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

function drawSet() {
  const index = setIndex();
  $("set").textContent = `${set().join("-") || "necessary"} (index ${index})`;
  $("snapshot").textContent = facts.snapshots[index];
  $("version").textContent = `version ${list.metadata.version}, ${new Date(list.metadata.generatedAt).toLocaleString()}`;
  draw("policy", facts.policies[index], (policy) => make("span", { text: Object.entries(policy).map(([name, sources]) => `${name} ${sources.join(" ")}`).join(";\n") || "Nothing beyond the page itself." }));
}

function drawPage() {
  drawScripts();
  const observed = page.contentWindow?.playground;
  const told = observed?.told() ?? [];
  draw("told", told, () =>
    told.length === 0
      ? make("p", { className: "none", text: "No vendor has been told anything." })
      : told.map(({ name, entries }) => {
          const title = make("h3", {}, vendors[name] ? `${vendors[name]} ` : "", make("code", { text: `window.${name}` }));
          return make("div", { className: "told" }, title, make("ol", {}, ...entries.map((text) => make("li", { text, className: "fresh" }))));
        }),
  );
  const requests = observed?.requests ?? [];
  $("request-count").textContent = requests.length > 0 ? `${requests.length}` : "";
  draw("requests", requests, () =>
    requests.length === 0
      ? make("li", { className: "none", text: "No vendor has been asked for anything." })
      : requests.map(({ url, sent }) => make("li", {}, make("span", { className: "url", text: url }), make("span", { className: sent ? "sent" : "kept", text: sent ? "sent" : "not sent" }))),
  );
}

function drawSend() {
  $("send-note").textContent = $("send").checked
    ? "Vendors' libraries are loaded from their hosts, under the policy of the list."
    : "Nothing leaves this machine: an empty file stands in for each vendor's library.";
}

function drawAll() {
  if (!list) return;
  drawSet();
  drawPage();
}

// ---- What is published ----------------------------------------------------------------------------------------------------------

async function get(url) {
  const response = await fetch(url, { cache: "no-cache" });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).message ?? `${url}: ${response.status}`);
  return response.json();
}

async function follow() {
  const asked = scope;
  try {
    const now = await get(`/v1/${asked}/scripts.json`);
    const known = await get(`scopes/${asked}`);
    if (asked !== scope) return;
    const isNew = JSON.stringify(now) !== JSON.stringify(list);
    if (isNew || JSON.stringify(known) !== JSON.stringify(facts)) {
      if (list && isNew) $("news").textContent = `Version ${now.metadata.version} was published. The page was loaded anew.`;
      // The scripts' places in the list and in what the worker knows are the same only within one version.
      if (known.version === now.metadata.version) {
        [list, facts] = [now, known];
        if (isNew) visit();
        drawAll();
      }
    } else if ($("news").classList.contains("problem")) $("news").textContent = "";
    $("news").classList.remove("problem");
  } catch (error) {
    $("news").classList.add("problem");
    $("news").textContent = error instanceof TypeError ? "dev.cs does not answer. Is it running?" : error.message;
  }
}

function choose(next) {
  scope = next;
  [list, facts, shown] = [undefined, undefined, {}];
  history.replaceState(null, "", `#${scope}`);
  $("news").textContent = "";
  return follow();
}

function consent(granted) {
  for (const [index, name] of categories.entries()) boxes[index].checked = granted.includes(name);
}

for (const box of boxes) box.addEventListener("change", () => (tell(), drawAll()));
$("all").addEventListener("click", () => (consent(categories), tell(), drawAll()));
$("none").addEventListener("click", () => (consent([]), tell(), drawAll()));
$("again").addEventListener("click", () => {
  consent([]);
  answered = false;
  localStorage.clear();
  visit();
  drawAll();
});
$("send").addEventListener("change", () => (drawSend(), visit()));
$("scope").addEventListener("change", ({ target }) => choose(target.value));

const { scopes, file } = await get("scopes");
$("file").textContent = file;
$("scope").append(...scopes.map((name) => make("option", { text: name, value: name })));
const wanted = decodeURIComponent(location.hash.slice(1));
$("scope").value = scopes.includes(wanted) ? wanted : scopes[0] ?? "";
drawSend();
if (scopes.length === 0) $("news").textContent = "The file has no organization yet.";
else await choose($("scope").value);
setInterval(() => scope && follow(), 1000);
setInterval(() => list && drawPage(), 250);
