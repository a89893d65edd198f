// https://docs.sentry.io/platforms/javascript/install/loader/
window[Symbol.for("consent-snapshots/1")]?.run("sentry", (() => {
  const client = () => window.Sentry?.getClient?.();
  const init = (member) => {
    const { options } = member.config;
    member.off = !member.is();
    window.Sentry.init(member.off ? { ...options, enabled: false } : options);
  };
  return {
    onePerPage: true,
    live: (page) => page.found("Sentry")?.getClient?.(),
    start(member, page) {
      // The loader calls this once it has fetched the SDK, which may be much later.
      if (!page.found("sentryOnLoad")) page.set("sentryOnLoad", () => init(member));
    },
    // A bundle of the SDK, unlike the loader, calls nothing.
    ready(member) {
      if (window.Sentry?.init && !window.Sentry.forceLoad && !client()) init(member);
    },
    tell(member) {
      if (!client()) return;
      const replay = window.Sentry.getReplay?.();
      if (!member.is()) {
        client().getOptions().enabled = false;
        member.recorded = replay?.getReplayId?.();
        if (member.recorded) replay.stop();
      } else if (member.off) {
        init(member);
      } else {
        client().getOptions().enabled = member.config.options.enabled !== false;
        if (member.recorded) replay?.start();
      }
    },
  };
})());
