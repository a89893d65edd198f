// https://experienceleague.adobe.com/en/docs/experience-platform/tags/client-side/satellite-object
window[Symbol.for("consent-snapshots/1")]?.run("adobe-analytics", {
  start(member, page) {
    if (!member.config.layer) return;
    const layer = page.global("adobeDataLayer", () => []);
    page.queue(layer, page.made("adobeDataLayer"));
  },
  ready(member) {
    if (member.config.debug) window._satellite?.setDebug?.(true);
  },
});
