// https://docs.snowplow.io/docs/sources/web-trackers/anonymous-tracking/
window[Symbol.for("consent-snapshots/1")]?.run("snowplow", (() => {
  const anonymous = { anonymousTracking: { withServerAnonymisation: true }, stateStorageStrategy: "none" };
  const storage = (member) => member.config.options.stateStorageStrategy || "cookieAndLocalStorage";
  // A command goes to one tracker of the page, by its name.
  const say = (member, command, ...args) => window.snowplow(`${command}:${member.config.name}`, ...args);
  return {
    start(member, page) {
      const { name, collector, options, page: view, activity, links } = member.config;
      const names = page.global("GlobalSnowplowNamespace", () => []);
      page.queue(names, page.made("GlobalSnowplowNamespace"));
      const snowplow = page.global("snowplow", () => {
        const stub = function () {
          stub.q.push(arguments);
        };
        stub.q = [];
        return stub;
      });
      page.queue(snowplow.q, page.made("snowplow"));
      if (page.made("snowplow") && page.once("name")) names.push("snowplow");
      const granted = member.is("granted");
      member.anonymous = !granted;
      // The tracker knows no paths.
      const url = collector[0] === "/" ? window.location.origin + collector : collector;
      snowplow("newTracker", name, url, granted ? options : { ...options, ...anonymous });
      if (activity) {
        member.pings = granted;
        if (granted) say(member, "enableActivityTracking", activity);
      }
      if (links) say(member, "enableLinkClickTracking");
      if (view) say(member, "trackPageView");
    },
    tell(member) {
      const granted = member.is("granted");
      if (granted !== member.anonymous) return;
      member.anonymous = !granted;
      if (granted) {
        say(member, "disableAnonymousTracking", { stateStorageStrategy: storage(member) });
        if (member.config.activity && !member.pings) say(member, "enableActivityTracking", member.config.activity);
      } else {
        say(member, "enableAnonymousTracking", { options: { withServerAnonymisation: true }, stateStorageStrategy: "none" });
        say(member, "clearUserData");
        if (member.config.activity) say(member, "disableActivityTracking");
      }
      member.pings = granted;
    },
  };
})());
