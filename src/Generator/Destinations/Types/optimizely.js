// https://docs.developers.optimizely.com/web-experimentation/docs
window[Symbol.for("consent-snapshots/1")]?.run("optimizely", {
  onePerPage: true,
  start(member, page) {
    const { cookieDomain, cookieExpirationDays } = member.config;
    const queue = page.global("optimizely", () => []);
    // The page has an Optimizely of its own.
    if (!Array.isArray(queue)) return false;
    page.queue(queue, page.made("optimizely"));
    if (cookieDomain) queue.push({ type: "cookieDomain", cookieDomain });
    if (cookieExpirationDays) queue.push({ type: "cookieExpiration", cookieExpirationDays });
  },
});
