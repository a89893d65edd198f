// https://help.adroll.com/hc/en-us/articles/360053866191
window[Symbol.for("consent-snapshots/1")]?.run("adroll", {
  onePerPage: true,
  start(member, page) {
    const { advertiserId, pixelId, page: view } = member.config;
    const own = page.found("adroll_adv_id");
    if (own && own !== advertiserId) throw new Error("The page has an AdRoll of its own.");
    const adroll = page.global("adroll", () => {
      const stub = [];
      for (const name of ["setProperties", "identify", "track", "identify_email", "get_cookie"])
        stub[name] = function () {
          stub.push([name, arguments]);
        };
      return stub;
    });
    // The page has an AdRoll of its own.
    if (!Array.isArray(adroll)) return false;
    page.queue(adroll, page.made("adroll"));
    const settings = { adroll_adv_id: advertiserId, adroll_pix_id: pixelId, adroll_version: "2.0", __adroll_loaded: true };
    for (const name in settings) page.set(name, settings[name]);
    if (view) adroll.track("pageView");
  },
});
