// https://www.outbrain.com/help/advertisers/install-outbrain-pixel/
window[Symbol.for("consent-snapshots/1")]?.run("outbrain", {
  live: (page) => page.found("obApi")?.dispatch,
  start(member, page) {
    const { marketerId, page: view } = member.config;
    const api = page.global("obApi", () => {
      const stub = function () {
        if (stub.dispatch) stub.dispatch.apply(stub, arguments);
        else stub.queue.push(arguments);
      };
      return Object.assign(stub, { version: "1.1", loaded: true, queue: [] });
    });
    page.queue(api.queue, page.made("obApi"));
    // Several advertisers share the pixel: their ids are a list, as in the vendor's own snippet.
    const ids = [].concat(api.marketerId || []);
    if (!ids.includes(marketerId)) page.set("marketerId", ids.length > 0 ? [...ids, marketerId] : marketerId, api);
    if (view && page.once("page view")) api("track", "PAGE_VIEW");
  },
});
