// Shows the list, and what of it the consent client has loaded. A site has no need of this file.
const rows = document.getElementById('scripts');
const caption = document.getElementById('list');

const inWords = (condition) =>
  typeof condition === 'string' ? condition : condition.and ? condition.and.map(inWords).join(' and ') : condition.or.map(inWords).join(' or ');

function row(script, isLoaded) {
  const row = document.createElement('tr');
  row.dataset.script = script.id;
  row.dataset.state = isLoaded ? 'loaded' : 'waiting';
  for (const text of [script.id, inWords(script.category), isLoaded ? 'loaded' : 'waiting']) row.insertCell().textContent = text;
  return row;
}

function show({ scripts, isScriptLoaded }) {
  if (scripts.length > 0) rows.replaceChildren(...scripts.map((script) => row(script, isScriptLoaded(script.id))));
  caption.textContent = scripts.length > 0 ? `${scripts.length} scripts` : 'No list has arrived yet.';
}

// The provider makes the store as it starts.
const looking = setInterval(() => {
  const store = window.c15tStore;
  if (!store) return;
  clearInterval(looking);
  store.subscribe(show);
  show(store.getState());
}, 50);
