// https://developers.google.com/tag-platform/gtagjs
window[Symbol.for("consent-snapshots/1")]?.run("google", {
  needs: "google-consent",
  start(member, page) {
    const { id, params, layer = "dataLayer" } = member.config;
    const say = function () {
      window[layer].push(arguments);
    };
    if (page.once("js " + layer)) say("js", new Date());
    // Two destinations that say the same are one.
    if (!page.once(JSON.stringify([id, params, layer]))) return;
    if (params) say("config", id, params);
    else say("config", id);
  },
});
