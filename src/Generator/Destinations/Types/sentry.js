// https://docs.sentry.io/platforms/javascript/install/loader/
window[Symbol.for("consent-snapshots/1")]?.run("sentry", (() => {
  const client = (page) => page.found("Sentry")?.getClient?.();
  const init = (member) => {
    const { options } = member.config;
    member.off = !member.is();
    window.Sentry.init(member.off ? { ...options, enabled: false } : options);
  };
  return {
    onePerPage: true,
    live: client,
    start(member, page) {
      // The page has a Sentry of its own: it is switched all the same.
      if (client(page)) return false;
      // The loader calls this once it has fetched the SDK, which may be much later.
      if (!page.found("sentryOnLoad")) page.set("sentryOnLoad", () => init(member));
    },
    // A bundle of the SDK, unlike the loader, calls nothing.
    ready(member, page) {
      const sdk = page.found("Sentry");
      if (sdk?.init && !sdk.forceLoad && !client(page)) init(member);
    },
    tell(member, page) {
      const running = client(page);
      if (!running) return;
      const replay = window.Sentry.getReplay?.();
      if (!member.is()) {
        running.getOptions().enabled = false;
        member.recorded = replay?.getReplayId?.();
        if (member.recorded) replay.stop();
      } else if (member.off) {
        init(member);
      } else {
        running.getOptions().enabled = member.config.options.enabled !== false;
        if (member.recorded) replay?.start();
      }
    },
  };
})());
