// https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/quickstart/
window[Symbol.for("consent-snapshots/1")]?.run("segment", {
  onePerPage: true,
  start(member, page) {
    const { writeKey, debug, trackPageView, loadOptions, cdn } = member.config;
    const analytics = page.global("analytics", () => []);
    if (analytics.initialize) return false;
    if (!Array.isArray(analytics)) throw new Error("window.analytics is something else on this page.");
    if (analytics.invoked && !page.made("analytics")) return false;
    page.queue(analytics, page.made("analytics"));
    if (!analytics.invoked) {
      analytics.invoked = true;
      analytics.methods =
        "trackSubmit trackClick trackLink trackForm pageview identify reset group track ready alias debug page screen once off on addSourceMiddleware addIntegrationMiddleware setAnonymousId addDestinationMiddleware register".split(" ");
      // These calls say on which page they were made.
      const withPage = ["track", "screen", "alias", "group", "page", "identify"];
      analytics.factory = (method) => function () {
        if (window.analytics.initialized) return window.analytics[method].apply(window.analytics, arguments);
        const args = [...arguments];
        if (withPage.includes(method)) {
          const canonical = Document.prototype.querySelector.call(document, "link[rel='canonical']");
          const { pathname, href, search } = window.location;
          const title = Object.getOwnPropertyDescriptor(Document.prototype, "title").get.call(document);
          const referrer = Object.getOwnPropertyDescriptor(Document.prototype, "referrer").get.call(document);
          args.push({ __t: "bpc", c: canonical?.getAttribute("href") || undefined, p: pathname, u: href, s: search, t: title, r: referrer });
        }
        analytics.push([method, ...args]);
        return analytics;
      };
      for (const method of analytics.methods) analytics[method] = analytics.factory(method);
      analytics.SNIPPET_VERSION = "5.2.1";
    }
    analytics._writeKey = writeKey;
    if (loadOptions) page.set("_loadOptions", loadOptions, analytics);
    if (cdn) page.set("_cdn", cdn, analytics);
    if (debug) analytics.debug(true);
    if (trackPageView) analytics.page();
  },
});
