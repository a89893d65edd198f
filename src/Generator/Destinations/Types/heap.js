// https://developers.heap.io/docs/web
window[Symbol.for("consent-snapshots/1")]?.run("heap", {
  onePerPage: true,
  start(member, page) {
    const { envId, clientConfig } = member.config;
    const heap = page.global("heap", () => []);
    const waiting = page.global("heapReadyCb", () => []);
    page.queue(heap, page.made("heap"));
    page.queue(waiting, page.made("heapReadyCb"));
    if (page.made("heap")) {
      Object.assign(heap, { envId, clientConfig });
      page.defer(
        heap,
        "init startTracking stopTracking track resetIdentity identify identifyHashed getSessionId getUserId getIdentity addUserProperties addEventProperties removeEventProperty clearEventProperties addAccountProperties addAdapter addTransformer addTransformerFn onReady addPageviewProperties removePageviewProperty clearPageviewProperties trackPageview",
        (name, args) => {
          waiting.push({ name, fn: () => window.heap[name]?.(...args) });
        },
      );
    } else if (!heap.envId) throw new Error("window.heap is something else on this page.");
  },
  tell(member) {
    if (member.is()) window.heap.startTracking();
    else window.heap.stopTracking();
  },
});
