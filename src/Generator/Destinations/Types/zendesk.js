// https://developer.zendesk.com/api-reference/widget-messaging/web/core/
window[Symbol.for("consent-snapshots/1")]?.run("zendesk", (() => {
  const say = (member) => window.zE("messenger:set", "cookies", !member.is() ? "none" : member.is("measurement") ? "all" : "functional");
  return {
    onePerPage: true,
    live: (page) => page.found("zE"),
    start(member, page) {
      // The page has a widget of its own: it is told all the same.
      if (page.found("zE")) {
        if (typeof window.zE === "function") say(member);
        member.shown = true;
        return false;
      }
      if (member.config.settings && !page.found("zESettings")) page.set("zESettings", member.config.settings);
    },
    ready(member) {
      if (typeof window.zE !== "function") return;
      if (member.config.locale) window.zE("messenger:set", "locale", member.config.locale);
      say(member);
      member.shown = true;
    },
    tell(member) {
      // The page has one of its own, which has not come yet.
      if (typeof window.zE !== "function") return;
      say(member);
      // Without anything to store, the widget hides.
      if (member.is() && !member.shown) window.zE("messenger", "show");
      member.shown = member.is();
    },
  };
})());
