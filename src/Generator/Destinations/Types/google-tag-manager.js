// https://developers.google.com/tag-platform/tag-manager/web
window[Symbol.for("consent-snapshots/1")]?.run("google", {
  needs: "google-consent",
  start() {
    window.dataLayer.push({ "gtm.start": new Date().getTime(), event: "gtm.js" });
  },
  updated(member) {
    window.dataLayer.push({ event: member.config.updateEventName });
  },
});
