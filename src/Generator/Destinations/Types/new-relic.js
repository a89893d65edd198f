// https://docs.newrelic.com/docs/browser/new-relic-browser/configuration/consent-mode/
window[Symbol.for("consent-snapshots/1")]?.run("new-relic", (() => {
  const say = (member, page) => page.found("newrelic")?.consent?.(member.is("granted"));
  return {
    onePerPage: true,
    live: (page) => page.found("newrelic"),
    start(member, page) {
      const agent = page.global("NREUM", () => ({}));
      // The page runs an agent of its own.
      if (agent.info && !page.made("NREUM")) return false;
      for (const name of ["init", "info", "loader_config"]) page.set(name, member.config[name], agent);
    },
    ready: say,
    tell: say,
  };
})());
