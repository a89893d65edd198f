// https://developers.hubspot.com/docs/api/events/cookie-banner
window[Symbol.for("consent-snapshots/1")]?.run("hubspot", (() => {
  const say = (member) => {
    window._hsp.push([
      "setHubSpotConsent",
      { analytics: member.is("measurement"), advertisement: member.is("marketing"), functionality: member.is("functionality") },
    ]);
    // Said at every granted start: it also ends a refusal that an earlier page left in a cookie.
    window._hsq.push(member.is() ? ["doNotTrack", { track: true }] : ["doNotTrack"]);
  };
  return {
    onePerPage: true,
    start(member, page) {
      page.set("disableHubSpotCookieBanner", true);
      for (const name of ["_hsp", "_hsq"]) page.queue(page.global(name, () => []), page.made(name));
      say(member);
      // The page has a HubSpot of its own.
      if (!Array.isArray(window._hsq)) return false;
    },
    tell: say,
  };
})());
