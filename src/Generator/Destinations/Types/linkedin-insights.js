// https://www.linkedin.com/help/lms/answer/a418880
window[Symbol.for("consent-snapshots/1")]?.run("linkedin-insights", {
  start(member, page) {
    const { id } = member.config;
    const partners = page.global("_linkedin_data_partner_ids", () => []);
    page.queue(partners, page.made("_linkedin_data_partner_ids"));
    const lintrk = page.global("lintrk", () => {
      const stub = (action, data) => stub.q.push([action, data]);
      stub.q = [];
      return stub;
    });
    page.queue(lintrk.q, page.made("lintrk"));
    if (partners.includes(id)) return;
    window._linkedin_partner_id = id;
    partners.push(id);
  },
});
