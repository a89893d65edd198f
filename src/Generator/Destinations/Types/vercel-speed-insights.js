// https://vercel.com/docs/speed-insights/package
window[Symbol.for("consent-snapshots/1")]?.run("vercel-speed-insights", {
  onePerPage: true,
  start(member, page) {
    const queue = page.global("siq", () => []);
    page.queue(queue, page.made("siq"));
    page.global("si", () => (...args) => {
      window.siq.push(args);
    });
    // The vendor has no consent call; a report is dropped where its hook gives nothing.
    window.si("beforeSend", (report) => (member.is() ? report : null));
  },
});
