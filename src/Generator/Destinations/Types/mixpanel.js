// https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript
window[Symbol.for("consent-snapshots/1")]?.run("mixpanel", (() => {
  const methods =
    "disable time_event track track_pageview track_links track_forms track_with_groups add_group set_group remove_group register register_once alias unregister identify name_tag set_config reset opt_in_tracking opt_out_tracking has_opted_in_tracking has_opted_out_tracking clear_opt_in_out_tracking start_batch_senders start_session_recording stop_session_recording";
  const instance = (member) => (member.config.name ? window.mixpanel[member.config.name] : window.mixpanel);
  return {
    live: (page) => page.found("mixpanel")?.__loaded,
    start(member, page) {
      const { token, options, name } = member.config;
      const mixpanel = page.global("mixpanel", () => {
        const stub = [];
        stub._i = [];
        stub.__SV = 1.2;
        stub.init = (id, settings, ...rest) => {
          const target = rest.length > 0 ? (stub[rest[0]] = []) : stub;
          const record = (prefix) => (method, args) => target.push([prefix + method, ...args]);
          target.people ||= [];
          page.defer(target, methods, record(""));
          page.defer(target.people, "set set_once unset increment append union track_charge clear_charges delete_user remove", record("people."));
          target.get_group = (...group) => {
            const calls = {};
            page.defer(calls, "set set_once union unset remove delete", (method, args) => target.push([["get_group", ...group], [method, ...args]]));
            return calls;
          };
          page.queue(target, true);
          stub._i.push([id, settings, ...(rest.length > 0 ? rest : ["mixpanel"])]);
        };
        return stub;
      });
      page.queue(mixpanel, page.made("mixpanel"));
      page.queue(mixpanel._i, page.made("mixpanel"));
      if (name) mixpanel.init(token, options, name);
      else if (!mixpanel.__loaded) mixpanel.init(token, options);
      if (member.is("granted")) instance(member).opt_in_tracking({ track() {} });
      // The library's denied state: it sends nothing, deletes no profile, and overrules what an earlier page kept.
      else instance(member).opt_out_tracking({ delete_user: false });
    },
    tell(member) {
      if (member.is("granted")) instance(member).opt_in_tracking();
      else instance(member).opt_out_tracking();
    },
  };
})());
