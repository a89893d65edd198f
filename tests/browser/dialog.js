// A site's own consent dialog, without a consent tool: it keeps the visitor's answer, and tells the loader what docs/loader.md says. `site.region` is "opt-out" where the law
// lets a visitor opt out, and `site.options` is what each statement says besides.
(() => {
  const key = "the visitor's answer";
  const kept = JSON.parse(localStorage.getItem(key));
  const site = (window.site ||= {});
  const tell = statement => (window.consentSnapshots ||= []).push({ ...statement, ...site.options });

  if (kept) tell(kept);
  else if (site.region === "opt-out") tell({ functionality: true, experience: true, measurement: true, marketing: true, answered: false });

  site.answer = granted => {
    const statement = Object.fromEntries(granted.map(category => [category, true]));
    localStorage.setItem(key, JSON.stringify(statement));
    tell(statement);
  };
})();
