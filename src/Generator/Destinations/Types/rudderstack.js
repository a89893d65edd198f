// https://www.rudderstack.com/docs/sources/event-streams/sdks/rudderstack-javascript-sdk/consent-management/custom-consent-manager/
window[Symbol.for("consent-snapshots/1")]?.run("rudderstack", (() => {
  function tell(member, page) {
    const { consent, mapped, waits } = member.config;
    if (!consent) return;
    const allowed = [];
    const denied = [];
    let isAnyGranted = !waits;
    for (const [category, ids] of consent) {
      const isGranted = category === "necessary" ? member.is() : member.is(category);
      if (isGranted && category !== "necessary") isAnyGranted = true;
      (isGranted ? allowed : denied).push(...ids);
    }
    // What one category denies, no other one allows.
    const onlyAllowed = allowed.filter((id) => !denied.includes(id));
    if (page.shared.told ? !mapped : !isAnyGranted) return;
    page.shared.told = true;
    window.rudderanalytics.consent({ consentManagement: { enabled: true, provider: "custom", allowedConsentIds: onlyAllowed, deniedConsentIds: denied } });
  }
  return {
    onePerPage: true,
    start(member, page) {
      const { writeKey, url, options, page: pageCall } = member.config;
      const analytics = page.global("rudderanalytics", () => []);
      if (!Array.isArray(analytics)) return false;
      if (analytics.snippetExecuted && !page.made("rudderanalytics")) return false;
      page.queue(analytics, page.made("rudderanalytics"));
      if (!analytics.snippetExecuted) {
        window.RudderSnippetVersion = "3.0.32";
        window.rudderAnalyticsBuildType = "modern";
        analytics.snippetExecuted = true;
        page.defer(
          analytics,
          "setDefaultInstanceKey load ready page track identify alias group reset setAnonymousId startSession endSession consent addCustomIntegration",
          (method, args) => {
            const present = window.rudderanalytics;
            if (Array.isArray(present)) present.push([method, ...args]);
            else present[method](...args);
          },
        );
      }
      tell(member, page);
      analytics.load(writeKey, url, options);
      if (pageCall) analytics.page();
    },
    tell,
  };
})());
