// https://help.hotjar.com/hc/en-us/articles/115011639927
window[Symbol.for("consent-snapshots/1")]?.run("hotjar", {
  onePerPage: true,
  start(member, page) {
    const { hjid, hjsv } = member.config;
    const hj = page.global("hj", () => {
      const stub = function () {
        stub.q.push(arguments);
      };
      stub.q = [];
      return stub;
    });
    page.queue(hj.q, page.made("hj"));
    if (!page.found("_hjSettings")) page.set("_hjSettings", { hjid, hjsv });
  },
});
