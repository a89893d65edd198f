// https://js-api-docs.mouseflow.com/
window[Symbol.for("consent-snapshots/1")]?.run("mouseflow", {
  onePerPage: true,
  live: (page) => page.found("mouseflow"),
  start(member, page) {
    // The page has a Mouseflow of its own: it is told all the same.
    if (page.found("mouseflow")) return false;
    page.queue(page.global("_mfq", () => []), page.made("_mfq"));
  },
  tell(member, page) {
    page.found("mouseflow")?.[member.is() ? "start" : "stop"]?.();
  },
});
