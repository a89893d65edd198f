// Stand-ins for consent tools: each has the globals, methods and events that its documentation names (docs/loader.md has the pages), in the order in which the tool has them.
// `prepare` is what stands on a page before the tool arrives, `arrive` is the tool itself, with the choice that the visitor made on an earlier page, if any, and `choose` is the visitor's
// choice in its dialog: `{ preferences, statistics, marketing }`. `imply` is the tool that arrives where the law asks for no consent, before the visitor has said anything.
(() => {
  const all = { preferences: true, statistics: true, marketing: true };
  const tell = (target, name, detail) => target.dispatchEvent(new CustomEvent(name, { detail }));

  const tcf = (() => {
    const purposesOf = { preferences: [1, 5, 6], statistics: [1, 8, 9], marketing: [1, 2, 3, 4, 7] };
    const listeners = new Map();
    let state;
    const data = listenerId => ({ tcString: "stand-in", tcfPolicyVersion: 4, cmpId: 1, cmpVersion: 1, cmpStatus: "loaded", isServiceSpecific: true, listenerId, ...state });
    const change = (eventStatus, purposes, gdprApplies = true) => {
      const every = ids => Object.fromEntries(Array.from({ length: 11 }, (_, index) => [index + 1, ids.includes(index + 1)]));
      // Legitimate interest is everywhere, as it is until the visitor objects.
      const legitimateInterests = every([2, 7, 8, 9, 10]);
      state = gdprApplies ? { gdprApplies, eventStatus, purpose: { consents: every(purposes), legitimateInterests }, vendor: { consents: {}, legitimateInterests: {} } } : { gdprApplies, eventStatus, purpose: { consents: {}, legitimateInterests: {} } };
      for (const [id, listener] of listeners) listener(data(id), true);
    };
    const purposes = choice => Object.keys(purposesOf).filter(name => choice[name]).flatMap(name => purposesOf[name]);
    const arrive = () => {
      const queue = typeof window.__tcfapi === "function" ? window.__tcfapi() : [];
      window.__tcfapi = (command, version, callback, parameter) => {
        if (command === "addEventListener") {
          const id = listeners.size + 1;
          listeners.set(id, callback);
          callback(data(id), true);
        } else if (command === "removeEventListener") callback(listeners.delete(parameter));
        else callback(null, false);
      };
      for (const call of queue) window.__tcfapi(...call);
    };
    return {
      prepare() {
        const queue = [];
        window.__tcfapi = (...call) => {
          if (call.length === 0) return queue;
          if (call[0] === "ping") call[2]({ gdprApplies: undefined, cmpLoaded: false, cmpStatus: "stub", apiVersion: "2.2" }, true);
          else queue.push(call);
        };
      },
      arrive(choice) {
        change(choice ? "tcloaded" : "cmpuishown", choice ? purposes(choice) : []);
        arrive();
      },
      choose(choice) {
        // The dialog opens with what was chosen before.
        change("cmpuishown", Object.keys(state.purpose.consents).filter(id => state.purpose.consents[id]).map(Number));
        change("useractioncomplete", purposes(choice));
      },
      imply() {
        change("tcloaded", [], false);
        arrive();
      },
      consent(ids) {
        change("useractioncomplete", ids);
      },
    };
  })();

  const oneTrust = (() => {
    let isClosed = false;
    const update = choice => {
      const groups = ["C0001", ...(choice.statistics ? ["C0002"] : []), ...(choice.preferences ? ["C0003"] : []), ...(choice.marketing ? ["C0004", "C0005"] : [])];
      window.OnetrustActiveGroups = window.OptanonActiveGroups = `,${groups.join(",")},`;
      if (window.OptanonWrapper) window.OptanonWrapper();
      tell(window, "OneTrustGroupsUpdated", groups);
    };
    const arrive = (choice, closed) => {
      isClosed = closed;
      window.OneTrust = { IsAlertBoxClosed: () => isClosed, OnConsentChanged() {} };
      update(choice);
    };
    return {
      prepare() {},
      arrive: choice => arrive(choice || {}, !!choice),
      choose(choice) {
        isClosed = true;
        update(choice);
      },
      imply: () => arrive(all, false),
    };
  })();

  const cookiebot = (() => {
    const events = choice => {
      tell(window, "CookiebotOnConsentReady");
      tell(window, Object.values(choice).some(Boolean) ? "CookiebotOnAccept" : "CookiebotOnDecline");
    };
    const answer = (choice, method) => {
      const isAccepted = Object.values(choice).some(Boolean);
      const { preferences = false, statistics = false, marketing = false } = choice;
      Object.assign(window.Cookiebot, { consent: { necessary: true, preferences, statistics, marketing, method }, consented: isAccepted, declined: !isAccepted, hasResponse: true });
      events(choice);
    };
    const arrive = () => {
      window.Cookiebot = { consent: { necessary: true, preferences: false, statistics: false, marketing: false, method: null }, consented: false, declined: false, hasResponse: false, doNotTrack: false };
      tell(window, "CookiebotOnLoad");
    };
    return {
      prepare() {},
      arrive(choice) {
        arrive();
        if (choice) answer(choice, "explicit");
      },
      choose: choice => answer(choice, "explicit"),
      imply() {
        arrive();
        answer(all, "implied");
      },
    };
  })();

  const slugs = { preferences: "functional", statistics: "statistics", marketing: "marketing" };

  const usercentrics2 = (() => {
    let chosen = {};
    let isRequired = true;
    const status = type => tell(window, "ucEvent", { event: "consent_status", action: type === "explicit" ? "onUpdateServices" : "onInitialPageLoad", type, ucCategory: Object.fromEntries(Object.keys(slugs).map(name => [slugs[name], !!chosen[name]])) });
    const service = (id, categorySlug, isGiven) => ({ id, name: id, categorySlug, consent: { status: isGiven, history: [] } });
    const arrive = (choice, required, type) => {
      chosen = choice;
      isRequired = required;
      window.UC_UI = {
        isInitialized: () => true,
        isConsentRequired: () => isRequired,
        getServicesBaseInfo: () => [service("essential-1", "essential", true), ...Object.keys(slugs).flatMap(name => [service(`${name}-1`, slugs[name], !!chosen[name]), service(`${name}-2`, slugs[name], !!chosen[name])])],
      };
      tell(window, "UC_UI_INITIALIZED");
      status(type);
    };
    return {
      prepare() {
        window.UC_UI = { isInitialized: () => false };
      },
      arrive: choice => arrive(choice || {}, !choice, choice ? "explicit" : "implicit"),
      choose(choice) {
        chosen = choice;
        isRequired = false;
        status("explicit");
      },
      imply: () => arrive(all, true, "implicit"),
    };
  })();

  const usercentrics3 = (() => {
    let details;
    const change = (choice, type) => {
      const categories = Object.fromEntries(Object.keys(slugs).map(name => [slugs[name], { state: choice[name] ? "ALL_ACCEPTED" : "ALL_DENIED" }]));
      details = { consent: { status: "SOME_ACCEPTED", required: true, type }, services: {}, categories: { essential: { essential: true, state: "ALL_ACCEPTED" }, ...categories } };
    };
    const arrive = (choice, type) => {
      change(choice, type);
      window.__ucCmp = { isInitialized: async () => true, getConsentDetails: async () => details };
      tell(window, "UC_UI_INITIALIZED");
      tell(window, "UC_CONSENT", details);
    };
    return {
      prepare() {},
      arrive: choice => arrive(choice || {}, choice ? "EXPLICIT" : "IMPLICIT"),
      choose(choice) {
        change(choice, "EXPLICIT");
        tell(window, "UC_CONSENT", details);
      },
      imply: () => arrive(all, "IMPLICIT"),
    };
  })();

  const wordPress = (() => {
    const cookie = category => document.cookie.split("; ").map(pair => pair.split("=")).find(([name]) => name === `wp_consent_${category}`)?.[1] ?? "";
    const set = (category, value) => {
      const before = cookie(category);
      document.cookie = `wp_consent_${category}=${value};path=/`;
      if (before !== value) tell(document, "wp_listen_for_consent_change", { [category]: value });
    };
    const values = choice => ({ functional: true, preferences: choice.preferences, "statistics-anonymous": choice.statistics, statistics: choice.statistics, marketing: choice.marketing });
    const prepare = () => {
      window.consent_api = { consent_type: "", waitfor_consent_hook: "", cookie_expiration: 30, cookie_prefix: "wp_consent" };
      // Without a consent type there is no consent management, and everything is permitted.
      window.wp_has_consent = category => {
        const type = window.wp_consent_type;
        return !type || (type.includes("optout") && cookie(category) === "") || cookie(category) === "allow";
      };
      window.wp_set_consent = set;
    };
    const arrive = type => {
      if (!window.wp_has_consent) prepare();
      window.wp_consent_type = type;
      tell(document, "wp_consent_type_defined");
    };
    return {
      prepare,
      arrive(choice) {
        if (choice) for (const [category, isAllowed] of Object.entries(values(choice))) document.cookie = `wp_consent_${category}=${isAllowed ? "allow" : "deny"};path=/`;
        arrive("optin");
      },
      choose(choice) {
        for (const [category, isAllowed] of Object.entries(values(choice))) set(category, isAllowed ? "allow" : "deny");
      },
      imply: () => arrive("optout"),
    };
  })();

  window.consentTools = { tcf, oneTrust, cookiebot, usercentrics2, usercentrics3, wordPress };
})();
