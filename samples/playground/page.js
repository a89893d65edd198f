// The page that the scripts run on. It notes what they do, for the playground to show.
(() => {
  const before = new Set(Object.getOwnPropertyNames(window));
  const requests = [];
  const sends = new URLSearchParams(location.search).get("send") === "yes";
  const standIn = "/playground/library?";

  const note = (url, sent) => requests.push({ url, sent });
  // What the policy stopped, and what went out.
  document.addEventListener("securitypolicyviolation", ({ blockedURI }) => {
    if (/^https?:/.test(blockedURI)) note(blockedURI, false);
  });
  new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) {
      const { origin, pathname, search } = new URL(name);
      if (origin !== location.origin) note(name, true);
      else if (pathname + "?" === standIn) note(decodeURIComponent(search.slice(1)), false);
    }
  }).observe({ type: "resource", buffered: true });

  /** An empty library in the place of a vendor's: the vendor's own would send requests. */
  function standInFor(script) {
    const local = (url) => (url.startsWith("https:") ? location.origin + standIn + encodeURIComponent(url) : url);
    const { integrity, ...attributes } = script.attributes ?? {};
    if (attributes["data-config"]) {
      const config = JSON.parse(attributes["data-config"]);
      if (config.load) {
        config.load.src = local(config.load.src);
        delete config.load.attributes?.integrity;
        attributes["data-config"] = JSON.stringify(config);
      }
    }
    return { ...script, ...(script.src && { src: local(script.src) }), attributes };
  }

  const queueNames = ["_i", "q", "queue", "callQueue", "_q"];
  /** A command as a developer would have written it. */
  function show(entry) {
    const plain = (value) => JSON.stringify(value, (_, part) => (typeof part === "function" ? "ƒ" : part), 1)?.replace(/\n */g, " ") ?? String(value);
    const isCall = Array.isArray(entry) || Object.prototype.toString.call(entry) === "[object Arguments]";
    if (!isCall) return plain(entry);
    const [first, ...rest] = entry;
    return typeof first === "string" ? `${first}(${rest.map(plain).join(", ")})` : plain([...entry]);
  }

  window.playground = {
    requests,
    load: (list) => consentSnapshots.load(sends ? list : { ...list, scripts: list.scripts.map(standInFor) }),
    push: (granted) => consentSnapshots.push(granted),

    /** What waits in the vendors' queues, by global. */
    told() {
      const told = [];
      const known = new Set(); // Some vendors have two names for one queue.
      for (const name of Object.getOwnPropertyNames(window).sort((one, other) => one.startsWith("_") - other.startsWith("_"))) {
        const value = window[name];
        if (before.has(name) || name === "playground" || name === "consentSnapshots" || !value || (typeof value !== "object" && typeof value !== "function")) continue;
        if (value instanceof Node || value instanceof Window || known.has(value)) continue;
        known.add(value);
        const queues = [...queueNames.map((inner) => [inner, value[inner]]), ["", value]].filter(([, queue]) => Array.isArray(queue));
        const entries = queues.flatMap(([inner, queue]) => [...queue].map((entry) => (inner === "_i" && Array.isArray(entry) ? show(["init", ...entry]) : show(entry))));
        if (entries.length > 0) told.push({ name, entries });
      }
      return told;
    },
  };
})();
