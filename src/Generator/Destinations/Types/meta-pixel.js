// https://developers.facebook.com/docs/meta-pixel/get-started
window[Symbol.for("consent-snapshots/1")]?.run("meta-pixel", {
  live: () => window.fbq?.callMethod,
  start(member, page) {
    const { pixelId, initOptions, dataProcessingOptions, trackPageView, autoConfig } = member.config;
    const fbq = page.global("fbq", () => {
      const stub = function () {
        if (stub.callMethod) stub.callMethod.apply(stub, arguments);
        else stub.queue.push(arguments);
      };
      Object.assign(stub, { push: stub, loaded: true, version: "2.0", queue: [] });
      page.global("_fbq", () => stub);
      return stub;
    });
    page.queue(fbq.queue, page.made("fbq"));
    if (page.switched()) fbq("consent", "grant");
    // Two destinations that say the same are one.
    if (!page.once(JSON.stringify([pixelId, initOptions]))) return;
    if (dataProcessingOptions) fbq("dataProcessingOptions", ...dataProcessingOptions);
    if (autoConfig !== undefined) fbq("set", "autoConfig", autoConfig, pixelId);
    if (initOptions) fbq("init", pixelId, initOptions);
    else fbq("init", pixelId);
    // A second pixel's page view is its own; "track" would count another one for the first.
    if (!trackPageView || !page.once("page view " + pixelId)) return;
    if (page.once("page view")) fbq("track", "PageView");
    else fbq("trackSingle", pixelId, "PageView");
  },
  // Meta has one switch for all pixels of a page.
  tell(member, page) {
    if (page.switched()) window.fbq("consent", page.shared.on ? "grant" : "revoke");
  },
});
