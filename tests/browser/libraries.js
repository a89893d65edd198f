// Stand-ins for vendors' libraries. Each takes over what the page queued for it, as the real one does, and notes what it found there and what it
// is told later. Notes outlive a reload of the page: they are kept in the tab's session storage.
(() => {
  const key = "what libraries were told";
  const all = () => JSON.parse(sessionStorage.getItem(key) || "[]");
  const note = entry => sessionStorage.setItem(key, JSON.stringify([...all(), { page: performance.timeOrigin, ...entry }]));

  // Times and functions are only named; what cannot be written as JSON is named by its class.
  const plain = value => {
    if (typeof value === "function") return "function";
    if (Object.prototype.toString.call(value) === "[object Date]") return "date";
    try {
      return JSON.parse(JSON.stringify(value ?? null));
    } catch {
      return Object.prototype.toString.call(value);
    }
  };
  const list = call => Array.from(call, plain);
  const lists = queue => (queue ? Array.from(queue, list) : []);

  // An object that answers every method by noting it; `own` are its other properties.
  const object = (hear, own = {}) =>
    new Proxy(own, {
      get: (known, name) => (name in known || typeof name !== "string" || name.startsWith("_") ? known[name] : (...args) => hear([name, ...args])),
    });

  // As Google reads its layer: commands are Arguments objects; an array is no command.
  const entry = pushed => {
    if (Object.prototype.toString.call(pushed) === "[object Arguments]") return list(pushed);
    return Array.isArray(pushed) ? ["(an array)", ...list(pushed)] : ["(an object)", plain({ ...pushed, "gtm.start": 0 })];
  };
  const google = hear => {
    const layer = window.dataLayer;
    const found = Array.isArray(layer) ? Array.from(layer, entry) : [["(no layer)"]];
    if (Array.isArray(layer) && !layer.heard) {
      const push = layer.push;
      layer.heard = true;
      layer.push = function (...pushed) {
        pushed.forEach(one => hear(entry(one)));
        return push.apply(this, pushed);
      };
    }
    return found;
  };

  const segment = name => hear => {
    const queue = window[name];
    window[name] = object(hear, { initialize() {}, initialized: true, invoked: true });
    return [["key", queue && queue._writeKey], ...lists(queue)];
  };
  const recorder = name => hear => {
    const queue = window[name] || [];
    const named = Object.fromEntries((queue._i || []).filter(call => call[2] && call[2] !== name).map(call => [call[2], object(call => hear([`${call[2]}.${call[0]}`, ...call.slice(1)]))]));
    window[name] = object(hear, { __loaded: true, config: {}, people: object(call => hear([`people.${call[0]}`])), ...named });
    return [...(queue._i || []).map(call => ["init", ...list(call)]), ...lists(queue)];
  };
  const caller = (name, queue, take) => hear => {
    const known = window[name];
    const found = lists(known && known[queue]);
    if (known && known[queue]) known[queue].length = 0;
    const heard = (...args) => hear(args);
    if (take) (known || (window[name] = heard))[take] = heard;
    else window[name] = heard;
    return found;
  };

  // A queue that takes objects, and is one that hears them once the library has come.
  const pushed = name => hear => {
    const found = (window[name] || []).map(one => [plain(one)]);
    window[name] = { push: (...ones) => ones.forEach(one => hear([one])) };
    return found;
  };

  // What each library does as it runs: gives what it found, and hears what it is told from then on.
  const arrivals = {
    "adobe-analytics": () => lists(window.adobeDataLayer && window.adobeDataLayer.map(one => [one])),
    adroll: hear => {
      const found = [["settings", window.adroll_adv_id, window.adroll_pix_id], ...(window.adroll || []).map(([name, args]) => [name, ...list(args)])];
      window.adroll = object(hear);
      return found;
    },
    amplitude: hear => {
      // The real one puts its methods in the place of the queue's.
      const known = window.amplitude || (window.amplitude = {});
      const found = (known._q || []).map(call => [call.name, ...list(call.args)]);
      for (const name of Object.keys(known).filter(name => typeof known[name] === "function")) known[name] = (...args) => hear([name, ...args]);
      return found;
    },
    braze: hear => {
      // As the real one keeps a refusal, in a cookie.
      const cookie = "ab.optOut";
      window.braze = object(hear, {
        isDisabled: () => document.cookie.includes(cookie),
        disableSDK() {
          document.cookie = `${cookie}=1;path=/`;
          hear(["disableSDK"]);
        },
        enableSDK() {
          document.cookie = `${cookie}=;path=/;expires=Thu, 01 Jan 1970 00:00:00 GMT`;
          hear(["enableSDK"]);
        },
      });
      return [];
    },
    crisp: hear => {
      const found = [["settings", window.CRISP_WEBSITE_ID, plain(window.CRISP_RUNTIME_CONFIG)], ...lists(window.$crisp)];
      window.$crisp = { push: call => hear(call) };
      return found;
    },
    criteo: pushed("criteo_q"),
    databuddy: () => {
      window.databuddy = { options: { ...window.databuddyConfig } };
      return [["settings", plain(window.databuddyConfig)]];
    },
    "front-chat": hear => {
      window.FrontChat = (...args) => hear(args);
      return [];
    },
    fullstory: hear => [["settings", window._fs_org], ...caller("FS", "q")(hear)],
    "google-ads": google,
    "google-analytics": google,
    "google-tag-manager": google,
    heap: hear => {
      const found = [["settings", window.heap && window.heap.envId], ...(window.heapReadyCb || []).map(call => [call.name])];
      window.heapReadyCb = [];
      window.heap = object(hear, { envId: window.heap && window.heap.envId });
      return found;
    },
    hightouch: segment("htevents"),
    hotjar: hear => [["settings", plain(window._hjSettings)], ...caller("hj", "q")(hear)],
    hubspot: hear => {
      const found = [["banner", !window.disableHubSpotCookieBanner]];
      for (const name of ["_hsp", "_hsq"]) {
        found.push(...lists(window[name]));
        window[name] = { push: call => hear(call) };
      }
      return found;
    },
    intercom: hear => [["settings", plain(window.intercomSettings)], ...caller("Intercom", "q")(hear)],
    // Reads its queue, leaves it there, and hears what is pushed from then on.
    "matomo-tag-manager": hear => {
      const layer = window._mtm || (window._mtm = []);
      const push = layer.push;
      layer.push = (...pushed) => {
        pushed.forEach(one => hear([plain({ ...one, "mtm.startTime": 0 })]));
        return push.apply(layer, pushed);
      };
      window.MatomoTagManager = {};
      return layer.map(one => [plain({ ...one, "mtm.startTime": 0 })]);
    },
    "linkedin-insights": hear => [["settings", plain(window._linkedin_data_partner_ids)], ...caller("lintrk", "q")(hear)],
    logrocket: hear => {
      window.LogRocket = object(hear);
      return [];
    },
    "matomo-analytics": hear => {
      // As the real one keeps consent: a refusal is a cookie that outlasts the page, and only consent given again deletes it.
      const cookie = "mtm_consent_removed";
      let required = document.cookie.includes(cookie);
      let given = false;
      const act = ([name]) => {
        if (name === "requireConsent") required = true;
        if (name === "forgetConsentGiven") {
          required = true;
          given = false;
          document.cookie = `${cookie}=1;path=/`;
        }
        if (name === "setConsentGiven") {
          given = true;
          document.cookie = `${cookie}=;path=/;expires=Thu, 01 Jan 1970 00:00:00 GMT`;
        }
        if (name === "trackPageView") waiting = true;
        if (waiting && (given || !required)) {
          waiting = false;
          note({ counted: "matomo-analytics" });
        }
      };
      let waiting = false;
      const queue = window._paq || [];
      const found = lists(queue);
      // Matomo applies these before the rest, whatever the order.
      const first = ["setTrackerUrl", "setSiteId", "requireConsent", "disableCookies"];
      [...queue].sort((a, b) => first.includes(b[0]) - first.includes(a[0])).forEach(act);
      window._paq = {
        push: (...calls) =>
          calls.forEach(call => {
            hear(call);
            act(call);
          }),
      };
      window.Matomo = { getTracker: () => object(hear) };
      return found;
    },
    "meta-pixel": caller("fbq", "queue", "callMethod"),
    "microsoft-clarity": caller("clarity", "q"),
    "microsoft-uet": hear => {
      window.UET = function ({ q }) {
        hear(["made", ...q]);
        this.push = (...parts) => hear(parts);
      };
      return [];
    },
    mixpanel: recorder("mixpanel"),
    mouseflow: hear => {
      window.mouseflow = object(hear);
      return [["settings"]];
    },
    "new-relic": hear => {
      const { init, info, loader_config } = window.NREUM || {};
      window.newrelic = { consent: given => hear(["consent", given]) };
      return [["settings", plain(init), plain(info), plain(loader_config)]];
    },
    onesignal: hear => {
      const found = [];
      let say = call => found.push(list(call));
      const sdk = object(call => say(call));
      for (const wanted of window.OneSignalDeferred || []) wanted(sdk);
      say = hear;
      window.OneSignalDeferred = { push: wanted => wanted(sdk) };
      return found;
    },
    "openai-pixel": caller("oaiq", "q"),
    optimizely: pushed("optimizely"),
    outbrain: hear => [["settings", plain(window.obApi && window.obApi.marketerId)], ...caller("obApi", "queue", "dispatch")(hear)],
    pinterest: caller("pintrk", "queue"),
    pirsch: hear => {
      window.pirschInit = () => hear(["pirschInit"]);
      const settings = document.getElementById("pianjs");
      return [["settings", settings && settings.getAttribute("data-code")]];
    },
    "plausible-analytics": hear => [["settings", plain(window.plausible && window.plausible.o)], ...caller("plausible", "q")(hear)],
    posthog: recorder("posthog"),
    quora: caller("qp", "queue", "qp"),
    "reddit-pixel": caller("rdt", "callQueue", "sendEvent"),
    rudderstack: hear => {
      const found = lists(window.rudderanalytics);
      window.rudderanalytics = object(hear);
      return found;
    },
    segment: segment("analytics"),
    sentry: hear => {
      // The loader, which fetches the SDK at once here.
      let client;
      window.Sentry = {
        forceLoad() {},
        init(options) {
          const own = new Proxy(
            { ...options },
            {
              set(known, name, value) {
                hear([name, value]);
                known[name] = value;
                return true;
              },
            },
          );
          client = { getOptions: () => own };
          hear(["init", options]);
        },
        getClient: () => client,
      };
      const onLoad = window.sentryOnLoad;
      if (onLoad) Promise.resolve().then(onLoad);
      return [["settings"]];
    },
    "snapchat-pixel": caller("snaptr", "queue", "handleRequest"),
    snowplow: hear => [["settings", plain(window.GlobalSnowplowNamespace)], ...caller("snowplow", "q")(hear)],
    taboola: pushed("_tfa"),
    "tawk-to": hear => {
      const api = window.Tawk_API || (window.Tawk_API = {});
      for (const name of ["start", "shutdown", "hideWidget", "showWidget"]) api[name] = (...args) => hear([name, ...args]);
      return [["settings", plain(api)]];
    },
    "tiktok-pixel": hear => {
      const queue = window.ttq || [];
      const pixels = Object.entries(queue._i || {});
      const found = [...lists(queue), ...pixels.flatMap(([id, calls]) => [["pixel", id], ...lists(calls).map(([name, ...args]) => [`${id}.${name}`, ...args])])];
      queue.length = 0;
      for (const method of queue.methods || []) queue[method] = (...args) => hear([method, ...args]);
      queue.instance = id => object(([name, ...args]) => hear([`${id}.${name}`, ...args]));
      return found;
    },
    "vercel-analytics": hear => [["settings", window.vam], ...(() => {
      const found = lists(window.vaq);
      window.va = (...args) => hear(args);
      return found;
    })()],
    "vercel-speed-insights": hear => {
      const found = lists(window.siq);
      const hook = (window.siq || []).filter(call => call[0] === "beforeSend").pop();
      window.drops = report => !!hook && hook[1](report) === null;
      window.si = (...args) => hear(args);
      return found;
    },
    "x-pixel": caller("twq", "queue", "exe"),
    "yandex-metrica": caller("ym", "a"),
    zendesk: hear => {
      window.zE = (...args) => hear(args);
      return [["settings", plain(window.zESettings)]];
    },
  };

  // The last call that says something, of these.
  const last = (calls, says) => calls.map(says).filter(said => said !== undefined).pop();
  const named = words => calls => last(calls, ([name]) => words[name]);
  const yesOrNo = command => calls => last(calls, ([name, said]) => (name === command ? (said ? "granted" : "denied") : undefined));
  const optedIn = (yes, no, byDefault) => calls =>
    last(calls, ([name, , options]) => ({ [yes]: "granted", [no]: "denied", init: options && options[byDefault] ? "denied" : undefined })[name]);
  const signal = name => calls => {
    const state = {};
    for (const kind of ["default", "update"])
      for (const [command, what, signals] of calls) if (command === "consent" && what === kind) Object.assign(state, signals);
    return state[name];
  };

  // What a vendor takes the visitor's consent to be, by all that it was told: "granted", "denied", or nothing where it was not told.
  const states = {
    amplitude: calls => last(calls, ([name, first, options]) => (name === "init" ? (options && options.optOut ? "denied" : "granted") : name === "setOptOut" ? (first ? "denied" : "granted") : undefined)),
    braze: named({ openSession: "granted", disableSDK: "denied" }),
    databuddy: () => (window.databuddy && window.databuddy.options.disabled ? "denied" : "granted"),
    "front-chat": named({ init: "granted", shutdown: "denied" }),
    fullstory: named({ settings: "granted", restart: "granted", shutdown: "denied" }),
    "google-ads": signal("ad_storage"),
    "google-analytics": signal("analytics_storage"),
    "google-tag-manager": signal("ad_storage"),
    heap: named({ settings: "granted", startTracking: "granted", stopTracking: "denied" }),
    // It needs both: consent to analytics, and not to have been told to stop.
    hubspot: calls => {
      const analytics = last(calls, ([name, said]) => (name === "setHubSpotConsent" ? said.analytics : undefined));
      const tracks = last(calls, ([name, said]) => (name === "doNotTrack" ? !!(said && said.track) : undefined));
      return analytics && tracks ? "granted" : "denied";
    },
    intercom: named({ settings: "granted", boot: "granted", shutdown: "denied" }),
    "matomo-analytics": named({ setSiteId: "granted", requireConsent: "denied", forgetConsentGiven: "denied", setConsentGiven: "granted" }),
    "meta-pixel": calls => last(calls, ([name, said]) => (name === "consent" ? { grant: "granted", revoke: "denied" }[said] : undefined)),
    "microsoft-clarity": calls =>
      last(calls, ([name, said]) => ({ stop: "denied", consentv2: said && (said.analytics_Storage || said.analytics_storage), consent: said === false ? "denied" : "granted" })[name]),
    "microsoft-uet": calls => last(calls.flat(), part => (part && part.ad_storage) || undefined),
    mixpanel: optedIn("opt_in_tracking", "opt_out_tracking", "opt_out_tracking_by_default"),
    mouseflow: named({ settings: "granted", start: "granted", stop: "denied" }),
    "new-relic": yesOrNo("consent"),
    onesignal: yesOrNo("setConsentGiven"),
    "openai-pixel": yesOrNo("consent"),
    pinterest: yesOrNo("setconsent"),
    // With cookieless_mode "on_reject" PostHog records nothing until it is told either.
    posthog: calls =>
      last(calls, ([name, , options]) => ({
        opt_in_capturing: "granted", opt_out_capturing: "denied",
        init: options && (options.opt_out_capturing_by_default || options.cookieless_mode === "on_reject") ? "denied" : undefined,
      })[name]),
    "reddit-pixel": named({ init: "granted", enableFirstPartyCookies: "granted", disableFirstPartyCookies: "denied" }),
    rudderstack: calls => {
      const load = calls.find(([name]) => name === "load");
      const waits = load && load[3] && load[3].preConsent && load[3].preConsent.enabled;
      return last(calls, ([name, said]) => (name === "consent" ? (said.consentManagement.allowedConsentIds.length ? "granted" : "denied") : undefined)) ?? (waits ? "denied" : "granted");
    },
    sentry: calls => last(calls, ([name, said]) => ({ init: said && said.enabled === false ? "denied" : "granted", enabled: said ? "granted" : "denied" })[name]),
    snowplow: calls =>
      last(calls, ([name, , , options]) => {
        if (name === "newTracker") return options && options.anonymousTracking ? "denied" : "granted";
        return { enableAnonymousTracking: "denied", disableAnonymousTracking: "granted" }[name.split(":")[0]];
      }),
    "tawk-to": named({ settings: "granted", start: "granted", shutdown: "denied" }),
    "tiktok-pixel": named({ grantConsent: "granted", revokeConsent: "denied", holdConsent: "denied" }),
    "vercel-speed-insights": () => (window.drops && window.drops({}) ? "denied" : "granted"),
    zendesk: calls => last(calls, ([name, what, said]) => (name === "messenger:set" && what === "cookies" ? (said === "all" ? "granted" : "denied") : undefined)),
  };

  // Google's two libraries read one layer, of which the one that arrived first notes what is pushed later.
  const ofGoogle = vendor => vendor.startsWith("google-");
  const heardBy = vendor => {
    const notes = all();
    // On this page, if it ran here: a page that comes out of the back/forward cache is not the last one.
    const ran = notes.filter(one => one.library === vendor);
    const page = (ran.findLast(one => one.page === performance.timeOrigin) ?? ran.at(-1))?.page;
    const here = notes.filter(one => one.page === page);
    const from = here.findIndex(one => one.library === vendor);
    return [...(here[from]?.found ?? []), ...here.slice(from + 1).filter(one => one.told === vendor || (ofGoogle(vendor) && one.told && ofGoogle(one.told))).map(one => one.call)];
  };

  window.libraries = {
    arrive(vendor) {
      note({ library: vendor, found: arrivals[vendor](call => note({ told: vendor, call: list(call) })) });
    },
    // The vendors whose library ran, once for each time.
    ran: () => all().filter(one => one.library).map(one => one.library),
    // Everything that a vendor's library found and was told on this page, or on the page where it ran last.
    heardBy,
    // The notes of what happened since the last look.
    notes: from => all().slice(from),
    counted: () => all().filter(one => one.counted).length,
    state: vendor => (all().some(one => one.library === vendor) ? states[vendor](heardBy(vendor)) : undefined),
    known: () => ({ arrivals: Object.keys(arrivals), states: Object.keys(states) }),
  };
})();
