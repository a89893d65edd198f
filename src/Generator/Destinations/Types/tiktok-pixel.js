// https://ads.tiktok.com/help/article/get-started-pixel
window[Symbol.for("consent-snapshots/1")]?.run("tiktok-pixel", {
  live(page) {
    const ttq = page.found("ttq");
    return ttq && !Array.isArray(ttq);
  },
  start(member, page) {
    const { pixelId, base, noPage } = member.config;
    window.TiktokAnalyticsObject = "ttq";
    const ttq = page.global("ttq", () => {
      const stub = [];
      stub.methods =
        "page track identify instances debug on off once ready alias group enableCookie disableCookie holdConsent revokeConsent grantConsent".split(" ");
      stub.setAndDefer = (target, method) => {
        target[method] = (...args) => {
          target.push([method, ...args]);
        };
      };
      const queued = (target) => {
        for (const method of stub.methods) stub.setAndDefer(target, method);
        return target;
      };
      stub.instance = (id) => queued(stub._i?.[id] || []);
      return queued(stub);
    });
    page.queue(ttq, page.made("ttq"));
    const isNew = page.once("pixel " + pixelId);
    if (isNew) {
      const queue = [];
      queue._u = base;
      page.queue(queue, true);
      (ttq._i ||= {})[pixelId] = queue;
      (ttq._t ||= {})[pixelId] = Date.now();
      (ttq._o ||= {})[pixelId] = {};
    }
    if (page.switched()) ttq.grantConsent();
    if (!isNew || noPage) return;
    // A further pixel's first page view is its own.
    if (page.once("page")) ttq.page();
    else ttq.instance(pixelId).page();
  },
  undo(member) {
    for (const part of ["_i", "_t", "_o"]) if (window.ttq[part]) delete window.ttq[part][member.config.pixelId];
  },
  // TikTok has one switch for all pixels of a page.
  tell(member, page) {
    if (!page.switched()) return;
    if (page.shared.on) window.ttq.grantConsent();
    else window.ttq.revokeConsent();
  },
});
