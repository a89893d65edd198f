// https://docs.pirsch.io/get-started/frontend-integration
window[Symbol.for("consent-snapshots/1")]?.run("pirsch", {
  start(member) {
    const { id, attributes } = member.config;
    // The library finds its settings on the element with this id, also after its own element has gone.
    if (Document.prototype.getElementById.call(document, id)) return;
    const settings = Document.prototype.createElement.call(document, "meta");
    member.settings = settings;
    settings.id = id;
    for (const name in attributes) settings.setAttribute(name, attributes[name]);
    Object.getOwnPropertyDescriptor(Document.prototype, "head").get.call(document).appendChild(settings);
  },
  undo(member) {
    member.settings?.remove();
  },
  // It starts with DOMContentLoaded; a page that is past that event has to start it.
  ready() {
    const [navigation] = window.performance.getEntriesByType("navigation");
    const isPast = navigation
      ? navigation.domContentLoadedEventStart > 0
      : Object.getOwnPropertyDescriptor(Document.prototype, "readyState").get.call(document) === "complete";
    if (window.pirschInit && isPast) window.pirschInit();
  },
});
