// https://www.databuddy.cc/docs
window[Symbol.for("consent-snapshots/1")]?.run("databuddy", (() => {
  function configure(member, page) {
    const on = member.is("granted");
    const options = (window.databuddyConfig = page.shared.site || { ...(on ? member.config.granted : member.config.denied) });
    options.disabled = !on;
    if (window.databuddy?.options) window.databuddy.options.disabled = !on;
  }
  return {
    onePerPage: true,
    start(member, page) {
      const found = page.global("databuddyConfig", () => ({}));
      if (!page.made("databuddyConfig")) page.shared.site = found;
      configure(member, page);
    },
    tell: configure,
  };
})());
