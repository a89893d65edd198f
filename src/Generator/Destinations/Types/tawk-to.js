// https://developer.tawk.to/jsapi/
window[Symbol.for("consent-snapshots/1")]?.run("tawk-to", {
  onePerPage: true,
  live: (page) => page.found("Tawk_API")?.shutdown,
  start(member, page) {
    const api = page.global("Tawk_API", () => ({}));
    // The page has a widget of its own: it is told all the same.
    if (api.shutdown) return false;
    page.set("Tawk_LoadStart", new Date());
    // The page's own settings stay: who is signed in, say.
    for (const name in member.config.settings) if (!(name in api)) page.set(name, member.config.settings[name], api);
  },
  tell(member) {
    const api = window.Tawk_API;
    if (!api.shutdown) {
      // The widget is still on its way.
      api.autoStart = member.is();
    } else if (member.is()) {
      api.start({ showWidget: true });
    } else {
      api.hideWidget();
      api.shutdown();
    }
  },
});
