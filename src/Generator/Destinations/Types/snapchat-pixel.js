// https://businesshelp.snapchat.com/s/article/pixel-website-install
window[Symbol.for("consent-snapshots/1")]?.run("snapchat-pixel", {
  start(member, page) {
    const { pixelId, initOptions, trackPageView } = member.config;
    const snaptr = page.global("snaptr", () => {
      const stub = function () {
        if (stub.handleRequest) stub.handleRequest.apply(stub, arguments);
        else stub.queue.push(arguments);
      };
      stub.queue = [];
      return stub;
    });
    page.queue(snaptr.queue, page.made("snaptr"));
    // Two destinations that say the same are one.
    if (!page.once(JSON.stringify([pixelId, initOptions]))) return;
    if (initOptions) snaptr("init", pixelId, initOptions);
    else snaptr("init", pixelId);
    if (trackPageView && page.once("page view " + pixelId)) snaptr("track", "PAGE_VIEW");
  },
});
