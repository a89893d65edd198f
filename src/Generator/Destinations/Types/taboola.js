// https://developers.taboola.com/pixel/docs/add-the-base-pixel-manually
window[Symbol.for("consent-snapshots/1")]?.run("taboola", {
  start(member, page) {
    const { id, page: view } = member.config;
    const queue = page.global("_tfa", () => []);
    page.queue(queue, page.made("_tfa"));
    if (view && page.once("page view " + id)) queue.push({ notify: "event", name: "page_view", id });
  },
});
