using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;
using Jint;
using Script = Acornima.Ast.Script;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>
/// A page in a JavaScript engine that runs inline scripts and writes down what they touch. What a type may touch is what it touches with its
/// sample settings: hostile ones must not make it touch anything else, load anything else, compile text, or change what all objects share.
/// </summary>
internal static partial class HostilePage
{
    /// <summary>
    /// The page: the parts of a browser that inline scripts use, under a client that inserts their elements and removes them. Whatever else a script asks of
    /// it is a violation, which is kept although the runtime catches what a vendor's script throws.
    /// </summary>
    private const string Stub =
        """
        var touched = Object.create(null), violations = [], names = Object.getOwnPropertyNames(Object.prototype).length;
        function touch(what) { touched[what] = true; }
        function violate(what) { violations.push(what); throw new Error(what); }
        function forbidden(name) { return function () { violate(name + " was called"); }; }
        var realFunction = Function;
        eval = forbidden("eval");
        realFunction.prototype.constructor = forbidden("Function");
        Function = forbidden("Function");
        setTimeout = setInterval = function (f) { touch("timer"); if (typeof f !== "function") violate("a timer was given text"); microtasks.push(f); };
        var console = { error: function (text, error) { violations.push(text + " " + error); } };

        var microtasks = [];
        Promise.resolve = function () { return { then: function (f) { microtasks.push(f); } }; };
        function settle() { while (microtasks.length > 0) microtasks.shift()(); }

        class Node {}
        class Element extends Node {}
        class HTMLScriptElement extends Element {}
        var states = new Map(), observers = [], libraries = [];
        function stateOf(node) { return states.get(node) || violate("something else than a node was inserted or removed"); }
        function detach(node) {
          var state = stateOf(node), parent = state.parent;
          state.parent = null;
          if (parent) observers.forEach(function (observer) { observer.removed(parent, node); });
        }
        var members = {
          appendChild: function (parent, child) {
            var state = stateOf(child);
            detach(child);
            state.parent = parent;
            if (parent === head) {
              touch("insert " + state.tag);
              if (state.tag === "script") load(child, state);
            }
            return child;
          },
          getAttribute: function (element, name) {
            if (name !== "data-config") violate("read attribute " + name);
            return stateOf(element).config;
          },
          setAttribute: function (element, name, value) {
            stateOf(element).attributes[name] = value;
            if (!/^(data-[a-z][a-z-]*|crossorigin|integrity|defer|id)$/.test(name)) violate("set attribute " + name);
            touch(stateOf(element).tag + " attribute " + name.replace(/^data-.*/, "data-"));
          },
          addEventListener: function (element, type, listener) { (stateOf(element).listeners[type] = stateOf(element).listeners[type] || []).push(listener); },
          remove: function (element) { detach(element); }
        };
        function make(tag, prototype) {
          var state = { tag: tag, config: null, parent: null, listeners: {}, set: {}, attributes: {} };
          var element = new Proxy(Object.create(prototype), {
            get: function (_, name) {
              if (name === "nonce") return "n0nce";
              if (!members.hasOwnProperty(name)) violate("read " + tag + "." + String(name));
              return function (a, b, c) { return members[name](element, a, b, c); };
            },
            set: function (_, name, value) { touch(tag + "." + String(name)); state.set[name] = value; return true; },
            deleteProperty: function (_, name) { violate("deleted " + tag + "." + String(name)); },
            defineProperty: function (_, name) { violate("defined " + tag + "." + String(name)); }
          });
          states.set(element, state);
          return element;
        }
        function load(element, state) {
          if (JSON.parse(sources).indexOf(state.set.src) < 0) violate("loaded " + state.set.src);
          if (state.set.nonce !== "n0nce") violate("a library has no nonce");
          if (libraries.some(function (other) { return other.set.src === state.set.src && other.isWaiting; })) violate("loaded twice: " + state.set.src);
          state.isWaiting = true;
          libraries.push(state);
        }
        class MutationObserver {
          constructor(callback) { this.callback = callback; this.records = []; }
          observe(target, options) {
            if (!options.childList || options.subtree || options.attributes) violate("observed more than children");
            stateOf(target);
            this.target = target;
            observers.push(this);
          }
          takeRecords() { return this.records.splice(0); }
          removed(parent, node) {
            if (parent !== this.target) return;
            this.records.push({ removedNodes: [node], addedNodes: [] });
            var self = this;
            microtasks.push(function () { if (self.records.length > 0) self.callback(self.takeRecords(), self); });
          }
        }

        var head = make("head", Element.prototype), current = null, inert = {
          adoptNode: function (node) {
            detach(node);
            stateOf(node).isWaiting = false;
            return node;
          }
        };
        class Document extends Node {}
        var document = new Proxy(Object.create(Document.prototype), {
          get: function (_, name) { violate("read document." + String(name)); },
          set: function (_, name) { violate("wrote document." + String(name)); }
        });
        function ofDocument(name, descriptor) {
          var key = descriptor.get ? "get" : "value", real = descriptor[key];
          descriptor[key] = function (a) {
            if (this !== document) violate(name + " of something else than the document");
            if (name !== "currentScript") touch("document." + name);
            return real(a);
          };
          Object.defineProperty(Document.prototype, name, descriptor);
        }
        ofDocument("currentScript", { get: function () { return current; } });
        ofDocument("head", { get: function () { return head; } });
        ofDocument("documentElement", { get: function () { return violate("there is a head"); } });
        ofDocument("implementation", { get: function () { return { createHTMLDocument: function (title) { if (title !== "") violate("titled a document"); return inert; } }; } });
        ["cookie", "location", "body", "defaultView"].forEach(function (name) { ofDocument(name, { get: function () { return ""; }, set: forbidden("set " + name) }); });
        ["title", "referrer", "readyState"].forEach(function (name) { ofDocument(name, { get: function () { return ""; } }); });
        ofDocument("querySelector", { value: function () { return null; } });
        ofDocument("getElementById", { value: function (id) { return inserted().find(function (node) { return stateOf(node).set.id === id; }) || null; } });
        function inserted() { return Array.from(states.keys()).filter(function (node) { return stateOf(node).parent === head; }); }
        ["write", "writeln", "open"].forEach(function (name) { ofDocument(name, { value: forbidden(name) }); });
        ofDocument("createElement", { value: function (tag) {
          touch("element " + tag);
          return make(tag, tag === "script" ? HTMLScriptElement.prototype : Element.prototype);
        } });

        // In a document with <a id="x">, window.x is that element, unless it is something better.
        var named = new Proxy(Object.create(Element.prototype), { get: function () { return undefined; }, set: function (_, name) { violate("wrote to an element of the page: " + String(name)); } });
        var elements = new Proxy({}, { get: function (target, name) { return typeof name === "symbol" || name in target ? target[name] : named; } });
        var prototype = hasNamedElements ? elements : Object.prototype;
        var window = Object.create(prototype);
        ["location", "navigator", "open", "fetch", "alert", "XMLHttpRequest", "WebSocket", "EventSource", "Image", "Worker", "eval", "Function", "postMessage", "localStorage", "sessionStorage",
         "indexedDB", "history", "parent", "top", "opener", "frames", "document", "crypto", "customElements"].forEach(function (name) {
          Object.defineProperty(window, name, { get: function () { touch("window." + name); return {}; }, set: forbidden("set " + name), enumerable: false });
        });
        Object.defineProperty(window, "performance", { value: { getEntriesByType: function () { return []; } } });

        // What the client does: it inserts an element, whose text runs at once, and removes it from where it stands then.
        var held = {};
        function begin(index, config) {
          current = make("script", HTMLScriptElement.prototype);
          stateOf(current).config = config;
          stateOf(current).parent = head;
          held[index] = current;
        }
        function end(isShelved) {
          if (!isShelved !== (stateOf(current).parent === head)) violate(isShelved ? "an element stayed in the document" : "an element was moved");
          current = null;
        }
        function withdraw(index) { detach(held[index]); delete held[index]; }

        // What the network does. A vendor's library leaves its global behind.
        function arrive(type) {
          libraries.forEach(function (library) {
            if (!library.isWaiting) return;
            library.isWaiting = false;
            if (type === "load")
              Object.entries({ LogRocket: { init: function () {} }, UET: function () { this.push = function () {}; }, _satellite: { setDebug: function () {} }, pirschInit: function () {},
                newrelic: { consent: function () {} }, zE: function () {}, FrontChat: function () {},
                braze: { isDisabled: function () { return true; }, enableSDK: function () {}, disableSDK: function () {}, initialize: function () {}, automaticallyShowInAppMessages: function () {}, openSession: function () {} } })
                .forEach(function (entry) { Object.defineProperty(window, entry[0], { value: entry[1], configurable: true, writable: true }); });
            (library.listeners[type] || []).forEach(function (listener) { listener({ target: null }); });
          });
          settle();
        }
        function waiting() { return libraries.filter(function (library) { return library.isWaiting; }).map(function (library) { return library.set.src; }).join("\n"); }

        // Everything was withdrawn before a library arrived: no later one may find anything that was queued.
        function queued() {
          var found = [];
          function look(value, path, depth) {
            if (!value || typeof value !== "object" && typeof value !== "function") return;
            if (Array.isArray(value) && value.length > 0) found.push(path);
            if (depth < 3) Object.keys(value).forEach(function (name) { if (isQueue(name)) look(value[name], path + "." + name, depth + 1); });
          }
          function isQueue(name) { return !/^(methods|clientConfig|databuddyConfig|intercomSettings|_loadOptions|o)$/.test(name); }
          Object.keys(window).forEach(function (name) { if (isQueue(name)) look(window[name], name, 0); });
          return found.join(" ");
        }

        // What a library would find on the page, functions and moments apart.
        function state() {
          function shown(value, depth) {
            if (typeof value === "number" && value > 1e12) return "now";
            if (value instanceof Date) return "now";
            if (Array.isArray(value)) return named(value, depth, value.map(function (entry) { return shown(entry, depth + 1); }).filter(function (entry) { return entry !== undefined; }));
            if (value && (typeof value === "object" || typeof value === "function")) return named(value, depth);
            return value;
          }
          function named(value, depth, entries) {
            var result = { }, isEmpty = true;
            if (entries && entries.length > 0) { result.entries = entries; isEmpty = false; }
            if (depth < 8) Object.keys(value).sort().forEach(function (name) {
              if (entries && /^[0-9]+$/.test(name) || name === "methods") return;
              var inner = shown(value[name], depth + 1);
              if (inner !== undefined) { result[name] = inner; isEmpty = false; }
            });
            return isEmpty ? undefined : result;
          }
          var metas = inserted().filter(function (node) { return stateOf(node).tag === "meta"; }).map(function (node) { return stateOf(node).attributes; });
          return (JSON.stringify(named(window, 0)) || "") + metas.map(function (attributes) { return JSON.stringify(attributes); }).join("");
        }

        function finish() {
          if (Object.getOwnPropertyNames(Object.prototype).length !== names || ({}).pwn !== undefined) violations.push("Object.prototype was changed");
          if (Object.getPrototypeOf(window) !== prototype) violations.push("window has another prototype");
          Object.keys(window).forEach(function (name) { touch("global " + name); });
          return Object.keys(touched).join("\n");
        }
        """;

    private static readonly Prepared<Script> StubScript = Engine.PrepareScript(Stub);

    private static readonly ConcurrentDictionary<string, Prepared<Script>> PreparedScripts = new(StringComparer.Ordinal);

    private static readonly ConcurrentDictionary<string, FrozenSet<string>> Allowed = new(StringComparer.Ordinal);

    /// <summary>Runs the scripts of one configuration in their order, through grants and withdrawals.</summary>
    public static void Run(IEnumerable<string> types, ImmutableArray<InlineElement> scripts)
    {
        var layers = scripts.SelectMany(Layers).ToHashSet(StringComparer.Ordinal);
        foreach (var what in Touched(scripts, hasNamedElements: false, isExample: false))
            Assert.True(types.Any(type => Reach(type).Contains(what)) || layers.Contains(what),
                $"{string.Join(" or ", types)} touched {what}, with {string.Join(" and ", scripts.Select(script => script.Config))}");
    }

    /// <summary>The data layers that settings name, and the function for each: global variables of the organization's own.</summary>
    private static IEnumerable<string> Layers(InlineElement script)
    {
        if (script.Config is not { } text || JsonNode.Parse(text) is not JsonObject config) return [];
        var all = config["layers"] as JsonArray ?? [];
        return all.Append(config["layer"]).OfType<JsonValue>().Where(name => name.TryGetValue<string>(out _)).SelectMany(name => (string[])[$"global {(string?)name}", $"global {(string?)name}Gtag"]);
    }

    /// <summary>What a type's inline scripts touch with its example settings: the vendor's queues and functions, and what of the page they need to load it.</summary>
    public static FrozenSet<string> Reach(string type) =>
        Allowed.GetOrAdd(type, static name => DestinationCatalogue.BuiltIn.TryGet(name, out var found) ? Baseline(found) : throw new ArgumentException(name, nameof(name)));

    /// <summary>What a page's inline scripts touch where its policy, say, keeps the runtime from running.</summary>
    public static IEnumerable<string> TouchedWithoutRuntime(string type)
    {
        using var engine = Open(FrozenSet<string>.Empty, hasNamedElements: false);
        foreach (var (index, script) in Examples(type, testMode: false, []).SelectMany(scripts => scripts).Where(script => script.Text != PageScripts.Runtime.Text).Index())
            Insert(engine, index, script, isShelved: false);
        engine.Invoke("settle");
        return Finish(engine);
    }

    /// <summary>
    /// What the libraries would find on a page whose destinations were granted one after the other, each withdrawn before the next and before a library arrived;
    /// and what they would find if only the last had been.
    /// </summary>
    public static IEnumerable<(string AfterOthers, string Alone)> StatesOfTheLast(string type)
    {
        foreach (var (first, second) in ((OpenedRow, OpenedRow)[])[(Samples.Least, Samples.Full), (Samples.Full, Samples.Least)])
        {
            var elements = Elements(Samples.Generate(first(type, 1), second(type, 2)).Scripts(ConsentSet.Everything));
            var last = elements.IndexOf(elements.Single(element => element.Config?.StartsWith($"{{\"key\":\"{type}:00000002\"", StringComparison.Ordinal) ?? false));
            var others = elements.IndexOf(elements.Single(element => element.Config?.StartsWith($"{{\"key\":\"{type}:00000001\"", StringComparison.Ordinal) ?? false));
            yield return (State([.. Enumerable.Range(0, elements.Length).Where(index => index != last && index != others), others, ~others, last]), State([.. Enumerable.Range(0, elements.Length).Where(index => index != others)]));

            // A number inserts an element, its complement removes it.
            string State(int[] steps)
            {
                using var engine = Open(elements.Select(element => element.Library).OfType<string>().ToFrozenSet(StringComparer.Ordinal), hasNamedElements: false);
                foreach (var step in steps)
                {
                    if (step < 0) engine.Invoke("withdraw", ~step);
                    else Insert(engine, step, elements[step], isShelved: true);
                    engine.Invoke("settle");
                }
                var state = engine.Invoke("state").AsString();
                Finish(engine);
                return state;
            }
        }
    }

    /// <summary>
    /// What Google's data layer says of consent where the page says that it is granted, and where consent is then withdrawn before a tag has arrived.
    /// </summary>
    public static (string Granted, string Withdrawn) ConsentInTheDataLayer()
    {
        var elements = Elements(Samples.Generate(Samples.Least("google-analytics")).Scripts(ConsentSet.Everything));
        using var engine = Open(elements.Select(element => element.Library).OfType<string>().ToFrozenSet(StringComparer.Ordinal), hasNamedElements: false);
        for (var index = 0; index < elements.Length; index++) Insert(engine, index, elements[index], isShelved: true);
        engine.Invoke("settle");
        engine.Evaluate("window.gtag('consent', 'update', { 'page_says': 'granted' })");
        var granted = Said();
        for (var index = 0; index < elements.Length; index++) engine.Invoke("withdraw", index);
        engine.Invoke("settle");
        engine.Evaluate("window.gtag('consent', 'update', { 'page_says': 'denied' })");
        var withdrawn = Said();
        Finish(engine);
        return (granted, withdrawn);

        string Said() => engine.Evaluate(
            "window.dataLayer.filter(entry => entry[0] === 'consent').map(entry => entry[1] + ' ' + (entry[2].page_says ? 'page ' + entry[2].page_says : entry[2].analytics_storage)).join(', ')").AsString();
    }

    /// <summary>The inline elements of a list.</summary>
    public static ImmutableArray<InlineElement> Elements(IEnumerable<JsonNode?> scripts) =>
        [.. scripts.Where(script => script!["textContent"] is not null).Select(script => new InlineElement((string)script!["textContent"]!, (string?)script["attributes"]?["data-config"]))];

    private static FrozenSet<string> Baseline(DestinationType type)
    {
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var testMode in (bool[])[false, true])
            foreach (var required in (string[][])[[], ["necessary"]])
                foreach (var scripts in Examples(type.Name, testMode, required))
                    foreach (var hasNamedElements in (bool[])[false, true])
                        try
                        {
                            touched.UnionWith(Touched(scripts, hasNamedElements, isExample: true));
                        }
                        catch (Exception exception)
                        {
                            throw new InvalidOperationException($"The inline scripts of {type.Name} do what they may not{(hasNamedElements ? " among named elements" : "")}: {exception.Message}", exception);
                        }
        return touched.ToFrozenSet(StringComparer.Ordinal);
    }

    private static IEnumerable<ImmutableArray<InlineElement>> Examples(string type, bool testMode, string[] required)
    {
        foreach (var first in (OpenedRow[])[Samples.Least, Samples.Full])
        {
            var rows = new[] { first(type, 1, required), Samples.Full(type, 2, required) }.Select(row => row.With(destination => destination with { TestMode = testMode }));
            yield return Elements(Samples.Generate(rows).Scripts(ConsentSet.Everything));
        }
    }

    private delegate ConsentSnapshots.Generator.Snapshots.OpenedDestination OpenedRow(string type, int place, params string[] required);

    /// <summary>
    /// What the scripts touch while consent is granted, withdrawn before a library has arrived, granted again, and withdrawn after it has run; the last two
    /// times also one element after the other.
    /// </summary>
    private static IEnumerable<string> Touched(ImmutableArray<InlineElement> scripts, bool hasNamedElements, bool isExample)
    {
        var libraries = scripts.Select(script => script.Library).OfType<string>().ToHashSet(StringComparer.Ordinal);
        using var engine = Open(libraries, hasNamedElements);
        Grant();
        AssertLoading();
        Withdraw();
        Assert.Equal("", Waiting());
        if (isExample) Assert.Equal("", engine.Invoke("queued").AsString());
        Grant();
        engine.Invoke("arrive", "error");
        // Nothing has loaded: the next change tries again.
        Withdraw();
        Grant();
        AssertLoading();
        OneByOne();
        AssertLoading();
        engine.Invoke("arrive", "load");
        Assert.Equal("", Waiting());
        OneByOne();
        Withdraw();
        Grant();
        // One that was refused a place on the page may have taken it.
        engine.Invoke("arrive", "load");
        Withdraw();
        return Finish(engine);

        void Grant()
        {
            for (var index = 0; index < scripts.Length; index++) Insert(engine, index, scripts[index], isShelved: true);
            engine.Invoke("settle");
        }

        void Withdraw()
        {
            for (var index = 0; index < scripts.Length; index++) engine.Invoke("withdraw", index);
            engine.Invoke("settle");
        }

        void OneByOne()
        {
            for (var index = 0; index < scripts.Length; index++)
            {
                engine.Invoke("withdraw", index);
                engine.Invoke("settle");
                Insert(engine, index, scripts[index], isShelved: true);
                engine.Invoke("settle");
            }
        }

        string Waiting() => engine.Invoke("waiting").AsString();

        void AssertLoading()
        {
            if (libraries.Count > 0) Assert.True(Waiting().Length > 0, $"Nothing loads, with {string.Join(" and ", scripts.Select(script => script.Config))}");
        }
    }

    private static Engine Open(IReadOnlySet<string> libraries, bool hasNamedElements)
    {
        var engine = new Engine(options => options.LimitRecursion(200).MaxStatements(200_000));
        engine.SetValue("sources", new JsonArray([.. libraries.Select(library => (JsonNode)library)]).ToJsonString());
        engine.SetValue("hasNamedElements", hasNamedElements);
        engine.Execute(StubScript);
        return engine;
    }

    private static void Insert(Engine engine, int index, InlineElement script, bool isShelved)
    {
        engine.Invoke("begin", index, script.Config);
        engine.Execute(PreparedScripts.GetOrAdd(script.Text, static source => Engine.PrepareScript(source)));
        engine.Invoke("end", isShelved);
    }

    private static IEnumerable<string> Finish(Engine engine)
    {
        var touched = engine.Invoke("finish").AsString();
        Assert.Equal("", engine.Evaluate("violations.join('; ')").AsString());
        // The off switches of Google and Yandex are named after the tag's id, a second destination's instance after its destination's.
        return touched.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(what => InstanceOfAnId().Replace(DisableSwitch().Replace(what, "global $1"), "_"));
    }

    [GeneratedRegex("^global (ga-disable-|disableYaCounter).*")]
    private static partial Regex DisableSwitch();

    [GeneratedRegex("(?<=^global [a-z0-9_]+)_(?:[0-9a-f]{8})+$")]
    private static partial Regex InstanceOfAnId();
}

/// <summary>An inline script as the client inserts it: its text, and what its <c>data-config</c> is.</summary>
internal sealed record InlineElement(string Text, string? Config)
{
    /// <summary>The library that the runtime may insert for it.</summary>
    public string? Library => Config is null ? null : (string?)(JsonNode.Parse(Config) as JsonObject)?["load"]?["src"];
}
