// https://posthog.com/docs/libraries/js
window[Symbol.for("consent-snapshots/1")]?.run("posthog", (() => {
  const methods =
    "capture register register_once register_for_session unregister unregister_for_session identify alias reset group resetGroups set_config setPersonProperties setPersonPropertiesForFlags resetPersonPropertiesForFlags setGroupPropertiesForFlags resetGroupPropertiesForFlags getFeatureFlag getFeatureFlagPayload isFeatureEnabled reloadFeatureFlags onFeatureFlags onSessionId on getSurveys getActiveMatchingSurveys renderSurvey canRenderSurvey startSessionRecording stopSessionRecording sessionRecordingStarted captureException loadToolbar get_property get_distinct_id getGroups get_session_id get_session_replay_url opt_in_capturing opt_out_capturing has_opted_in_capturing has_opted_out_capturing get_explicit_consent_status clear_opt_in_out_capturing debug getPageViewId";
  const instance = (member) => (member.config.name ? window.posthog[member.config.name] : window.posthog);
  return {
    live: (page) => page.found("posthog")?.__loaded,
    start(member, page) {
      const { id, options, name } = member.config;
      const posthog = page.global("posthog", () => {
        const stub = [];
        stub._i = [];
        stub.__SV = 1;
        stub.init = (token, settings, ...rest) => {
          const target = rest.length > 0 ? (stub[rest[0]] = []) : stub;
          target.people ||= [];
          page.defer(target, methods, (method, args) => target.push([method, ...args]));
          page.queue(target, true);
          stub._i.push([token, settings, ...(rest.length > 0 ? rest : ["posthog"])]);
        };
        return stub;
      });
      page.queue(posthog, page.made("posthog"));
      page.queue(posthog._i, page.made("posthog"));
      // The page's own PostHog is the first instance; ours is then told, and not started a second time.
      if (name) posthog.init(id, options, name);
      else if (!posthog.__loaded) posthog.init(id, options);
      // Nothing is told before an answer. What an earlier page kept is forgotten, so that a grant which no longer holds does not count.
      if (member.is("granted")) instance(member).opt_in_capturing({ captureEventName: null });
      else instance(member).clear_opt_in_out_capturing();
    },
    tell(member) {
      if (member.is("granted")) instance(member).opt_in_capturing();
      else instance(member).opt_out_capturing();
    },
  };
})());
