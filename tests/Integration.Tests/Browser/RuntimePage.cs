using System.Text.Json;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// A page with the runtime and without a consent client: the test itself inserts and removes elements, as a client does. Their vendors are made up. Each pushes into an array of its name what
/// its destinations may do: <c>a on marketing</c>, <c>a off</c>. Its library takes the array over, and notes in <c>log</c> that it ran and what it heard.
/// </summary>
internal sealed class RuntimePage : IAsyncDisposable
{
    private static readonly Dictionary<string, string> s_vendors = new()
    {
        ["acme"] = Vendor("acme"),
        ["other"] = Vendor("other"),
        ["single"] = Vendor("single", "onePerPage: true,"),
        ["needy"] = Vendor("needy", "needs: 'a',"),
        ["late"] = Vendor("late", "ready: (member) => window.late.push(`${member.config.key} ready`),"),
        ["plain"] = Vendor("plain", "start: (member, page) => { page.global('plain', () => []); say(member); }, ready: (member) => window.plain.push(`${member.config.key} ready`),"),
        ["set"] = Vendor("set", "start(member, page) { for (const name of ['theme', 'account']) page.set(name, member.config.key); },"),
        ["present"] = Vendor("present", "start: () => false,"),
        ["broken"] = Vendor("broken", "start() { throw new Error('no'); },"),
    };

    private static readonly string s_driver =
        $$"""
        window.log = { ran: [], heard: [] };
        window.client = (() => {
          const head = Object.getOwnPropertyDescriptor(Document.prototype, "head").get;
          const vendors = {{JsonSerializer.Serialize(s_vendors)}};
          const insert = (text, config) => {
            const element = Document.prototype.createElement.call(document, "script");
            element.textContent = text;
            if (config) element.setAttribute("data-config", JSON.stringify(config));
            if (client.nonce) element.nonce = client.nonce;
            return head.call(document).appendChild(element);
          };
          return {
            insert,
            runtime: () => insert({{JsonSerializer.Serialize(PageScripts.Runtime.Text)}}),
            vendor: (key, name = "acme") => insert(vendors[name], { key, load: { src: `https://${name}.example/library.js` } }),
            grant: (key, permission) => insert({{JsonSerializer.Serialize(PageScripts.Grant.Text)}}, [key, permission]),
          };
        })();
        """;

    private RuntimePage(OfflineSite site) => Site = site;

    public OfflineSite Site { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Opens a page whose first script is the runtime.</summary>
    /// <param name="markup">The elements of its body.</param>
    /// <param name="nonce">The nonce that a script needs to run, if it needs one.</param>
    /// <param name="isHeld">Whether libraries are under way until the site releases them.</param>
    /// <param name="withRuntime">Whether the runtime is there.</param>
    public static async Task<RuntimePage> OpenAsync(ChromiumFixture chromium, string markup = "", string? nonce = null, bool isHeld = false, bool withRuntime = true)
    {
        var policy = nonce is null ? "" : $"<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'nonce-{nonce}'\">";
        var page = new RuntimePage(await chromium.OpenAsync($"<!doctype html><html lang=\"en\"><head><title>A site</title>{policy}</head><body>{markup}</body></html>", Cancel));
        foreach (var name in s_vendors.Keys)
        {
            page.ServeLibrary(name);
            if (isHeld) page.Site.Hold(LibraryOf(name));
        }
        await page.RunAsync(s_driver);
        if (nonce is not null) await page.RunAsync($"client.nonce = '{nonce}'");
        if (withRuntime) await page.RunAsync("runtime()");
        return page;
    }

    public static string LibraryOf(string vendor) => $"https://{vendor}.example/library.js";

    /// <summary>Answers requests for a vendor's library from now on.</summary>
    /// <param name="vendor">The vendor's name.</param>
    /// <param name="more">What the library does besides.</param>
    public void ServeLibrary(string vendor, string more = "") =>
        Site.Serve(LibraryOf(vendor), $"log.ran.push('{vendor}'); log.heard.push(...window.{vendor}); window.{vendor} = {{ push: entry => log.heard.push(entry) }}; {more}");

    /// <summary>Runs code of the client or of the page, and waits for what follows from it.</summary>
    public async Task RunAsync(string script)
    {
        await Site.Page.EvaluateAsync($"() => {{ const {{ insert, runtime, vendor, grant }} = window.client || {{}}; {script}; }}").WaitAsync(Cancel);
        await Site.SettleAsync(Cancel);
    }

    /// <summary>Answers what is under way, and waits for what follows from it.</summary>
    public async Task ReleaseAsync()
    {
        Site.Release();
        await Site.SettleAsync(Cancel);
    }

    /// <summary>The value of a JavaScript expression.</summary>
    public Task<T> ValueAsync<T>(string expression) => Site.Page.EvaluateAsync<T>($"() => ({expression})").WaitAsync(Cancel);

    /// <summary>The vendors whose library ran, each as often as it ran.</summary>
    public Task<string[]> RanAsync() => ValueAsync<string[]>("log.ran");

    /// <summary>What libraries found and were told.</summary>
    public Task<string[]> HeardAsync() => ValueAsync<string[]>("log.heard");

    /// <summary>What waits for a library that is under way.</summary>
    public Task<string[]> WaitingAsync() => ValueAsync<string[]>("[...acme]");

    /// <summary>How often a vendor's library was asked for.</summary>
    public int AskedFor(string vendor) => Site.Requests.Count(url => url == LibraryOf(vendor));

    public ValueTask DisposeAsync() => Site.DisposeAsync();

    private static string Vendor(string name, string more = "") =>
        $$"""
        window[Symbol.for("consent-snapshots/1")]?.run("{{name}}", (() => {
          const say = (member) => window.{{name}}.push([member.config.key, member.is() ? "on" : "off", ...["marketing", "measurement"].filter((permission) => member.is(permission))].join(" "));
          return {
            start(member, page) {
              page.queue(page.global("{{name}}", () => []), page.made("{{name}}"));
              say(member);
            },
            tell: say,
            {{more}}
          };
        })());
        """;
}
