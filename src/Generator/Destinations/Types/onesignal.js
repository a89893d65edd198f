// https://documentation.onesignal.com/docs/en/web-sdk-reference
window[Symbol.for("consent-snapshots/1")]?.run("onesignal", {
  onePerPage: true,
  start(member, page) {
    const queue = page.global("OneSignalDeferred", () => []);
    page.queue(queue, page.made("OneSignalDeferred"));
    // The page has a OneSignal of its own: it is told all the same.
    if (!Array.isArray(queue)) {
      queue.push((sdk) => sdk.setConsentGiven(member.is("granted")));
      return false;
    }
    // Its state is asked for when the library has come.
    queue.push((sdk) => {
      sdk.setConsentRequired(true);
      sdk.setConsentGiven(member.is("granted"));
      return sdk.init(member.config.options);
    });
  },
  tell(member) {
    window.OneSignalDeferred.push((sdk) => sdk.setConsentGiven(member.is("granted")));
  },
});
