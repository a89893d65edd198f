// https://hightouch.com/docs/events/sdks/browser
window[Symbol.for("consent-snapshots/1")]?.run("hightouch", {
  onePerPage: true,
  start(member, page) {
    const { writeKey, loadOptions, debug, trackPageView } = member.config;
    const htevents = page.global("htevents", () => []);
    if (htevents.initialize) return false;
    if (!Array.isArray(htevents)) throw new Error("window.htevents is something else on this page.");
    if (htevents.invoked && !page.made("htevents")) return false;
    page.queue(htevents, page.made("htevents"));
    if (!htevents.invoked) {
      htevents.invoked = true;
      htevents.methods =
        "trackSubmit trackClick trackLink trackForm pageview identify reset group track ready alias debug page once off on addSourceMiddleware addIntegrationMiddleware setAnonymousId addDestinationMiddleware".split(" ");
      htevents.factory = (method) => (...args) => {
        htevents.push([method, ...args]);
        return htevents;
      };
      for (const method of htevents.methods) htevents[method] = htevents.factory(method);
      htevents.SNIPPET_VERSION = "0.0.1";
    }
    htevents._writeKey = writeKey;
    htevents._loadOptions = loadOptions;
    if (debug) htevents.debug(true);
    if (trackPageView) htevents.page();
  },
});
