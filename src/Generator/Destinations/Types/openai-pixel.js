// https://developers.openai.com/ads/measurement-pixel
window[Symbol.for("consent-snapshots/1")]?.run("openai-pixel", {
  start(member, page) {
    const { pixelId, debug } = member.config;
    const oaiq = page.global("oaiq", () => {
      const stub = function () {
        stub.q.push(arguments);
      };
      stub.q = [];
      return stub;
    });
    page.queue(oaiq.q, page.made("oaiq"));
    if (page.switched()) oaiq("consent", true);
    // Two destinations that name the same pixel are one.
    if (page.once("pixel " + pixelId)) oaiq("init", debug ? { pixelId, debug } : { pixelId });
  },
  // The vendor has one switch for all pixels of a page.
  tell(member, page) {
    if (page.switched()) window.oaiq("consent", page.shared.on);
  },
});
