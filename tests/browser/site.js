// The code of a site whose pages use the c15t client, of either version: `site.start` starts its own store with the script list that the test made
// (`site.list`), and `site.choose` is the visitor's answer in the consent dialog.
(() => {
  const categories = ["functionality", "experience", "measurement", "marketing"];
  const turn = () => new Promise(resolve => setTimeout(resolve));

  const start = options => {
    if (c15t.getOrCreateConsentRuntime) return c15t.getOrCreateConsentRuntime(options).consentStore;
    const { configureConsentManager, createConsentManagerStore } = c15t;
    return createConsentManagerStore(configureConsentManager({ mode: "offline" }), options);
  };

  window.site = {
    turn,
    // Starts the client; a second start is a second client of the same page.
    start(options) {
      this.store = start(options);
      this.ready = (async () => {
        while (this.store.getState().isLoadingConsentInfo) await turn();
        await turn();
      })();
    },
    async choose(granted, store = this.store) {
      for (const category of categories) store.getState().setSelectedConsent(category, granted.includes(category));
      await store.getState().saveConsents("custom");
      await turn();
    },
  };
})();
