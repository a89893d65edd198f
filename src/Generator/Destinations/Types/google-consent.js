// Consent Mode v2: https://developers.google.com/tag-platform/security/guides/consent
window[Symbol.for("consent-snapshots/1")]?.run("google", (() => {
  // Google reads commands that are Arguments objects and ignores arrays.
  function command() {
    return arguments;
  }
  const ours = new WeakSet();
  const isForeign = (entry) => Object.prototype.toString.call(entry) === "[object Arguments]" && entry[0] === "consent" && !ours.has(entry);
  const watched = new WeakSet();
  let layer;
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

  function say(kind) {
    const entry = command("consent", kind, { ...told });
    ours.add(entry);
    layer.push(entry);
  }

  /** Whoever else speaks of consent in this layer (the page, an older consent client) does not have the last word. */
  function watch() {
    if (watched.has(layer)) return;
    watched.add(layer);
    const array = layer;
    const push = array.push;
    array.push = function () {
      const length = push.apply(array, arguments);
      if (array === layer) answer(arguments);
      return length;
    };
  }

  /** Says the present state once more, after entries that have a consent command of somebody else. */
  function answer(entries) {
    if (told && [].some.call(entries, isForeign)) say("update");
  }

  return {
    live: (page) => page.found("google_tag_manager"),
    start(member, page) {
      layer = page.global("dataLayer", () => []);
      const array = layer;
      page.queue(array, false);
      page.global("gtag", () => function () {
        window.dataLayer.push(arguments);
      });
      told = undefined;
      watch();
      // A page that replaces the layer before a tag has read it takes our entries along.
      Object.defineProperty(window, "dataLayer", {
        configurable: true,
        enumerable: true,
        get: () => layer,
        set(replacement) {
          if (replacement === layer) return;
          page.replaced(layer, replacement);
          layer = replacement;
          if (!Array.isArray(replacement)) return;
          watch();
          answer(replacement);
        },
      });
      told = state(member);
      say("default");
      answer(array);
    },
    // What was said in answer to the page stays in its place, and says the present state.
    undo(member) {
      told = state(member);
      for (const entry of layer) if (ours.has(entry)) entry[2] = { ...told };
    },
    tell(member, page) {
      const now = state(member);
      if (JSON.stringify(now) === JSON.stringify(told)) return;
      told = now;
      say("update");
      for (const tag of page.members) if (tag.started && tag.is()) tag.type.updated?.(tag);
    },
  };
})());
