// https://www.braze.com/docs/developer_guide/sdk_integration/?sdktab=web
window[Symbol.for("consent-snapshots/1")]?.run("braze", (() => {
  const begin = (member) => {
    const { apiKey, baseUrl, options, messages } = member.config;
    const { braze } = window;
    // The SDK knows no paths.
    const url = baseUrl[0] === "/" ? window.location.origin + baseUrl : baseUrl;
    const nonce = member.nonce ? { contentSecurityNonce: member.nonce } : {};
    // Said at every granted start: an earlier page may have left a refusal in a cookie.
    if (braze.isDisabled()) braze.enableSDK();
    braze.initialize(apiKey, { ...nonce, ...options, baseUrl: url });
    if (messages) braze.automaticallyShowInAppMessages();
    braze.openSession();
    member.runs = true;
  };
  return {
    onePerPage: true,
    live: (page) => page.found("braze")?.initialize,
    start(member, page) {
      // The page runs an SDK of its own: it is told all the same.
      const own = page.found("braze");
      if (!own) return;
      if (own.isDisabled?.()) own.enableSDK();
      member.runs = true;
      return false;
    },
    ready: begin,
    tell(member, page) {
      if (!page.found("braze")) return;
      if (!member.is()) window.braze.disableSDK();
      else if (member.runs) begin(member);
    },
  };
})());
