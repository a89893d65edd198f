// What a page ends up with from the npm package's function of a vendor and from our scripts, run by the same client through the same changes of consent,
// and every difference that is meant, with its reason. NpmPackageComparisonTests runs it, one frame a page, and fails on any difference that is not here, on
// one here that never shows, and on a type, a setting or a function of the package without a case.
window.comparison = (() => {
  const all = ['necessary', 'functionality', 'experience', 'measurement', 'marketing'];
  const signals = ['security_storage', 'functionality_storage', 'personalization_storage', 'analytics_storage', 'ad_storage', 'ad_user_data', 'ad_personalization'];
  const token = '0123456789abcdef0123456789abcdef';

  // By type: the package's function, and the options of each case, which are our settings too unless `settings` says otherwise (null: ours leaves one out).
  // `required` is the required consent ("necessary" where the package's script always loads), `granted` and `denied` the two sets the page moves between,
  // `page` globals that the page itself has.
  const types = {
    'adobe-analytics': ['adobeAnalytics',
      { options: { scriptUrl: 'https://assets.adobedtm.com/a/launch-b.min.js' } },
      { options: { scriptUrl: 'https://own.example/launch.js', async: false, seedAdobeDataLayer: false } },
      { options: { scriptUrl: 'https://own.example/launch.js', async: true, seedAdobeDataLayer: true } }],
    'ahrefs-analytics': ['ahrefsAnalytics',
      { options: { key: 'k+1' } },
      { options: { key: ' k/2= ' } },
      { options: { key: 'k', scriptUrl: 'https://ah.example/a.js' } }],
    amplitude: ['amplitude',
      { options: { apiKey: ' key ' } },
      { options: { apiKey: 'key', initOptions: { autocapture: false, optOut: true }, scriptUrl: 'https://am.example/a.js' } },
      { options: { apiKey: 'key', initOptions: { serverZone: 'EU', optOut: false } } }],
    clearbit: ['clearbit',
      { options: { publishableKey: ' pk_a ' } },
      { options: { publishableKey: 'pk_a', scriptUrl: 'https://cb.example/tags.js' } },
      { options: { publishableKey: 'a_b-c' } }],
    'cloudflare-web-analytics': ['cloudflareWebAnalytics',
      { options: { token: 'abc' } },
      { options: { token: ' abc ', spa: false, scriptUrl: 'https://cf.example/e.js' } },
      { options: { token: 'abc', spa: true } }],
    crisp: ['crisp',
      { options: { websiteId: 'a-1' } },
      { options: { websiteId: 'a-1', locale: 'de', cookieDomain: 'site.example', cookieExpiry: 60, tokenId: 'x', sessionMerge: false, safeMode: true, scriptSrc: 'https://cr.example/l.js' } },
      { options: { websiteId: 'a-1', sessionMerge: true, safeMode: false } },
      { options: { websiteId: 'a-1', locale: 'fr' } }],
    databuddy: ['databuddy',
      { options: { clientId: 'a', configWhenGranted: { trackErrors: true, disabled: false }, configWhenDenied: { disabled: true } }, required: 'necessary' },
      { options: { clientId: 'a', configWhenGranted: { disabled: false }, configWhenDenied: { x: 1, disabled: true } }, required: 'necessary' },
      { options: { clientId: 'a', apiUrl: 'https://basket.example', scriptUrl: 'https://db.example/databuddy.js', configWhenGranted: {}, configWhenDenied: {} }, required: 'necessary' }],
    'fathom-analytics': ['fathomAnalytics',
      { options: { site: 'ABC' } },
      { options: { site: 'ABC', spa: 'auto', auto: false, canonical: true, honorDnt: true } },
      { options: { site: 'ABC', spa: 'hash', auto: true, canonical: false, honorDnt: false, scriptUrl: 'https://fa.example/script.js' } },
      { options: { site: 'ABC', spa: 'history' } }],
    'google-analytics': ['gtag',
      { options: { id: 'G-A', category: 'measurement' } },
      { options: { id: 'G-A', category: 'measurement' }, required: 'necessary', granted: all, denied: [] },
      { options: { id: 'AW-1', category: 'marketing' }, required: 'marketing', granted: ['marketing', 'experience'] },
      { options: { id: 'G-A', category: 'measurement', consentMapping: { measurement: ['analytics_storage'], marketing: ['ad_storage', 'ad_user_data'] } }, granted: ['measurement', 'functionality'] }],
    'google-tag-manager': ['googleTagManager',
      { options: { id: 'GTM-A' }, required: 'necessary', granted: all, denied: [] },
      { options: { id: 'GTM-A', consentMapping: { marketing: ['ad_storage'] } }, required: 'necessary' },
      { options: { id: 'GTM-B', updateEventName: 'consent.changed' }, required: 'necessary', granted: ['functionality', 'measurement'], denied: ['marketing'] }],
    heap: ['heap',
      { options: { envId: ' 12 ' } },
      { options: { envId: '12', clientConfig: { disableTextCapture: true, shouldFetchServerConfig: true }, scriptUrl: 'https://heap.example/a.js' } },
      { options: { envId: '12', clientConfig: { secureCookie: true } } }],
    hightouch: ['hightouch',
      { options: { writeKey: ' key ' } },
      { options: { writeKey: 'key', apiHost: 'us-east-1.hightouch-events.com', trackPageView: false, scriptUrl: 'https://ht.example/a.js' } },
      { options: { writeKey: 'key', trackPageView: true, apiHost: 'eu.hightouch-events.com' } }],
    hotjar: ['hotjar',
      { options: { siteId: 12 } },
      { options: { siteId: '12', version: 7, scriptUrl: 'https://hj.example/e.js' } },
      { options: { siteId: '12' } }],
    intercom: ['intercom',
      { options: { appId: 'abc' } },
      { options: { appId: 'abc', apiBase: 'https://api-iam.eu.intercom.io', settings: { alignment: 'left', app_id: 'other' }, scriptSrc: 'https://ic.example/w.js' } },
      { options: { appId: 'abc', settings: { hide_default_launcher: true } } },
      { options: { appId: 'abc', settings: { alignment: 'left' } }, page: { intercomSettings: { user_id: '7', alignment: 'right' } } }],
    'linkedin-insights': ['linkedinInsights',
      { options: { id: '12' } },
      { options: { id: '12', scriptSrc: 'https://li.example/e.js' } },
      { options: { id: '345' } }],
    logrocket: ['logRocket',
      { options: { appId: 'org/app' } },
      { options: { appId: ' org/app ', initOptions: { dom: { inputSanitizer: true } } } },
      { options: { appId: 'org/app', scriptUrl: 'https://lr.example/a.js', asyncScriptUrl: 'https://lr.example/b.js' } }],
    'matomo-analytics': ['matomoAnalytics',
      { options: { matomoUrl: 'https://ma.example/', siteId: 7 } },
      { options: { trackerUrl: 'https://ma.example/t.php', scriptUrl: 'https://ma.example/t.js', enableLinkTracking: true, disableCookies: true, trackPageView: false } },
      { options: { matomoUrl: 'https://ma.example', defaultConsent: 'required' } },
      { options: { matomoUrl: 'https://ma.example', defaultConsent: 'given', enableLinkTracking: false, disableCookies: false, trackPageView: true } },
      { options: { matomoUrl: 'https://ma.example', defaultConsent: 'required' }, required: 'necessary' },
      { options: { matomoUrl: 'https://ma.example', defaultConsent: 'given' }, required: 'necessary' },
      { options: { cloudId: 'my-site.matomo.cloud' } },
      { options: { cloudId: 'my-site' } }],
    'meta-pixel': ['metaPixel',
      { options: { pixelId: '12' } },
      { options: { pixelId: '12', initOptions: { em: 'x' }, trackPageView: false, dataProcessingOptions: { options: ['LDU'], country: 1 }, scriptSrc: 'https://own.example/fb.js' } },
      { options: { pixelId: '12', trackPageView: true, dataProcessingOptions: { options: [] } } }],
    'microsoft-clarity': ['clarity',
      { options: { id: 'abc' } },
      { options: { id: 'abc' }, granted: ['measurement', 'marketing'], denied: [] },
      { options: { id: 'abc', defaultConsent: { ad_storage: 'denied' } }, granted: ['measurement', 'marketing'] },
      { options: { id: 'abc', defaultConsent: true } },
      { options: { id: 'abc', scriptUrl: 'https://cl.example/a.js' } }],
    'microsoft-uet': ['microsoftUet',
      { options: { id: '12' }, required: 'necessary' },
      { options: { id: '12', scriptSrc: 'https://uet.example/bat.js' }, required: 'necessary' },
      { options: { id: '345' }, required: 'necessary', granted: all, denied: [] },
      { options: { id: '12' } }],
    mixpanel: ['mixpanelAnalytics',
      { options: { token }, required: 'necessary' },
      { options: { token, initOptions: { debug: true } }, required: 'necessary' },
      { options: { token, scriptUrl: 'https://mp.example/a.js' }, required: 'necessary', granted: all, denied: [] }],
    pirsch: ['pirsch',
      { options: { identificationCode: ' abc ' } },
      { options: { identificationCode: 'abc', domain: ['a.example:code', ' b.example '], dev: 'a.example', hitEndpoint: '/hit', eventEndpoint: '/event', disablePageViews: true, extended: true } },
      { options: { identificationCode: 'abc', domain: 'a.example', disablePageViews: false, extended: false, scriptUrl: 'https://pi.example/pa.js' } }],
    'plausible-analytics': ['plausibleAnalytics',
      { options: { domain: 'a.example' } },
      { options: { domain: ' a.example ', extension: ['hash', 'outbound-links'], endpoint: 'https://pl.example/event' } },
      { options: { scriptId: ' Ab-1 ', customProperties: { plan: 'x' }, endpoint: '/event', fileDownloads: { fileExtensions: ['pdf'] }, hashBasedRouting: true, autoCapturePageviews: false, captureOnLocalhost: true } },
      { options: { scriptId: 'Ab-1', fileDownloads: {}, hashBasedRouting: false, autoCapturePageviews: true, captureOnLocalhost: false, scriptUrl: 'https://pl.example/js/a.js' } }],
    posthog: ['posthog',
      { options: { id: 'phc_x' }, required: 'necessary' },
      { options: { id: 'phc_x', region: 'us', uiHost: 'https://us.posthog.com' }, required: 'necessary', granted: all, denied: [] },
      { options: { id: 'phc_x', apiHost: 'https://ph.example/', initOptions: { autocapture: false } }, required: 'necessary' },
      { options: { id: 'phc_x', scriptUrl: 'https://ph.example/array.js', loadMode: 'always' }, required: 'necessary' },
      { options: { id: 'phc_x', loadMode: 'after-consent' }, required: 'necessary' },
      { options: { id: 'phc_x', loadMode: 'after-consent' } },
      { options: { id: 'phc_x', loadMode: 'disabled' }, required: 'necessary' }],
    promptwatch: ['promptwatch',
      { options: { projectId: ' a-1 ' } },
      { options: { projectId: 'a-1', scriptUrl: 'https://pw.example/a.js' } },
      { options: { projectId: 'b' } }],
    'reddit-pixel': ['redditPixel',
      { options: { pixelId: 't2_x' } },
      { options: { pixelId: 't2_x', trackPageVisit: false, initOptions: { debug: true }, disableFirstPartyCookies: true, scriptUrl: 'https://rd.example/e.js' } },
      { options: { pixelId: 't2_x', trackPageVisit: true, disableFirstPartyCookies: false } }],
    rudderstack: ['rudderstack',
      { options: { writeKey: 'key', dataPlaneUrl: 'https://rs.example' } },
      { options: { writeKey: ' key ', dataPlaneUrl: 'https://rs.example', loadOptions: { useBeacon: true }, trackPageView: false, scriptUrl: 'https://rs.example/a.js' } },
      { options: { writeKey: 'key', dataPlaneUrl: 'https://rs.example', consentManagement: { mapping: { measurement: ['a', ' b '], marketing: ['c'] } } } },
      { options: {
        writeKey: 'key', dataPlaneUrl: 'https://rs.example', loadOptions: { useBeacon: true, preConsent: { trackConsent: true, storage: { strategy: 'session' } }, consentManagement: { x: 1 } },
        consentManagement: { mapping: { measurement: ['m'], marketing: ['c'] } } }, required: 'necessary' }],
    'rybbit-analytics': ['rybbitAnalytics',
      { options: { siteId: 12 } },
      { options: {
        siteId: ' b2 ', autoTrackPageview: false, trackSpa: true, trackQuery: false, trackOutbound: true, trackErrors: true, sessionReplay: false, webVitals: true,
        skipPatterns: ['/a/*', '/b'], maskPatterns: [], debounce: 250.5, analyticsHost: 'https://ry.example/api/' } },
      { options: { siteId: 'b2', apiKey: 'rb_key', maskPatterns: ['/c'], scriptUrl: 'https://ry.example/s.js' } }],
    segment: ['segment',
      { options: { writeKey: 'key' } },
      { options: { writeKey: 'key', trackPageView: false } },
      { options: { writeKey: 'key', trackPageView: true, scriptUrl: 'https://sg.example/a.js' } }],
    'snapchat-pixel': ['snapchatPixel',
      { options: { pixelId: 'a-1' } },
      { options: { pixelId: 'a-1', initOptions: { user_email: 'x' }, trackPageView: false } },
      { options: { pixelId: 'a-1', trackPageView: true, scriptUrl: 'https://sc.example/s.js' } }],
    'tiktok-pixel': ['tiktokPixel',
      { options: { pixelId: 'C12' } },
      { options: { pixelId: 'C12', scriptSrc: 'https://tt.example/e.js' } },
      { options: { pixelId: 'D345' }, granted: all, denied: [] }],
    'umami-analytics': ['umamiAnalytics',
      { options: { websiteId: 'a-1' } },
      { options: { websiteId: 'a-1', hostUrl: 'https://um.example', autoTrack: false, domains: ['a.example', 'b.example'], tag: 'x', beforeSend: 'check' } },
      { options: { websiteId: 'a-1', autoTrack: true, scriptUrl: 'https://um.example/script.js' } }],
    'vercel-analytics': ['vercelAnalytics',
      { options: {} },
      { options: { dsn: 'abc', disableAutoTrack: true, endpoint: '/insights', mode: 'production', scriptUrl: 'https://ve.example/a.js' } },
      { options: { debug: true } },
      { options: { mode: 'development', disableAutoTrack: false } }],
    'x-pixel': ['xPixel',
      { options: { pixelId: 'o12' } },
      { options: { pixelId: 'o12', scriptSrc: 'https://x.example/uwt.js' } },
      { options: { pixelId: 'abc' } }],
  };

  // What differs on purpose. `apply` changes what the package's page ended up with into what is wanted; `look` says when the look was: `route` whether the sets up to then grant the
  // case's category, `granted` whether the present one does, `step` how many changes of consent there were before, `loaded` whether the libraries' load events have been,
  // `sets` the route's consent sets, `earlier` the package's page at the looks before.
  const unmapped = { reason: 'a signal that no mapping names is denied, not left untold', apply(page) {
    for (const entry of page.dataLayer || []) if (entry[0] === 'consent') for (const signal of signals) entry[2][signal] ??= 'denied';
  } };
  const differences = {
    amplitude: [
      { reason: "the vendor's snippet has the hash of its pinned version", apply(page) {
        for (const loader of page.loaders.filter(loader => loader.src.startsWith('https://cdn.amplitude.com/')))
          loader.attributes = { crossorigin: 'anonymous', integrity: 'sha384-wKPFeiuTJJ9WVWivFrKiIYtsaQQ5LQVX6Rw0MFTIamKKfAodswEIXCK9p9J+wx//' };
      } },
      { reason: 'the start says which state holds, whatever an earlier page left in the cookie, and each change is told', apply(page, look) {
        if (!page.amplitude) return;
        const own = (look.options.initOptions || {}).optOut === true;
        page.amplitude.calls[0][2].optOut = !grantedAtStart(look) || own;
        page.amplitude.calls.push(...changes(look).map(granted => ['setOptOut', !granted || own]));
      } }],
    crisp: [{ reason: 'a token opens one visitor\'s conversations, and every visitor gets the same snapshot', apply(page) {
      delete page.globals.CRISP_TOKEN_ID;
      if (page.crisp) delete page.crisp.token;
    } }],
    databuddy: [{ reason: 'the tracker is disabled from its start where consent is denied, whatever the configuration says', apply(page, look) { page.databuddy.config.disabled = !look.granted; } }],
    'google-analytics': [{ reason: 'what needs consent loads with it, not before; and withdrawal sets the vendor\'s own switch, and denies every signal', apply(page, look) {
      if (look.required === 'necessary') return;
      if (!started(look)) { forget(page, 'dataLayer', 'gtag'); return; }
      const states = page.dataLayer.filter(command => command[0] === 'consent').map(command => command[2]), first = look.route.indexOf(true);
      const told = look.route.map((granted, step) => granted ? states[step] : Object.fromEntries(Object.keys(states[step]).map(signal => [signal, 'denied'])));
      page.dataLayer = [['consent', 'default', told[first]], ...page.dataLayer.filter(command => command[0] !== 'consent'), ...told.slice(first + 1).map(state => ['consent', 'update', state])];
      if (changes(look).includes(false)) page.globals[`ga-disable-${look.options.id}`] = 'boolean';
      if (!look.granted) page.gaDisabled = [`ga-disable-${look.options.id}`];
      late(look, page);
    } }, unmapped],
    'google-tag-manager': [{ reason: 'the event after an update is pushed as Google documents it, not as a gtag event', apply(page) {
      page.dataLayer = page.dataLayer.map(entry => entry[0] === 'event' ? { event: entry[1] } : entry);
    } }, unmapped],
    heap: [
      { reason: "the vendor's present snippet has one name for the environment", apply(page) { if (page.heap) delete page.heap.alias; } },
      { reason: 'withdrawal stops the tracking and a new grant starts it', apply(page, look) {
        if (page.heap) page.heap.calls.push(...changes(look).map(granted => [granted ? 'startTracking' : 'stopTracking', 'function']));
      } }],
    hightouch: [{ reason: "the vendor's snippet loads the library itself instead of queueing a call that the library does not have, and numbers its version", apply(page) {
      if (!page.hightouch) return;
      page.hightouch.calls = page.hightouch.calls.filter(entry => entry[0] !== 'load');
      page.hightouch.version = '0.0.1';
    } }],
    hotjar: [{ reason: "the vendor's snippet has a number", apply(page) { if (page.hotjar) page.hotjar.settings.hjid = Number(page.hotjar.settings.hjid); } }],
    intercom: [{ reason: 'settings of the page itself, such as who is signed in, stay', apply(page, look) {
      if (page.intercom) page.intercom.settings = { ...look.page?.intercomSettings, ...page.intercom.settings };
    } }, { reason: 'withdrawal shuts the Messenger down and a new grant boots it', apply(page, look) {
      if (page.intercom) page.intercom.calls.push(...changes(look).map(granted => granted ? ['boot', page.intercom.settings] : ['shutdown']));
    } }],
    'matomo-analytics': [
      { reason: "the vendor's snippet loads a cloud's script from the CDN, which has no tracker", apply(page, { options: { cloudId } }) {
        if (!cloudId) return;
        const host = cloudId.includes('.') ? cloudId : `${cloudId}.matomo.cloud`;
        for (const loader of page.loaders) loader.src = `https://cdn.matomo.cloud/${host}/matomo.js`;
        for (const command of page.matomo || []) if (command[0] === 'setTrackerUrl') command[1] = `https://${host}/matomo.php`;
      } },
      { reason: 'what needs consent loads with it; where it always loads, nothing grants what the visitor denied; each grant is told, the one found at the start too, and each withdrawal; the page view is queued once', apply(page, look) {
        const always = look.required === 'necessary', told = changes(look), { defaultConsent, disableCookies, trackPageView } = look.options;
        if (!always && !started(look)) { forget(page, 'matomo', '_paq'); return; }
        const given = ['setConsentGiven', ...disableCookies ? [false] : []];
        page.matomo = [
          ...page.matomo.filter(([name]) => !['requireConsent', 'setConsentGiven', 'forgetConsentGiven', 'trackPageView'].includes(name)),
          ...always || defaultConsent === 'required' ? [['requireConsent']] : [],
          ...grantedAtStart(look) ? [given] : [],
          ...trackPageView === false ? [] : [['trackPageView']],
          ...told.map(granted => granted ? given : ['forgetConsentGiven'])];
        if (!always) late(look, page);
      } }],
    'meta-pixel': [{ reason: 'withdrawal is told', apply(page, look) {
      if (page.fbq) page.fbq.calls = [...start(look, page).fbq.calls, ...changes(look).map(granted => ['consent', granted ? 'grant' : 'revoke'])];
    } }],
    'microsoft-clarity': [{ reason: 'each change is told, once; withdrawal also stops Clarity, and a new grant starts it again; no setting grants what the visitor denied', apply(page, look) {
      if (!page.clarity) return;
      const state = (granted, set) => ({ ad_Storage: granted && set.includes('marketing') ? 'granted' : 'denied', analytics_Storage: granted && set.includes('measurement') ? 'granted' : 'denied' });
      const first = start(look, page).clarity.calls[0][1], at = look.route.indexOf(true), permitted = state(true, look.sets[at]);
      for (const signal of Object.keys(first)) if (permitted[signal] === 'denied') first[signal] = 'denied';
      page.clarity.calls = [['consentv2', first], ...changes(look).flatMap((granted, i) => {
        const told = ['consentv2', state(granted, look.sets[at + 1 + i])];
        return granted ? [['start'], told] : [told, ['stop']];
      })];
    } }],
    'microsoft-uet': [{ reason: 'what needs consent loads with it, not before', apply(page, look) {
      if (look.required === 'necessary') return;
      if (!started(look)) { forget(page, 'uetq', 'uetq', 'UET'); return; }
      const ran = look.loaded || changes(look).length > 0;
      if (!ran) { delete page.globals.UET; delete page.uetq.made; }
      page.uetq.calls = ['consent', 'default', { ad_storage: 'granted' }, ...ran ? ['pageLoad'] : [],
        ...changes(look).flatMap(granted => ['consent', 'update', { ad_storage: granted ? 'granted' : 'denied' }])];
      late(look, page);
    } }],
    mixpanel: [{ reason: 'it is opted out from its start until the state is told; the state found there is told once, at once, without an event', apply(page, look) {
      page.mixpanel.init[0][1].opt_out_tracking_by_default = true;
      page.mixpanel.calls = [look.route[0] ? ['opt_in_tracking', { track: 'function' }] : ['opt_out_tracking', { delete_user: false }],
        ...changes(look).map(granted => [granted ? 'opt_in_tracking' : 'opt_out_tracking'])];
    } }],
    pirsch: [{ reason: 'the settings stand on an element of their own, because the loader leaves the document once it has run', apply(page, look) {
      for (const loader of page.loaders) loader.attributes = {};
      page.pirsch.settings = start(look, page).pirsch.settings;
    } }],
    'plausible-analytics': [{ reason: "a site's own script is async and the stub has init, as in the vendor's snippet", apply(page, { options: { scriptId } }) {
      if (page.plausible) page.plausible.init = 'function';
      if (scriptId) for (const loader of page.loaders) loader.defer = false;
    } }],
    posthog: [
      { reason: "the vendor's snippet numbers its version", apply(page) { if (page.posthog) page.posthog.version = 1; } },
      { reason: 'the state found at the start is told once, without an event on every page', apply(page) {
        if (page.posthog) page.posthog.calls = page.posthog.calls.filter((entry, i, calls) => i === 0 || entry[0] !== calls[i - 1][0]);
      } },
      { reason: 'no answer is no refusal: what an earlier page kept is cleared, without an event', apply(page, look) {
        if (page.posthog && look.always && !look.route[0]) page.posthog.calls[0] = ['clear_opt_in_out_capturing'];
      } },
      { reason: 'what needs consent is silent after withdrawal, not cookieless, and is told', apply(page, look) {
        if (!page.posthog || look.options.loadMode !== 'after-consent') return;
        for (const init of page.posthog.init) delete init[1].cookieless_mode;
        page.posthog.calls = [...start(look, page).posthog.calls.slice(0, 1), ...changes(look).map(granted => [granted ? 'opt_in_capturing' : 'opt_out_capturing'])];
      } }],
    'reddit-pixel': [{ reason: 'withdrawal is told; a new grant allows cookies only where the setting does not forbid them', apply(page, look) {
      if (page.rdt) page.rdt.calls = [...start(look, page).rdt.calls, ...changes(look).filter(granted => !granted || !look.options.disableFirstPartyCookies)
        .map(granted => [granted ? 'enableFirstPartyCookies' : 'disableFirstPartyCookies'])];
    } }],
    rudderstack: [{ reason: 'what needs consent loads with it, not before, and withdrawal denies every consent id', apply(page, look) {
      if (look.required === 'necessary' || !look.options.consentManagement) return;
      if (!started(look)) { forget(page, 'rudderstack', 'rudderanalytics', 'rudderAnalyticsBuildType', 'RudderSnippetVersion'); return; }
      const ids = Object.values(look.options.consentManagement.mapping).flat().map(id => id.trim()), told = page.rudderstack.calls.filter(([name]) => name === 'consent'), first = look.route.indexOf(true);
      for (const [step, [, { consentManagement }]] of told.entries()) if (!look.route[step]) Object.assign(consentManagement, { allowedConsentIds: [], deniedConsentIds: ids });
      page.rudderstack.calls = [told[first], ...page.rudderstack.calls.filter(([name]) => name !== 'consent'), ...told.slice(first + 1)];
      late(look, page);
    } }],
    'rybbit-analytics': [{ reason: 'the vendor says to keep the key off public pages', apply(page) { for (const loader of page.loaders) delete loader.attributes['data-api-key']; } }],
    segment: [{ reason: "the vendor's snippet names the source, and records the page a queued call was made on", apply(page, { options: { writeKey } }) {
      if (!page.segment) return;
      page.segment.key = writeKey;
      for (const entry of page.segment.calls) entry.push({ __t: 'bpc', p: '/frame', u: new URL('/frame', document.baseURI).href, s: '', t: 'A site', r: '' });
    } }],
    'snapchat-pixel': [{ reason: "the vendor's snippet has no second name for its function", apply(page) { delete page.globals._snaptr; } }],
    'tiktok-pixel': [{ reason: "the vendor's base code records which pixels there are; consent is granted once, and each change is told", apply(page, look) {
      if (!page.ttq) return;
      page.ttq.pixels = [look.options.pixelId];
      page.ttq.calls = [['grantConsent'], ['page'], ...changes(look).map(granted => [granted ? 'grantConsent' : 'revokeConsent'])];
    } }],
    'umami-analytics': [{ reason: 'the tracker splits the attribute at commas', apply(page, { options: { domains } }) { if (domains) for (const loader of page.loaders) loader.attributes['data-domains'] = domains.join(); } }],
    'vercel-analytics': [
      { reason: "the vendor's own package tells the mode", apply(page, { options: { debug, mode } }) {
        if (!page.vercel) return;
        page.vercel.mode = debug || mode === 'development' ? 'development' : 'production';
        page.globals.vam = 'string';
      } },
      { reason: "the vendor's own package loads the script from the site's own path", apply(page) {
        for (const loader of page.loaders) loader.src = loader.src.replace('https://va.vercel-scripts.com/v1/script.js', new URL('/_vercel/insights/script.js', document.baseURI).href);
      } },
      { reason: 'the mode that the library finds is taken back with the consent', apply(page, look) {
        if (look.granted || look.always || !page.vercel) return;
        delete page.vercel.mode;
        delete page.globals.vam;
      } },
    ],
  };

  const started = look => look.route.includes(true);
  // The changes of consent after our script first ran.
  const changes = look => look.route.slice(look.required === 'necessary' && look.always ? 1 : look.route.indexOf(true) + 1);
  const grantedAtStart = look => look.route[look.route.length - 1 - changes(look).length];
  // The package's page as it was before the first change after the start.
  const start = (look, page) => structuredClone(look.step > 0 && look.route.indexOf(true) < look.step && started(look) ? look.earlier[2 * look.route.indexOf(true) + 1] : page);
  const forget = (page, key, ...globals) => {
    delete page[key];
    for (const name of [key, ...globals]) delete page.globals[name];
    page.loaders = [];
  };
  // A library that waits for the first grant has not run before its load event, although the package's has.
  const late = (look, page) => { if (!look.loaded && look.route.indexOf(true) === look.step) for (const loader of page.loaders) loader.ran = false; };

  const plain = value => value instanceof Date || Object.prototype.toString.call(value) === '[object Date]' ? 'date'
    : typeof value === 'function' ? 'function'
      : value && typeof value === 'object' && 'gtm.start' in value ? { ...value, 'gtm.start': 0 } : value;
  const call = entry => entry && typeof entry === 'object' && 'length' in entry ? [...entry].map(plain) : plain(entry);
  const calls = queue => queue && [...queue].map(call);

  // The page: libraries in the order in which their elements were inserted, new globals, and what is queued for the vendors; dates and times are masked, functions are only named.
  function outcome(w, before, libraries) {
    const has = (object, ...methods) => methods.filter(method => typeof object[method] === 'function');
    const stub = (object, ...methods) => object && { calls: calls(object), init: object._i, version: object.__SV, has: has(object, ...methods) };
    const all = {
      loaders: libraries.seen(),
      globals: Object.fromEntries(Object.getOwnPropertyNames(w).filter(name => !before.has(name) && !/^__c15t/.test(name) && w[name] !== undefined).sort().map(name => [name, typeof w[name]])),
      dataLayer: calls(w.dataLayer),
      gaDisabled: Object.keys(w).filter(name => /^ga-disable-/.test(name) && w[name]),
      fbq: w.fbq && { calls: calls(w.fbq.queue), alias: w._fbq === w.fbq, push: w.fbq.push === w.fbq, loaded: w.fbq.loaded, version: w.fbq.version },
      posthog: stub(w.posthog, 'init', 'capture', 'opt_in_capturing', 'opt_out_capturing', 'get_explicit_consent_status'),
      mixpanel: stub(w.mixpanel, 'track', 'identify', 'reset', 'register', 'opt_in_tracking', 'opt_out_tracking'),
      ttq: w.ttq && { calls: calls(w.ttq), name: w.TiktokAnalyticsObject, pixels: Object.keys(w.ttq._i || {}), has: has(w.ttq, 'page', 'track', 'identify', 'ready', 'holdConsent', 'grantConsent', 'revokeConsent') },
      linkedin: w.lintrk && { id: w._linkedin_partner_id, ids: w._linkedin_data_partner_ids, calls: calls(w.lintrk.q) },
      clarity: w.clarity && { calls: calls(w.clarity.q) },
      hotjar: w.hj && { settings: w._hjSettings, calls: calls(w.hj.q || []) },
      segment: w.analytics && { calls: calls(w.analytics), key: w.analytics._writeKey, has: has(w.analytics, 'track', 'page', 'identify', 'group', 'alias', 'reset') },
      twq: w.twq && { calls: calls(w.twq.queue), version: w.twq.version },
      rdt: w.rdt && { calls: calls(w.rdt.callQueue) },
      snaptr: w.snaptr && { calls: calls(w.snaptr.queue) },
      uetq: w.uetq && { made: w.uetq.made, calls: calls(w.uetq.q || w.uetq) },
      adobe: w.adobeDataLayer && { calls: calls(w.adobeDataLayer) },
      amplitude: w.amplitude && { calls: (w.amplitude._q || []).map(entry => [entry.name, ...entry.args]), invoked: w.amplitude.invoked,
        identify: (i => i && typeof i.set('a', 1).add === 'function' && i._q)(w.amplitude.Identify && new w.amplitude.Identify()),
        has: has(w.amplitude, 'init', 'track', 'identify', 'flush', 'setUserId', 'setOptOut') },
      crisp: w.$crisp && { calls: calls(w.$crisp), id: w.CRISP_WEBSITE_ID, runtime: w.CRISP_RUNTIME_CONFIG, domain: w.CRISP_COOKIE_DOMAIN, expires: w.CRISP_COOKIE_EXPIRE, token: w.CRISP_TOKEN_ID },
      databuddy: w.databuddyConfig && { config: w.databuddyConfig, running: w.databuddy && w.databuddy.options },
      heap: w.heap && { id: w.heap.envId, alias: w.heap.appid, config: w.heap.clientConfig, calls: w.heapReadyCb.map(entry => [entry.name, typeof entry.fn]),
        has: has(w.heap, 'init', 'startTracking', 'stopTracking', 'track', 'identify', 'identifyHashed', 'addUserProperties', 'onReady', 'trackPageview') },
      hightouch: w.htevents && { calls: calls(w.htevents), key: w.htevents._writeKey, options: w.htevents._loadOptions, version: w.htevents.SNIPPET_VERSION,
        has: has(w.htevents, 'track', 'page', 'identify', 'group', 'alias', 'reset', 'ready', 'addSourceMiddleware') },
      intercom: w.Intercom && { settings: w.intercomSettings, calls: calls(w.Intercom.q) },
      plausible: w.plausible && { calls: calls(w.plausible.q), options: w.plausible.o, init: typeof w.plausible.init },
      matomo: calls(w._paq),
      vercel: w.va && { calls: calls(w.vaq), mode: w.vam },
      rudderstack: w.rudderanalytics && { calls: calls(w.rudderanalytics), ran: w.rudderanalytics.snippetExecuted, version: w.RudderSnippetVersion, build: w.rudderAnalyticsBuildType,
        has: has(w.rudderanalytics, 'load', 'ready', 'page', 'track', 'identify', 'alias', 'group', 'reset', 'setAnonymousId', 'startSession', 'endSession', 'consent', 'setDefaultInstanceKey', 'addCustomIntegration') },
      logrocket: { recorder: w._lrAsyncScript, calls: w.LogRocket && calls(w.LogRocket.calls) },
      pirsch: { starts: w.pirschStarts, settings: ['pianjs', 'pirschextendedjs'].map(id => w.document.getElementById(id)).filter(e => e).map(e =>
        Object.fromEntries([e.id, ...[...e.attributes].filter(a => a.name.startsWith('data-')).map(a => a.name)].map(a => [a, e.getAttribute(a)]))) },
    };
    return JSON.parse(JSON.stringify(all, (key, value) => typeof value === 'function' ? 'function' : value));
  }

  // The order of signals in a consent state, and of options, says nothing.
  const sorted = value => Array.isArray(value) ? value.map(sorted)
    : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])])) : value;

  // Every script element with a URL that is inserted into a document, as it was then; it may have left the document since. A library itself tells that it runs: NpmPackageComparisonTests
  // serves each with a line that adds its element to `libraries`. One that was adopted by another document before it arrived is cancelled: it is left out, unless it runs all the same
  // when it has arrived, which no event tells.
  function librariesOf(w, pinned) {
    const all = [], elements = new Set(), ran = w.libraries = new Set();
    const isCancelled = ({ element }) => element.ownerDocument !== w.document && !ran.has(element);
    const note = records => {
      for (const node of records.flatMap(record => [...record.addedNodes])) {
        if (node.localName !== 'script' || !node.src || elements.has(node)) continue;
        elements.add(node);
        const library = { element: node, answered: false, as: {
          src: node.src, async: node.async, defer: node.defer,
          attributes: Object.fromEntries([...node.attributes].filter(a => !['id', 'src', 'async', 'defer'].includes(a.name)).map(a => [a.name, pinned.get(a.value) || a.value])),
        } };
        for (const event of ['load', 'error']) node.addEventListener(event, () => { library.answered = true; });
        all.push(library);
      }
    };
    const observer = new MutationObserver(note);
    observer.observe(w.document, { childList: true, subtree: true });
    const hasArrived = library => library.answered || (isCancelled(library) && w.performance.getEntriesByName(library.as.src).length > 0);
    const known = () => (note(observer.takeRecords()), all);
    return {
      seen: () => known().filter(library => !isCancelled(library)).map(({ element, as }) => ({ ...as, ran: ran.has(element) })),
      underWay: () => known().filter(library => !hasArrived(library)).map(({ as }) => as.src),
    };
  }

  // What is served in place of a library that is pinned by its hash has a hash of its own, which takes the pinned one's place.
  function standIn(script, integrity, pinned) {
    const config = script.attributes?.['data-config'] && JSON.parse(script.attributes['data-config']), attributes = config?.load?.attributes;
    if (!attributes?.integrity) return;
    pinned.set(integrity, attributes.integrity);
    attributes.integrity = integrity;
    script.attributes['data-config'] = JSON.stringify(config);
  }

  // Runs one side of a case through consent sets in a frame of its own; `own` is what the page itself has in `window`, `lists` has the scripts the page is given with each set. The libraries
  // arrive before the next set, except where the step says that consent changes in haste. Gives the page as it is before the libraries arrive, and after they have where they do.
  async function walk(bundle, own, steps, sets, lists, integrity) {
    const frame = document.createElement('iframe');
    frame.referrerPolicy = 'no-referrer';
    frame.src = '/frame';
    document.body.append(frame);
    await new Promise(done => frame.addEventListener('load', done, { once: true }));
    const w = frame.contentWindow, pinned = new Map(), libraries = librariesOf(w, pinned);
    w.eval(bundle);
    Object.assign(w, structuredClone(own));
    const before = new Set(Object.getOwnPropertyNames(w)), ids = {}, looks = [];
    let list = [];
    for (const [step, set] of sets.entries()) {
      const added = w.eval(lists[step]);
      for (const script of added) standIn(script, integrity, pinned);
      for (const script of added) if (script.anonymizeId !== false) ids[script.id] = 'e' + Math.random().toString(36).slice(2);
      list = [...list, ...added];
      const consents = Object.fromEntries(all.map(category => [category, category === 'necessary' || set.includes(category)]));
      w.c15t[step ? 'updateScripts' : 'loadScripts'](list, consents, ids);
      // What is told after the client's pass; nothing can arrive in between.
      for (let i = 0; i < 5; i++) await null;
      looks.push({ step, loaded: false, page: outcome(w, before, libraries) });
      if (steps[step].inHaste) continue;
      const deadline = performance.now() + 30000;
      while (libraries.underWay().length > 0) {
        if (performance.now() > deadline) throw new Error('A library does not answer: ' + libraries.underWay());
        await new Promise(resolve => setTimeout(resolve, 1));
      }
      await new Promise(resolve => setTimeout(resolve, 0));
      looks.push({ step, loaded: true, page: outcome(w, before, libraries) });
    }
    frame.remove();
    return looks;
  }

  function differ(package_, ours, path, found) {
    if (JSON.stringify(package_) === JSON.stringify(ours)) return;
    const deep = value => value && typeof value === 'object' && !Array.isArray(value);
    if (!deep(package_) || !deep(ours)) { found.push(`${path}: package ${JSON.stringify(package_)}, ours ${JSON.stringify(ours)}`); return; }
    for (const key of new Set([...Object.keys(package_), ...Object.keys(ours)])) differ(package_[key], ours[key], `${path}.${key}`, found);
  }

  const setOf = (entry, category, granted) => granted ? entry.granted || [category] : entry.denied || all.slice(1).filter(name => name !== category);
  const index = set => ['functionality', 'experience', 'measurement', 'marketing'].reduce((bits, name, bit) => bits | (set.includes(name) ? 1 << bit : 0), 0);

  // The ways through the two sets of a case: "+" grants its category, "-" does not, and "!" after it says that the next set follows in haste, before a library has arrived.
  const routes = ['+ - +', '- +', '+! - +', '+! -! +', '-! + -'].map(text => text.split(' ').map(step => ({ granted: step[0] === '+', inHaste: step[1] === '!' })));
  const inWords = steps => steps.map(({ granted, inHaste }) => (granted ? 'granted' : 'denied') + (inHaste ? ' in haste' : '')).join(', ');

  // Holds for every type, and is not repeated above: a library that has run stays on the page when consent is withdrawn, and neither it nor what starts it runs a second time
  // when consent is granted again. So where the package inserts an element for a second time, its page before that is compared.
  function once(page, earlier) {
    const first = earlier.find(look => look.loaders.length > 0);
    if (!first || page.loaders.length <= first.loaders.length) return page;
    const before = earlier.findLast(look => look.loaders.length === first.loaders.length);
    return { ...structuredClone(before), loaders: first.loaders.map((loader, i) => ({ ...loader, ran: page.loaders[i].ran })) };
  }

  // Holds for every type that tells its vendor something, and is not repeated above: as long as no library has arrived, a change of consent replaces what waits. So the page is what
  // a new page with the sets since then is, while the package's vendor would hear of each set in turn. Where consent was withdrawn, the library under way does not run, and what
  // the vendor's snippet makes is there, with nothing in it; settings that were made for the library are taken back, and a page's own stay.
  const without = (page, ...names) => { for (const name of names) delete page.globals[name]; };
  const emptied = {
    crisp: page => {
      without(page, 'CRISP_WEBSITE_ID', 'CRISP_RUNTIME_CONFIG', 'CRISP_COOKIE_DOMAIN', 'CRISP_COOKIE_EXPIRE');
      page.crisp = { calls: [] };
    },
    hotjar: page => { delete page.hotjar.settings; without(page, '_hjSettings'); },
    intercom: (page, entry) => { page.intercom.settings = { ...entry.page?.intercomSettings }; },
    logrocket: page => { delete page.logrocket.recorder; without(page, '_lrAsyncScript'); },
    pirsch: page => { page.pirsch.settings = []; },
  };
  function empty(type, page, entry) {
    page.loaders = [];
    for (const part of Object.values(page)) for (const queue of ['calls', 'init', 'pixels', 'ids']) if (Array.isArray(part?.[queue])) part[queue] = [];
    for (const queue of ['dataLayer', 'matomo']) if (page[queue]) page[queue] = [];
    emptied[type]?.(page, entry);
    return page;
  }

  return {
    // For our side: what to generate, by type and case.
    cases: () => Object.fromEntries(Object.entries(types).map(([type, [name, ...cases]]) => [type, {
      function: name,
      differences: (differences[type] || []).map(difference => difference.reason),
      cases: cases.map(({ options, required, settings }) => ({ settings: settings || options, required })),
    }])),

    // Runs the cases of a type; `generated` has our sixteen script lists of each, `category` is the type's, `integrity` is the hash of what
    // is served in place of a library. Gives what differs, which differences showed, and whether it showed that a change in haste replaces what waits.
    async run(type, category, generated, bundle, integrity) {
      const [name, ...cases] = types[type], found = [], shown = new Set();
      let looked = 0, replaced = false, inserted = false;

      async function compare(entry, number) {
        // An entry of the list is the client's to insert, whatever happens to what our script prepared for it.
        const inserts = generated[number][15].some(script => script.attributes?.['data-config'] && JSON.parse(script.attributes['data-config']).load);
        inserted ||= inserts;
        const own = entry.required && entry.required !== 'necessary' ? entry.required : category, always = entry.required === 'necessary' && entry.options.loadMode !== 'after-consent';
        const walks = await Promise.all(routes.map(async steps => {
          const sets = steps.map(({ granted }) => setOf(entry, own, granted));
          const package_ = await walk(bundle, entry.page, steps, sets, sets.map((_, step) => step ? '[]' : `[c15tScripts.${name}(${JSON.stringify(entry.options)})]`));
          const ours = await walk(bundle, entry.page, steps, sets, sets.map(set => JSON.stringify(generated[number][index(set)])), integrity);
          return { steps, sets, package_, ours };
        }));

        // What is wanted at a look at the package's page, by what every type and this one does differently.
        function wanted({ steps, sets, package_ }, at) {
          const { step, loaded, page } = package_[at], route = steps.slice(0, step + 1).map(({ granted }) => granted);
          const look = { step, loaded, granted: route[step], route, sets, options: entry.options, page: entry.page, required: entry.required || own, always, earlier: package_.slice(0, at).map(earlier => earlier.page) };
          const result = once(structuredClone(page), look.earlier);
          for (const difference of differences[type] || []) {
            const unchanged = JSON.stringify(result);
            difference.apply(result, look);
            if (JSON.stringify(result) !== unchanged) shown.add(difference.reason);
          }
          return result;
        }

        function wantedInHaste({ steps, package_ }, at) {
          const { step, loaded, page } = package_[at], haste = steps.findIndex(({ inHaste }, i) => !inHaste || i === step), since = steps.slice(haste, step + 1);
          const fresh = walks.find(other => !other.steps[0].inHaste && since.every(({ granted }, i) => other.steps[i]?.granted === granted));
          const same = fresh.package_.findIndex(look => look.step === step - haste && look.loaded === loaded);
          if (JSON.stringify(page) !== JSON.stringify(fresh.package_[same].page)) replaced = true;
          const isGranted = ({ granted }) => granted;
          return !always && steps.slice(0, haste).some(isGranted) && !since.some(isGranted) ? empty(type, wanted(walks[0], 0), entry) : wanted(fresh, same);
        }

        for (const walked of walks) for (const [at, { step, loaded, page }] of walked.ours.entries()) {
          const here = [], inHaste = inserts && walked.steps[0].inHaste;
          differ(sorted(inHaste ? wantedInHaste(walked, at) : wanted(walked, at)), sorted(page), '', here);
          looked++;
          for (const line of here) found.push(`case ${number + 1}, ${inWords(walked.steps.slice(0, step + 1))}, ${loaded ? 'loaded' : 'before load'}: ${line}`);
        }
      }

      await Promise.all(cases.map(compare));
      return { found, shown: [...shown], looked, replaced, inserted };
    },
  };
})();
