// https://developer.fullstory.com/browser/v2/auto-capture/capture-data/
window[Symbol.for("consent-snapshots/1")]?.run("fullstory", {
  onePerPage: true,
  live: (page) => page.found("FS")?._api,
  start(member, page) {
    const { settings } = member.config;
    // The page has a Fullstory of its own: it is told all the same.
    if (page.found("FS") && !page.made("FS")) return false;
    for (const name in settings) page.set(name, settings[name]);
    const fs = page.global("FS", () => {
      const stub = (operation, data, source) => {
        const call = (name, done, failed) => {
          if (stub._api) return stub._api(name, data, source, done, failed, 2);
          stub.q.push([name, data, source, done, failed, 2]);
          return null;
        };
        if (!/Async$/.test(operation)) return call(operation);
        return new Promise((done, failed) => {
          call(operation.replace(/Async$/, ""), done, failed);
        });
      };
      stub.q = [];
      return stub;
    });
    page.queue(fs.q, page.made("FS"));
  },
  tell(member) {
    window.FS(member.is() ? "restart" : "shutdown");
  },
});
