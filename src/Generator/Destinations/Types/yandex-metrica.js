// https://yandex.com/support/metrica/code/counter-initialize.html
window[Symbol.for("consent-snapshots/1")]?.run("yandex-metrica", {
  start(member, page) {
    const { id, options } = member.config;
    const ym = page.global("ym", () => {
      const stub = function () {
        stub.a.push(arguments);
      };
      stub.l = Date.now();
      return stub;
    });
    ym.a ||= [];
    page.queue(ym.a, page.made("ym"));
    // Two destinations that name the same tag are one.
    if (page.once("tag " + id)) ym(id, "init", options);
  },
  // https://yandex.com/support/metrica/general/user-opt-out.html
  tell(member) {
    window[`disableYaCounter${member.config.id}`] = !member.is();
  },
});
