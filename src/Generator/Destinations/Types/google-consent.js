// Consent Mode v2: https://developers.google.com/tag-platform/security/guides/consent
window[Symbol.for("consent-snapshots/1")]?.run("google", (() => {
  // Google reads commands that are Arguments objects and ignores arrays.
  function command() {
    return arguments;
  }
  const ours = new WeakSet();
  const isForeign = (entry) => Object.prototype.toString.call(entry) === "[object Arguments]" && entry[0] === "consent" && !ours.has(entry);
  const watched = new WeakSet();
  /** By name: the data layers that the tags of the list read. Each is told the state, because a tag looks for it in its own layer only. */
  const layers = new Map();
  let told;

  /** A signal is granted where all its categories are; one that no category grants is denied. */
  function state(member) {
    const signals = {};
    for (const name in member.config.signals) {
      const categories = member.config.signals[name];
      signals[name] = member.is() && categories && categories.every((category) => member.is(category)) ? "granted" : "denied";
    }
    return signals;
  }

  function say(kind, layer) {
    const entry = command("consent", kind, { ...told });
    ours.add(entry);
    layer.push(entry);
  }

  /** Two names may be one array. */
  function sayEverywhere(kind) {
    for (const layer of new Set(layers.values())) say(kind, layer);
  }

  /** Whoever else speaks of consent in a layer (the page, an older consent client) does not have the last word. */
  function watch(name) {
    const array = layers.get(name);
    if (watched.has(array)) return;
    watched.add(array);
    const push = array.push;
    array.push = function () {
      const length = push.apply(array, arguments);
      if (array === layers.get(name)) answer(array, arguments);
      return length;
    };
  }

  /** Says the present state once more, after entries that have a consent command of somebody else. */
  function answer(layer, entries) {
    if (told && [].some.call(entries, isForeign)) say("update", layer);
  }

  function open(name, page) {
    const layer = page.global(name, () => []);
    layers.set(name, layer);
    page.queue(layer, false);
    watch(name);
    // A page that replaces the layer before a tag has read it takes our entries along.
    Object.defineProperty(window, name, {
      configurable: true,
      enumerable: true,
      get: () => layers.get(name),
      set(replacement) {
        const replaced = layers.get(name);
        if (replacement === replaced) return;
        page.replaced(replaced, replacement);
        layers.set(name, replacement);
        if (!Array.isArray(replacement)) return;
        watch(name);
        answer(replacement, replacement);
      },
    });
  }

  return {
    live: (page) => page.found("google_tag_manager"),
    start(member, page) {
      const { layers: names = ["dataLayer"] } = member.config;
      told = undefined;
      for (const name of names) {
        open(name, page);
        const queue = function () {
          window[name].push(arguments);
        };
        if (name === names[0]) page.global("gtag", () => queue);
        if (name !== "dataLayer") page.global(name + "Gtag", () => queue);
      }
      told = state(member);
      const opened = [...new Set(layers.values())];
      sayEverywhere("default");
      for (const layer of opened) answer(layer, layer);
    },
    // What was said in answer to the page stays in its place, and says the present state.
    undo(member) {
      told = state(member);
      for (const layer of layers.values()) for (const entry of layer) if (ours.has(entry)) entry[2] = { ...told };
    },
    tell(member, page) {
      const now = state(member);
      if (JSON.stringify(now) === JSON.stringify(told)) return;
      told = now;
      sayEverywhere("update");
      for (const tag of page.members) if (tag.started && tag.is()) tag.type.updated?.(tag);
    },
  };
})());
