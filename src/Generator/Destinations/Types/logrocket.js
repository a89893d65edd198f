// https://docs.logrocket.com/reference/init
window[Symbol.for("consent-snapshots/1")]?.run("logrocket", {
  onePerPage: true,
  start(member) {
    if (member.config.asyncScript) window._lrAsyncScript = member.config.asyncScript;
  },
  ready(member) {
    window.LogRocket.init(member.config.appId, member.config.options);
  },
});
