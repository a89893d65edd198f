// https://developers.google.com/tag-platform/gtagjs
window[Symbol.for("consent-snapshots/1")]?.run("google", {
  needs: "google-consent",
  start(member, page) {
    const { id, params } = member.config;
    const say = function () {
      window.dataLayer.push(arguments);
    };
    if (page.once("js")) say("js", new Date());
    // Two destinations that say the same are one.
    if (!page.once(JSON.stringify([id, params]))) return;
    if (params) say("config", id, params);
    else say("config", id);
  },
});
