// https://docs.crisp.chat/guides/chatbox-sdks/web-sdk/
window[Symbol.for("consent-snapshots/1")]?.run("crisp", {
  onePerPage: true,
  start(member, page) {
    const { websiteId, runtime, cookieDomain, cookieExpiry, safeMode } = member.config;
    const crisp = page.global("$crisp", () => []);
    if (page.global("CRISP_WEBSITE_ID", () => websiteId) !== websiteId) throw new Error("The page has a Crisp of its own.");
    if (runtime) window.CRISP_RUNTIME_CONFIG = { ...window.CRISP_RUNTIME_CONFIG, ...runtime };
    if (cookieDomain !== undefined) window.CRISP_COOKIE_DOMAIN = cookieDomain;
    if (cookieExpiry !== undefined) window.CRISP_COOKIE_EXPIRE = cookieExpiry;
    // Safe mode has to come first.
    if (safeMode && Array.isArray(crisp)) crisp.unshift(["safe", true]);
    else if (safeMode) crisp.push(["safe", true]);
    page.queue(crisp, page.made("$crisp"));
  },
});
