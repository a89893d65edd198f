// https://js-api-docs.mouseflow.com/
window[Symbol.for("consent-snapshots/1")]?.run("mouseflow", {
  onePerPage: true,
  live: (page) => page.found("mouseflow"),
  start(member, page) {
    page.queue(page.global("_mfq", () => []), page.made("_mfq"));
  },
  tell(member) {
    if (member.is()) window.mouseflow?.start();
    else window.mouseflow?.stop();
  },
});
