// https://developers.criteo.com/retailer-integration/docs/onetag-for-offsite
window[Symbol.for("consent-snapshots/1")]?.run("criteo", {
  onePerPage: true,
  start(member, page) {
    const { account, siteType } = member.config;
    const queue = page.global("criteo_q", () => []);
    page.queue(queue, page.made("criteo_q"));
    queue.push({ event: "setAccount", account });
    if (siteType) queue.push({ event: "setSiteType", type: siteType });
    // The page has a OneTag of its own.
    if (!Array.isArray(queue)) return false;
  },
});
