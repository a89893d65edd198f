// Knows which scripts of the page are still to run, for a test that waits until nothing is left to happen. An element says that its script ran, or never will, by its load or
// error event; until then it is under way. An element that another document has adopted runs nothing, and one that came with innerHTML is not even asked for.
(() => {
  const underWay = new Map();
  const done = {};
  const soon = 1000, patience = 15_000;

  const address = url => url.split('#')[0];

  const meet = script => {
    if (!script.src || underWay.has(script)) return;
    const end = () => {
      underWay.delete(script);
      done[address(script.src)] = (done[address(script.src)] ?? 0) + 1;
    };
    underWay.set(script, performance.now());
    script.addEventListener('load', end);
    script.addEventListener('error', end);
  };

  new MutationObserver(records => {
    for (const record of records)
      for (const node of record.addedNodes) {
        if (node instanceof HTMLScriptElement) meet(node);
        else if (node instanceof Element) Element.prototype.querySelectorAll.call(node, 'script').forEach(script => script instanceof HTMLScriptElement && meet(script));
      }
  }).observe(document, { childList: true, subtree: true });

  // The URLs of the scripts that are under way, given every URL that the browser has asked for since it opened the document.
  Object.defineProperty(window, Symbol.for('scripts under way'), {
    value: requested => {
      const asked = {};
      for (const url of requested) asked[address(url)] = (asked[address(url)] ?? 0) + 1;
      return [...underWay].filter(([script, since]) => {
        const url = address(script.src);
        const limit = (asked[url] ?? 0) > (done[url] ?? 0) ? patience : soon;
        return script.ownerDocument === document && performance.now() - since < limit;
      }).map(([script]) => script.src);
    },
  });
})();
