// https://docs.crisp.chat/guides/chatbox-sdks/web-sdk/
window[Symbol.for("consent-snapshots/1")]?.run("crisp", {
  onePerPage: true,
  start(member, page) {
    const { websiteId, runtime, cookieDomain, cookieExpiry, safeMode } = member.config;
    const crisp = page.global("$crisp", () => []);
    const own = page.found("CRISP_WEBSITE_ID");
    if (own && own !== websiteId) throw new Error("The page has a Crisp of its own.");
    page.set("CRISP_WEBSITE_ID", websiteId);
    if (runtime) page.set("CRISP_RUNTIME_CONFIG", { ...page.found("CRISP_RUNTIME_CONFIG"), ...runtime });
    if (cookieDomain !== undefined) page.set("CRISP_COOKIE_DOMAIN", cookieDomain);
    if (cookieExpiry !== undefined) page.set("CRISP_COOKIE_EXPIRE", cookieExpiry);
    // Safe mode has to come first.
    if (safeMode && Array.isArray(crisp)) crisp.unshift(["safe", true]);
    else if (safeMode) crisp.push(["safe", true]);
    page.queue(crisp, page.made("$crisp"));
  },
});
