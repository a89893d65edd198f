// https://docs.logrocket.com/reference/init
window[Symbol.for("consent-snapshots/1")]?.run("logrocket", {
  onePerPage: true,
  start(member, page) {
    if (member.config.asyncScript) page.set("_lrAsyncScript", member.config.asyncScript);
  },
  ready(member) {
    window.LogRocket.init(member.config.appId, member.config.options);
  },
});
