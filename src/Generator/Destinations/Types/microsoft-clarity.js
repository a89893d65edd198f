// https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-consent-api-v2
window[Symbol.for("consent-snapshots/1")]?.run("microsoft-clarity", (() => {
  const state = (isGranted) => (isGranted ? "granted" : "denied");
  const tell = (member, adDenied, analyticsDenied) =>
    window.clarity("consentv2", {
      ad_Storage: state(member.is("marketing") && !adDenied),
      analytics_Storage: state(member.is("measurement") && !analyticsDenied),
    });
  return {
    onePerPage: true,
    start(member, page) {
      const clarity = page.global("clarity", () => {
        const stub = function () {
          stub.q.push(arguments);
        };
        stub.q = [];
        return stub;
      });
      page.queue((clarity.q ||= []), page.made("clarity"));
      tell(member, member.config.denyAd, member.config.denyAnalytics);
    },
    // After a withdrawal Clarity goes on uploading until it is stopped.
    tell(member, page) {
      if (member.is() && page.shared.stopped) window.clarity("start");
      tell(member);
      if (!member.is()) window.clarity("stop");
      page.shared.stopped = !member.is();
    },
  };
})());
