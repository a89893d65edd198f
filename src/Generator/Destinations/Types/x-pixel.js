// https://business.x.com/en/help/campaign-measurement-and-analytics/conversion-tracking-for-websites
window[Symbol.for("consent-snapshots/1")]?.run("x-pixel", {
  start(member, page) {
    const { id } = member.config;
    const twq = page.global("twq", () => {
      const stub = function () {
        if (stub.exe) stub.exe.apply(stub, arguments);
        else stub.queue.push(arguments);
      };
      stub.version = "1.1";
      stub.queue = [];
      return stub;
    });
    page.queue(twq.queue, page.made("twq"));
    if (page.once("pixel " + id)) twq("config", id);
  },
});
