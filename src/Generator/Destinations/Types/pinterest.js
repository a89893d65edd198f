// https://help.pinterest.com/en/business/article/install-the-base-code
window[Symbol.for("consent-snapshots/1")]?.run("pinterest", {
  start(member, page) {
    const { tagId, options, page: visit } = member.config;
    const pintrk = page.global("pintrk", () => {
      const stub = (...args) => {
        stub.queue.push(args);
      };
      stub.queue = [];
      stub.version = "3.0";
      return stub;
    });
    page.queue(pintrk.queue, page.made("pintrk"));
    if (page.once("tag " + tagId)) {
      if (options) pintrk("load", tagId, options);
      else pintrk("load", tagId);
    }
    if (page.switched()) pintrk("setconsent", true);
    // A page visit is counted for all tags.
    if (visit && page.once("page")) pintrk("page");
  },
  // Pinterest has one switch for all tags of a page.
  tell(member, page) {
    if (page.switched()) window.pintrk("setconsent", page.shared.on);
  },
});
