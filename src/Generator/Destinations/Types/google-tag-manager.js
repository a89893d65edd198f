// https://developers.google.com/tag-platform/tag-manager/web
window[Symbol.for("consent-snapshots/1")]?.run("google", {
  needs: "google-consent",
  start(member) {
    const { layer = "dataLayer", values } = member.config;
    if (values) window[layer].push(values);
    window[layer].push({ "gtm.start": new Date().getTime(), event: "gtm.js" });
  },
  updated(member) {
    window[member.config.layer || "dataLayer"].push({ event: member.config.updateEventName });
  },
});
