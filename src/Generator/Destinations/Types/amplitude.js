// https://amplitude.com/docs/sdks/analytics/browser/browser-sdk-2
window[Symbol.for("consent-snapshots/1")]?.run("amplitude", (() => {
  /** The vendor's Identify and Revenue: objects that record what is called on them. */
  function recorder(page, methods) {
    return function () {
      this._q = [];
      page.defer(this, methods, (name, args) => {
        this._q.push({ name, args });
        return this;
      });
    };
  }

  function record(page, target) {
    page.queue(target._q, true);
    page.defer(target, "getDeviceId setDeviceId getSessionId setSessionId getUserId setUserId setOptOut setTransport reset extendSession", (name, args) => {
      target._q.push({ name, args });
    });
    page.defer(target, "init add remove track logEvent identify groupIdentify setGroup revenue flush", (name, args) => ({
      promise: new Promise((resolve) => target._q.push({ name, args, resolve })),
    }));
    return target;
  }

  const isOut = (member) => !member.is("granted") || member.config.options.optOut === true;

  return {
    start(member, page) {
      const { apiKey, name, options } = member.config;
      const amplitude = page.global("amplitude", () => {
        const stub = { _q: [], _iq: {}, invoked: true };
        stub.Identify = recorder(page, "add append clearAll prepend set setOnce unset preInsert postInsert remove getUserProperties");
        stub.Revenue = recorder(
          page,
          "getEventProperties setProductId setQuantity setPrice setRevenue setRevenueType setReceipt setReceiptSig setCurrency setEventProperties",
        );
        stub.createInstance = (instance) => (stub._iq[instance] = record(page, { _q: [] }));
        return record(page, stub);
      });
      page.queue(amplitude._q, page.made("amplitude"));
      member.instance = name ? amplitude.createInstance(name) : amplitude;
      member.instance.init(apiKey, { ...options, optOut: isOut(member) });
    },
    tell(member) {
      member.instance.setOptOut(isOut(member));
    },
  };
})());
