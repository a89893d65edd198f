// https://developer.matomo.org/guides/tagmanager/embedding
window[Symbol.for("consent-snapshots/1")]?.run("matomo-tag-manager", {
  // The library reads its queue and leaves it as it is.
  live: (page) => page.found("MatomoTagManager"),
  start(member, page) {
    const layer = page.global("_mtm", () => []);
    page.queue(layer, page.made("_mtm"));
    layer.push({ "mtm.startTime": new Date().getTime(), event: "mtm.Start" });
  },
});
