// https://dev.frontapp.com/docs/chat-sdk-reference
window[Symbol.for("consent-snapshots/1")]?.run("front-chat", (() => {
  const init = (member) => {
    const { options } = member.config;
    // The widget makes styles of its own, which a page with a nonce lets it.
    window.FrontChat("init", member.nonce ? { ...options, nonce: member.nonce } : options);
    member.shown = true;
  };
  return {
    onePerPage: true,
    start(member, page) {
      // The page has started the widget itself: it is told all the same.
      if (!page.found("FrontChat")) return;
      member.shown = true;
      return false;
    },
    ready: init,
    tell(member) {
      if (member.is() === !!member.shown) return;
      if (member.is()) init(member);
      else window.FrontChat("shutdown", { clearSession: true });
      member.shown = member.is();
    },
  };
})());
