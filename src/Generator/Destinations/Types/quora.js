// https://quoraadsupport.zendesk.com/hc/en-us/articles/115010466208
window[Symbol.for("consent-snapshots/1")]?.run("quora", {
  live: (page) => page.found("qp")?.qp,
  start(member, page) {
    const { pixelId, page: view } = member.config;
    const qp = page.global("qp", () => {
      const stub = function () {
        if (stub.qp) stub.qp.apply(stub, arguments);
        else stub.queue.push(arguments);
      };
      stub.queue = [];
      return stub;
    });
    page.queue(qp.queue, page.made("qp"));
    // Two destinations that name the same pixel are one.
    if (page.once("pixel " + pixelId)) qp("init", pixelId);
    if (view && page.once("page view")) qp("track", "ViewContent");
  },
});
