/*
 * The loader: what a page without a consent client has in its place. It takes the gated list of a scope and the visitor's consent, and loads, removes and
 * erases accordingly. docs/loader.md says how a page uses it.
 *
 * The text is one expression. It gives the function that tags.js hands its list to; alone, as loader.js, it waits for `consentSnapshots.load`.
 *
 * Names of elements can hide properties of `document` and `window`. For this reason the document is used through its prototype, and what the page said counts only
 * where it is an array, which no element is.
 */
(() => {
  "use strict";

  const name = "consent-snapshots";
  const loader = Symbol.for(name + "/loader");
  // The page has a loader already: of another tag, or of this one, which a client-side router ran again.
  if (window[loader]) return window[loader]();

  const property = (of) => Object.getOwnPropertyDescriptor(Document.prototype, of);
  const get = (of) => property(of).get.call(document);
  const warn = (error) => console.warn(name, error);

  /** What goes wrong here is said, and never thrown into the site's code. */
  function attempt(action) {
    try {
      action();
    } catch (error) {
      warn(error);
    }
  }

  /** By id: the scripts that were inserted. One that must not run twice stays when it is off. */
  const inserted = new Map();
  /** A script that this document adopts is removed from the page, and does not run even if it is under way. */
  const inert = get("implementation").createHTMLDocument("");
  const api = {
    push: (...statements) => attempt(() => say(statements.pop())),
    load,
    get granted() {
      return { ...granted };
    },
    get list() {
      return list;
    },
    get loaded() {
      return [...inserted.keys()].filter((id) => inserted.get(id).isOn);
    },
  };

  let list = { scripts: [] };
  /** Where the list can be asked for again, when it was taken or asked for last, and what waits for the answer. */
  let source, asked, answer;
  let granted = { necessary: true };
  let isAnswered, mayReload, isLeaving, nonce, seen;

  // ---- The visitor's consent ----------------------------------------------------------------------------------------------------

  /** A statement is the visitor's whole consent: what it does not grant is denied. */
  function say(statement, isKept) {
    const before = granted;
    isAnswered = Object(statement) === statement && statement.answered !== false;
    mayReload = statement?.reload !== false;
    const categories = ["functionality", "experience"];
    // The browser's signal counts until the visitor has answered.
    if (isAnswered || ![true, "1"].includes(window.navigator.globalPrivacyControl)) categories.push("measurement", "marketing");
    granted = { necessary: true };
    for (const category of categories) granted[category] = statement?.[category] === true;
    if (isAnswered && !isKept)
      kept((storage) => {
        storage.setItem(name, JSON.stringify({ ...granted, reload: mayReload }));
        seen = storage.getItem(name);
      });
    settle(before);
  }

  /** A page whose storage is closed to it does without. */
  function kept(use) {
    try {
      use(window.localStorage);
    } catch {
      // Other tabs are not told.
    }
  }

  /** Follows what was said in another tab, or on another page while the browser kept this one. */
  function look(event) {
    if (event.key && event.key !== name) return;
    kept((storage) => {
      const text = storage.getItem(name);
      if (text && text !== seen) say(JSON.parse((seen = text)), true);
    });
    if (event.type !== "visibilitychange" || !get("hidden")) settle();
  }

  /** Conditions are c15t's. One that is not understood does not hold. */
  function isMet(condition) {
    if (Array.isArray(condition?.or)) return condition.or.some(isMet);
    if (Array.isArray(condition?.and)) return condition.and.length > 0 && condition.and.every(isMet);
    return typeof condition === "string" && granted[condition] === true;
  }

  // ---- The list -----------------------------------------------------------------------------------------------------------------

  const scopeOf = ({ metadata }) => metadata && metadata.organization + "/" + metadata.environment;

  function take(next) {
    if (!Array.isArray(next.scripts)) throw new Error("no list");
    // A cache may have an older list than the page.
    if (scopeOf(next) === scopeOf(list) && list.metadata?.generatedAt > next.metadata?.generatedAt) return;
    list = next;
    asked = Date.now();
    settle();
  }

  function load(from) {
    attempt(() => {
      if (typeof from === "string") {
        source = new Request(from).url;
        answer = ask();
      } else {
        take(from);
        source = undefined;
      }
    });
    return settle();
  }

  /** Where the answer is no list, whatever its status, the last list stays. */
  async function ask() {
    const url = source;
    asked = Date.now();
    try {
      const patience = new AbortController();
      setTimeout(() => patience.abort(), 5000);
      const response = await fetch(url, { cache: "no-cache", signal: patience.signal });
      const next = await response.json();
      if (url === source) take(next);
    } catch (error) {
      warn(error);
    }
  }

  // ---- The scripts --------------------------------------------------------------------------------------------------------------

  const announce = () => window.dispatchEvent(new Event(name));
  const settle = (before) => update(before || granted).catch(warn);

  /** What may no longer run leaves at once; what may run now is loaded by a list that is not old. */
  async function update(before) {
    const lost = [].concat(list.metadata?.reloadOnRevocation).filter((category) => before[category] && !granted[category]);
    for (const [id, entry] of inserted) {
      if (!entry.isOn || list.scripts.some((script) => script?.id === id && isMet(script.category))) continue;
      entry.isOn = false;
      if (!entry.hasRun || !entry.stays) {
        inserted.delete(id);
        inert.adoptNode(entry.element);
      }
      isLeaving ||= mayReload && lost.some((category) => entry.condition.includes(category));
    }
    announce();
    // The runtime tells vendors as soon as this task has ended.
    setTimeout(() => {
      if (isAnswered) attempt(erase);
      if (isLeaving) location.reload();
    });
    if (source && Math.abs(Date.now() - asked) > 30000) answer = ask();
    if (answer) await answer;
    const { scripts } = list;
    for (const script of scripts)
      attempt(() => {
        // A script that ran just now may have changed everything.
        if (scripts === list.scripts && !isLeaving && isMet(script?.category)) insert(script);
      });
    announce();
  }

  /** Makes the element as the c15t client makes it. */
  function insert(script) {
    const { id, src, attributes } = script;
    if (inserted.has(id)) {
      inserted.get(id).isOn = true;
      return;
    }
    const parent = get(script.target === "body" ? "body" : "head");
    // The body is still to come.
    if (!parent) return;
    const element = Document.prototype.createElement.call(document, "script");
    const entry = { element, isOn: true, hasRun: !src, stays: script.persistAfterConsentRevoked, condition: JSON.stringify(script.category) };
    element.id = name + ":" + id;
    if (src) element.src = src;
    else element.textContent = script.textContent;
    if (script.fetchPriority) element.fetchPriority = script.fetchPriority;
    if (script.async !== undefined) element.async = script.async;
    if (script.defer) element.defer = true;
    if (nonce) element.nonce = nonce;
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    element.addEventListener("load", () => (entry.hasRun = true));
    inserted.set(id, entry);
    parent.appendChild(element);
  }

  // ---- What vendors left --------------------------------------------------------------------------------------------------------

  function erase() {
    for (const entry of list.erase || [])
      for (const kind of isMet(entry.unless) ? [] : ["cookie", "localStorage", "sessionStorage"])
        attempt(() => {
          const storage = kind !== "cookie" && window[kind];
          for (const pair of storage ? Object.keys(storage) : get(kind).split("; ")) {
            const key = storage ? pair : pair.split("=")[0];
            if (!isNamed(key, entry[kind])) continue;
            if (storage) storage.removeItem(key);
            else expire(key);
          }
        });
  }

  const isNamed = (key, pattern) => (pattern?.slice(1).endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern);

  /** A cookie does not say for which domain and path it was set. */
  function expire(cookie) {
    location.hostname.split(".").forEach((_, host, labels) =>
      location.pathname.split("/").forEach((_, depth, folders) => {
        const path = folders.slice(0, depth + 1).join("/");
        for (const where of [path, path + "/"])
          for (const domain of ["", ";domain=" + labels.slice(host).join(".")])
            property("cookie").set.call(document, cookie + "=;max-age=0;path=" + where + domain);
      }),
    );
  }

  // -------------------------------------------------------------------------------------------------------------------------------

  window[loader] = () => {
    const element = get("currentScript");
    nonce ||= element?.nonce;
    attempt(() => {
      const said = window.consentSnapshots;
      window.consentSnapshots = api;
      if (!Array.isArray(said)) return;
      said.push = api.push;
      if (said.length) api.push(...said);
    });
    return (next) =>
      attempt(() => {
        // One page has one scope: scripts of two could not be told apart.
        if (list.metadata && scopeOf(next) !== scopeOf(list)) throw new Error("another scope");
        take(next);
        if (element?.src) source = new URL("scripts.json", element.src).href;
      });
  };

  // What was kept before this page began does not count.
  kept((storage) => (seen = storage.getItem(name)));
  for (const event of ["storage", "pageshow", "visibilitychange", "DOMContentLoaded"]) window.addEventListener(event, look);
  return window[loader]();
})()
