// https://business.reddithelp.com/s/article/reddit-pixel-installation
window[Symbol.for("consent-snapshots/1")]?.run("reddit-pixel", {
  live: () => window.rdt?.sendEvent,
  start(member, page) {
    const { pixelId, initOptions, trackPageVisit } = member.config;
    const rdt = page.global("rdt", () => {
      const stub = function () {
        if (stub.sendEvent) stub.sendEvent.apply(stub, arguments);
        else stub.callQueue.push(arguments);
      };
      stub.callQueue = [];
      return stub;
    });
    page.queue(rdt.callQueue, page.made("rdt"));
    page.switched();
    // Two destinations that say the same are one.
    if (!page.once(JSON.stringify([pixelId, initOptions]))) return;
    if (initOptions) rdt("init", pixelId, initOptions);
    else rdt("init", pixelId);
    if (trackPageVisit && page.once("page visit " + pixelId)) rdt("track", "PageVisit");
  },
  tell(member, page) {
    if (!page.switched()) return;
    if (!page.shared.on) window.rdt("disableFirstPartyCookies");
    else if (!member.config.initOptions?.disableFirstPartyCookies) window.rdt("enableFirstPartyCookies");
  },
});
