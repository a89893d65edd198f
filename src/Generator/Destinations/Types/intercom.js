// https://developers.intercom.com/installing-intercom/web/methods
window[Symbol.for("consent-snapshots/1")]?.run("intercom", {
  onePerPage: true,
  start(member, page) {
    // The page's own settings stay: who is signed in, say.
    const settings = page.global("intercomSettings", () => ({}));
    for (const name in member.config.settings) page.set(name, member.config.settings[name], settings);
    const intercom = page.global("Intercom", () => {
      const stub = (...args) => stub.c(args);
      stub.q = [];
      stub.c = (args) => stub.q.push(args);
      return stub;
    });
    page.queue(intercom.q, page.made("Intercom"));
    if (page.made("Intercom")) return;
    intercom("reattach_activator");
    intercom("update", window.intercomSettings);
  },
  tell(member) {
    if (member.is()) window.Intercom("boot", window.intercomSettings);
    else window.Intercom("shutdown");
  },
});
