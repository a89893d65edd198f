// https://vercel.com/docs/analytics/quickstart
window[Symbol.for("consent-snapshots/1")]?.run("vercel-analytics", {
  start(member, page) {
    const queue = page.global("vaq", () => []);
    page.queue(queue, page.made("vaq"));
    page.global("va", () => (...args) => {
      window.vaq.push(args);
    });
    if (!page.found("vam")) page.set("vam", member.config.mode);
  },
});
