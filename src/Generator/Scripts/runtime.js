/*
 * The runtime of the page: the one script that every other inline script of a list relies on. It knows which of our elements the consent
 * client holds, tells vendors the visitor's consent, and inserts a vendor's library after that and never before. A vendor's script
 * that does not find the runtime does nothing, so a vendor that must be told something cannot load untold.
 *
 * The client inserts an element when the visitor's consent permits it, and removes it when the consent is withdrawn. An element of ours
 * moves to the shelf, a node outside the document, while it runs. No code of the page finds it there, so whatever removes it from the
 * shelf is the client: that removal is the withdrawal, whatever the page does to its own markup.
 *
 * Names of elements can hide properties of `document` and `window` (an <img name="head">, say). For this reason the document is used through the
 * functions of its prototype, and a property of `window` counts only where it is the window's own and no element.
 */
(() => {
  "use strict";

  const contract = Symbol.for("consent-snapshots/1");
  const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
  const currentScript = getter(Document.prototype, "currentScript");
  const head = getter(Document.prototype, "head");
  const documentElement = getter(Document.prototype, "documentElement");
  const implementation = getter(Document.prototype, "implementation");
  const createElement = (name) => Document.prototype.createElement.call(document, name);
  const shelve = (element) => shelf.appendChild(element);
  const isOwn = (name) => Object.prototype.hasOwnProperty.call(window, name);

  // The client runs this script again when consent is given anew; a page has one runtime.
  if (isOwn(contract)) {
    window[contract].shelve(currentScript.call(document));
    return;
  }

  /** Where our elements are while the client holds them. */
  const shelf = createElement("div");
  /** By element on the shelf: which permission it stands for, as [permissions of a destination, name]. */
  const permissions = new Map();
  /** By the destination's key: what the client holds for it. `main` is its own script, any other name a category or `granted`. */
  const destinations = Object.create(null);
  /** By name: the destinations of one vendor, which share the vendor's queue and library. */
  const groups = Object.create(null);
  /** By URL: a library that is under way or has run. */
  const libraries = new Map();

  const withdrawals = new MutationObserver((records) => {
    withdraw(records);
    settle();
  });
  withdrawals.observe(shelf, { childList: true });

  function withdraw(records) {
    for (const record of records)
      for (const element of record.removedNodes) {
        const permission = permissions.get(element);
        // The last event counts: with two clients on a page, each has an element, and either one withdraws.
        if (permission) permission[0][permission[1]] = false;
        permissions.delete(element);
      }
  }

  /** Takes the element that runs now; gives its configuration, or nothing where the element is none of ours. */
  function take(read) {
    const element = currentScript.call(document);
    const text = element instanceof HTMLScriptElement && element.getAttribute("data-config");
    if (!text) return;
    // What the client removed before it inserted this element is told first.
    withdraw(withdrawals.takeRecords());
    const config = JSON.parse(text);
    shelve(element);
    const [key, name] = read(config, element);
    const held = (destinations[key] ||= Object.create(null));
    held[name] = true;
    permissions.set(element, [held, name]);
    // One pass of the client inserts several elements: vendors are told after all of them.
    Promise.resolve().then(settle);
  }

  /** A grant: it stands for one permission of a destination, as [key, name]. */
  const grant = () => take((config) => config);

  /** The script of a destination: what its vendor is, and the destination's configuration. */
  function run(name, type) {
    take((config, element) => {
      const group = (groups[name] ||= newGroup());
      let member = group.members.find((other) => other.key === config.key);
      if (!member) {
        member = { key: config.key, group, type, started: false, told: "{}" };
        member.is = (permission) => permits(member, "main") && (permission === undefined || permits(member, permission));
        group.members.push(member);
      }
      if (!member.started) member.config = config;
      member.nonce = element.nonce;
      return [config.key, "main"];
    });
  }

  function newGroup() {
    const group = { members: [], queues: [], settings: [], made: new Set(), state: "[]", ran: false };
    group.page = pageOf(group);
    return group;
  }

  function permits(member, name) {
    const { needs } = member.type;
    if (needs && !destinations[needs]?.main) return false;
    // Where the destination's own condition is the visitor's consent to it, there is no grant besides.
    if (name === "granted" && !member.config.asks) return true;
    return destinations[member.key]?.[name] === true;
  }

  /** What the vendor of a member may know now, as text to compare. */
  const stateOf = (member) =>
    JSON.stringify(member.is() ? Object.entries(destinations[member.key]).filter((entry) => entry[1]).sort() : []);

  function settle() {
    withdraw(withdrawals.takeRecords());
    // A library that changes the consent as it runs has run, although its load event is still to come.
    const running = currentScript.call(document);
    for (const library of libraries.values()) if (library.element === running) hasRun(library);
    for (const name in groups) attempt(name, () => settleGroup(groups[name]));
  }

  function settleGroup(group) {
    let held = group.members.filter((member) => member.is());
    if (group.members[0].type.onePerPage) {
      // A page has room for one library: whoever was started keeps the place while it is held or its library has run.
      if (!group.owner || !(group.ran || group.owner.is())) group.owner = held.find((member) => member.config.load);
      held = held.filter((member) => member === group.owner || !member.config.load);
    }
    const state = JSON.stringify(held.map((member) => [member.key, stateOf(member)]));
    if (state === group.state) return;
    const before = JSON.parse(group.state);
    group.state = state;
    group.ran ||= isLive(group);
    if (!group.ran) {
      const isKept = (entry) => {
        const now = held.find((member) => member.key === entry[0]);
        return now && JSON.parse(entry[1]).every((permission) => now.is(permission[0]));
      };
      rewind(group, before.length === 0 || !before.every(isKept));
      for (const member of held) start(member);
      settleQueues(group);
    } else {
      for (const member of group.members) if (member.started) tell(member);
      for (const member of held) if (!member.started) start(member);
    }
    for (const member of group.members) {
      if (member.started && held.includes(member)) load(member);
      else cancel(member);
    }
  }

  /** A page that stands in a vendor's way costs that vendor its start, and nobody else anything. */
  function attempt(name, action) {
    try {
      action();
      return true;
    } catch (error) {
      console.error(`consent-snapshots: ${name} was stopped:`, error);
      return false;
    }
  }

  function start(member) {
    member.told = stateOf(member);
    member.loads = false;
    member.started = attempt(member.key, () => {
      // A start that gives false has found the vendor's own copy of the page.
      member.loads = member.type.start(member, member.group.page) !== false;
    });
  }

  function tell(member) {
    const state = stateOf(member);
    if (state === member.told) return;
    member.told = state;
    if (member.type.tell) attempt(member.key, () => member.type.tell(member, member.group.page));
  }

  // ---- The vendor's queue -------------------------------------------------------------------------------------------------------

  /** Whether the library has run although none of ours did: the page may have a copy of its own, which empties the queue. */
  function isLive(group) {
    const live = group.members[0].type.live;
    if (live) return !!live(group.page);
    return group.queues.some((queue) => queue.mine.length > 0 && find(queue) < 0);
  }

  /** Where our entries are in a queue, as one block; -1 where they are not there any more. */
  function find(queue) {
    const { array, mine } = queue;
    return array.findIndex((_, at) => mine.every((entry, offset) => array[at + offset] === entry));
  }

  /**
   * Takes back what waits for the library, so that it finds the present state and never the old one. What the page itself put into a queue of
   * ours goes with a permission that was lost: it was queued under that permission.
   */
  function rewind(group, lost) {
    for (const queue of group.queues) {
      queue.at = -1;
      if (queue.mine.length > 0) {
        queue.at = find(queue);
        if (queue.at >= 0) queue.array.splice(queue.at, queue.mine.length);
      }
      queue.mine = [];
      if (queue.ours && lost) {
        queue.array.length = 0;
        queue.at = -1;
      }
    }
    for (const member of group.members) {
      if (member.started && member.type.undo) attempt(member.key, () => member.type.undo(member));
      member.started = false;
    }
    for (const setting of group.settings.splice(0).reverse()) restore(setting);
    group.page.shared = Object.create(null);
    for (const queue of group.queues) queue.from = queue.array.length;
  }

  function restore({ target, name, value, before }) {
    if (target[name] !== value) return;
    if (before === undefined) delete target[name];
    else target[name] = before;
  }

  /** Notes which entries are ours, and puts them where the old ones were: before what the page has queued since. */
  function settleQueues(group) {
    for (const queue of group.queues) {
      queue.mine = queue.array.slice(queue.from);
      if (queue.at >= 0 && queue.at < queue.from) queue.array.splice(queue.at, 0, ...queue.array.splice(queue.from));
    }
  }

  /** What a vendor's script is given of the page. */
  const pageOf = (group) => ({
    members: group.members,

    /** What the destinations of the vendor share: until the queue is taken back, and for good after the library has run. */
    shared: Object.create(null),

    /** A global of the page or of a library; nothing where an element has that name. */
    found(name) {
      const value = isOwn(name) ? window[name] : undefined;
      return value instanceof Node ? undefined : value;
    },

    /** The vendor's global: the page's, if it has one, else what `make` gives. An element of that name is no vendor. */
    global(name, make) {
      const found = this.found(name);
      if (found) return found;
      const made = make();
      window[name] = made;
      if (window[name] !== made) throw new Error(`The page does not let window.${name} be set.`);
      group.made.add(name);
      return made;
    },

    /** Whether the global is of our making. */
    made: (name) => group.made.has(name),

    /** Sets what the library reads when it runs, a global or a property of one; it is taken back when the state changes before that. */
    set(name, value, target = window) {
      group.settings.push({ target, name, value, before: target === window ? this.found(name) : target[name] });
      target[name] = value;
    },

    /** Names an array that the library reads when it runs: what the script adds to it is taken back when the state changes before that. */
    queue(array, ours) {
      if (!Array.isArray(array) || group.queues.some((queue) => queue.array === array)) return;
      group.queues.push({ array, ours, mine: [], at: -1, from: array.length });
    },

    /** The page has replaced a queue: our entries move to the new one's beginning. */
    replaced(old, array) {
      const queue = group.queues.find((candidate) => candidate.array === old);
      if (!queue || !Array.isArray(array)) return;
      queue.array = array;
      array.unshift(...queue.mine.filter((entry) => !array.includes(entry)));
    },

    /** True once for each name, as long as `shared` lasts. */
    once(name) {
      return !this.shared[name] && (this.shared[name] = true);
    },

    /** Whether the vendor, which has one switch for all destinations, must be told another state now. */
    switched() {
      const on = group.members.some((member) => member.is());
      return on !== this.shared.on && ((this.shared.on = on), true);
    },

    /** A function for each method name that puts the call into a queue, as vendors' snippets do. */
    defer(target, names, record) {
      for (const name of names.split(" ")) target[name] = (...args) => record(name, args);
    },
  });

  // ---- Libraries ----------------------------------------------------------------------------------------------------------------

  function load(member) {
    const wanted = member.config.load;
    if (!wanted || !member.loads) return;
    let library = libraries.get(wanted.src);
    if (!library) libraries.set(wanted.src, (library = insert(wanted, member.nonce)));
    library.members.add(member);
    if (library.ran) ready(member, library);
  }

  function insert(wanted, nonce) {
    const element = createElement("script");
    const library = { element, ran: false, members: new Set(), ready: new Set() };
    if (nonce) element.nonce = nonce;
    for (const name in wanted.attributes) element.setAttribute(name, wanted.attributes[name]);
    element.async = wanted.async !== false;
    element.src = wanted.src;
    element.addEventListener("load", () => {
      hasRun(library);
      element.remove();
      for (const member of library.members) ready(member, library);
    });
    element.addEventListener("error", () => {
      // Blocked or out of reach: the next grant tries again.
      element.remove();
      if (libraries.get(wanted.src) === library) libraries.delete(wanted.src);
    });
    (head.call(document) || documentElement.call(document)).appendChild(element);
    return library;
  }

  function hasRun(library) {
    library.ran = true;
    for (const member of library.members) member.group.ran = true;
  }

  function ready(member, library) {
    if (library.ready.has(member) || !member.started || !member.is()) return;
    library.ready.add(member);
    if (member.type.ready) attempt(member.key, () => member.type.ready(member, member.group.page));
  }

  /** The destination is withdrawn: a library that is under way and that nobody else waits for does not run any more. */
  function cancel(member) {
    for (const [src, library] of libraries) {
      if (library.ran || !library.members.delete(member) || library.members.size > 0) continue;
      libraries.delete(src);
      // A script runs only in the document that it was prepared for.
      implementation.call(document).createHTMLDocument("").adoptNode(library.element);
    }
  }

  Object.defineProperty(window, contract, { value: Object.freeze({ grant, run, shelve }) });
  shelve(currentScript.call(document));
})();
