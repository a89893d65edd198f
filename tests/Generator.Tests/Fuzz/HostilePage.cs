using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Acornima.Ast;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using Jint;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>
/// A page in a JavaScript engine that runs inline scripts and writes down what they touch. What a type may touch is what it touches with its
/// sample settings: hostile ones must not make it touch anything else, compile text, or change what all objects share.
/// </summary>
internal sealed partial class HostilePage
{
    private const string Stub =
        """
        var touched = {}, listeners = [], timers = [], observers = [], connected = true, broken = Object.getOwnPropertyNames(Object.prototype).length;
        function touch(what) { touched[what] = true; }
        function forbidden(name) { return function () { throw new Error(name + " was called"); }; }
        var realFunction = Function;
        eval = forbidden("eval");
        realFunction.prototype.constructor = forbidden("Function");
        Function = forbidden("Function");
        setTimeout = setInterval = function (f) { touch("timer"); if (typeof f !== "function") throw new Error("a timer was given text"); timers.push(f); };
        var parent = {};
        function element(tag) {
          touch("element " + tag);
          return new Proxy({}, {
            get: function (_, name) {
              if (name !== "setAttribute") throw new Error("read element." + String(name));
              return function (attribute) { if (!/^data-[a-z-]+$/.test(attribute)) throw new Error("set attribute " + attribute); };
            },
            set: function (_, name) { touch("element." + String(name)); return true; }
          });
        }
        var document = new Proxy({}, {
          get: function (_, name) {
            if (name === "currentScript") return { getAttribute: function (a) { if (a !== "data-config") throw new Error("read " + a); return config; }, parentNode: parent, get isConnected() { return connected; } };
            touch("document." + String(name));
            if (name === "addEventListener") return function (type, listener) { listeners.push(listener); };
            if (name === "createElement") return element;
            if (name === "head" || name === "body") return { appendChild: function (e) { return e; } };
            return function () { return undefined; };
          },
          set: function (_, name) { throw new Error("wrote document." + String(name)); }
        });
        var window = {};
        ["location", "navigator", "open", "fetch", "alert", "XMLHttpRequest", "WebSocket", "EventSource", "Image", "Worker", "eval", "Function", "postMessage", "localStorage", "sessionStorage",
         "indexedDB", "history", "parent", "top", "opener", "frames", "document", "crypto", "customElements"].forEach(function (name) {
          Object.defineProperty(window, name, { get: function () { touch("window." + name); return {}; }, set: forbidden("set " + name), enumerable: false });
        });
        Object.defineProperty(window, "performance", { value: { getEntriesByType: function () { return []; } } });
        function URL(href) { this.href = String(href); }
        function MutationObserver(callback) { var self = this; this.observe = function () { observers.push(function () { callback([], self); }); }; this.disconnect = function () {}; }
        var config;
        function finish() {
          listeners.forEach(function (listener) { listener({ target: { src: "https://pwn.example/" } }); });
          timers.splice(0).forEach(function (f) { f(); });
          connected = false; // consent is withdrawn
          observers.splice(0).forEach(function (observer) { observer(); });
          timers.splice(0).forEach(function (f) { f(); });
          if (Object.getOwnPropertyNames(Object.prototype).length !== broken || ({}).pwn !== undefined) throw new Error("Object.prototype was changed");
          if (Object.getPrototypeOf(window) !== Object.prototype) throw new Error("window has another prototype");
          Object.keys(window).forEach(function (name) { touch("global " + name); });
          return Object.keys(touched).join("\n");
        }
        """;

    private static readonly Prepared<Script> StubScript = Engine.PrepareScript(Stub);

    private readonly ConcurrentDictionary<string, Prepared<Script>> _prepared = new(StringComparer.Ordinal);
    private readonly FrozenDictionary<string, FrozenSet<string>> _allowed;

    public HostilePage() => _allowed = DestinationCatalogue.BuiltIn.Types.Where(type => type.Name is not "script").ToFrozenDictionary(type => type.Name, Baseline, StringComparer.Ordinal);

    /// <summary>Runs the scripts of one configuration in their order.</summary>
    public void Run(IEnumerable<string> types, ImmutableArray<(string Text, string Config)> scripts)
    {
        foreach (var what in Touched(scripts))
            Assert.True(types.Any(type => _allowed[type].Contains(what)),
                $"{string.Join(" or ", types)} touched {what}, with {string.Join(" and ", scripts.Select(script => script.Config))}");
    }

    /// <summary>What a type's inline scripts touch with its example settings: the vendor's queues and functions, and what of the page they need to load it.</summary>
    public IEnumerable<string> Reach(string type) => _allowed[type].Order(StringComparer.Ordinal);

    private FrozenSet<string> Baseline(DestinationType type)
    {
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var testMode in (bool[])[false, true])
            foreach (var required in (string[][])[[], ["necessary"]])
                foreach (var first in (OpenedRow[])[Samples.Least, Samples.Full])
                {
                    var rows = new[] { first(type.Name, 1, required), Samples.Full(type.Name, 2, required) }.Select(row => row.With(destination => destination with { TestMode = testMode }));
                    var scripts = Samples.Generate(rows).Scripts(ConsentSet.Everything).Where(script => script!["textContent"] is not null)
                        .Select(script => ((string)script!["textContent"]!, (string?)script["attributes"]?["data-config"] ?? "null"));
                    try
                    {
                        touched.UnionWith(Touched([.. scripts]));
                    }
                    catch (JintException exception)
                    {
                        throw new InvalidOperationException($"The inline scripts of {type.Name} do what they may not: {exception.Message}", exception);
                    }
                }
        return touched.ToFrozenSet(StringComparer.Ordinal);
    }

    private delegate ConsentSnapshots.Generator.Snapshots.OpenedDestination OpenedRow(string type, int place, params string[] required);

    private IEnumerable<string> Touched(ImmutableArray<(string Text, string Config)> scripts)
    {
        using var engine = new Engine(options => options.LimitRecursion(200).MaxStatements(200_000));
        engine.Execute(StubScript);
        foreach (var (text, config) in scripts)
        {
            engine.SetValue("config", config);
            engine.Execute(_prepared.GetOrAdd(text, static source => Engine.PrepareScript(source)));
        }
        // Google's off switch is named after the tag's id, a second destination's instance after its destination's.
        return engine.Invoke("finish").AsString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(what => InstanceOfAnId().Replace(DisableSwitch().Replace(what, "global ga-disable-"), "_"));
    }

    [GeneratedRegex("^global ga-disable-.*")]
    private static partial Regex DisableSwitch();

    [GeneratedRegex("(?<=^global [a-z0-9_]+)_(?:[0-9a-f]{8})+$")]
    private static partial Regex InstanceOfAnId();
}
