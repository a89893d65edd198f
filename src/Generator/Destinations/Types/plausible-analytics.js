// https://plausible.io/docs/script-extensions
window[Symbol.for("consent-snapshots/1")]?.run("plausible-analytics", {
  onePerPage: true,
  start(member, page) {
    const plausible = page.global("plausible", () => {
      const stub = function () {
        stub.q.push(arguments);
      };
      stub.q = [];
      return stub;
    });
    page.queue(plausible.q, page.made("plausible"));
    plausible.init ||= (options) => {
      plausible.o = options || {};
    };
    if (!page.made("plausible") && (plausible.o || plausible.l)) return;
    // The script that all sites shared reads no options, so those of a site's own script go before.
    const isFirst = page.once("init");
    if (isFirst || member.config.load) plausible.init(member.config.options);
  },
});
