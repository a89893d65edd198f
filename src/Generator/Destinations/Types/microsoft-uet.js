// https://help.ads.microsoft.com/#apex/ads/en/60119/1-500
window[Symbol.for("consent-snapshots/1")]?.run("microsoft-uet", (() => {
  const say = (member, kind) =>
    window[member.config.queue].push("consent", kind, { ad_storage: member.is("marketing") ? "granted" : "denied" });
  return {
    start(member, page) {
      const { queue } = member.config;
      page.queue(page.global(queue, () => []), page.made(queue));
      say(member, "default");
    },
    // The library is a constructor, which takes over what is in the queue.
    ready(member) {
      const { id, queue, noSpa } = member.config;
      window[queue] = new window.UET({ ti: id, enableAutoSpaTracking: !noSpa, q: window[queue] });
      window[queue].push("pageLoad");
    },
    tell(member) {
      say(member, "update");
    },
  };
})());
