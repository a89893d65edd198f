// https://developer.zendesk.com/api-reference/widget-messaging/web/core/
window[Symbol.for("consent-snapshots/1")]?.run("zendesk", (() => {
  const say = (member) => window.zE("messenger:set", "cookies", !member.is() ? "none" : member.is("measurement") ? "all" : "functional");
  return {
    onePerPage: true,
    live: (page) => page.found("zE"),
    start(member, page) {
      if (member.config.settings && !page.found("zESettings")) page.set("zESettings", member.config.settings);
    },
    ready(member) {
      if (member.config.locale) window.zE("messenger:set", "locale", member.config.locale);
      say(member);
      member.shown = true;
    },
    tell(member) {
      if (!window.zE) return;
      say(member);
      // Without anything to store, the widget hides.
      if (member.is() && !member.shown) window.zE("messenger", "show");
      member.shown = member.is();
    },
  };
})());
