// https://developer.matomo.org/guides/tracking-consent
window[Symbol.for("consent-snapshots/1")]?.run("matomo-analytics", (() => {
  // A page has one queue of async trackers, all of which take each call; a further destination is a tracker of its own.
  const queueOf = (member) => member.tracker || window._paq;
  const say = (member, ...call) => queueOf(member).push(call);
  const grant = (member) => say(member, "setConsentGiven", ...(member.config.noCookies ? [false] : []));
  return {
    live: (page) => page.found("Matomo") && !Array.isArray(page.found("_paq")),
    start(member, page) {
      const { url, id, extra, links, noCookies, requires, page: pageView, calls = [], callsAfter = [] } = member.config;
      const queue = page.global("_paq", () => []);
      page.queue(queue, page.made("_paq"));
      if (extra) {
        const waiting = (member.tracker = []);
        queue.push([() => {
          const tracker = window.Matomo.getTracker(url, id);
          const run = (call) => tracker[call[0]](...call.slice(1));
          member.tracker = { push: run };
          waiting.forEach(run);
        }]);
      } else {
        say(member, "setTrackerUrl", url);
        say(member, "setSiteId", id);
      }
      for (const call of calls) say(member, ...call);
      if (links) say(member, "enableLinkTracking");
      if (noCookies) say(member, "disableCookies");
      if (requires) say(member, "requireConsent");
      // Said at every granted start: it also ends a withdrawal that an earlier page left in a cookie.
      if (member.is("granted")) grant(member);
      if (pageView) say(member, "trackPageView");
      for (const call of callsAfter) say(member, ...call);
    },
    tell(member) {
      if (member.is("granted")) grant(member);
      else say(member, "forgetConsentGiven");
    },
  };
})());
